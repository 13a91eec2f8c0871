// Panels along time. A sweep runs from left to right over the last one, as on an
// oscilloscope: only new ticks are drawn, which is what makes it cheap.

import { colours, faint, FONT, series, short } from "./palette.js";

const AHEAD = 0.015; // share of the width that is wiped before the sweep
const GHOST = 0.5; // how much of the last sweep fades when a new one begins
const RIGHT = 6; // pixels to the right of the plot
const AXIS = 16; // pixels for the labels of time

const FITS = matchMedia("(max-width: 47rem)");
export const gutter = () => (FITS.matches ? 66 : 72);

/** A panel whose horizontal axis is time. */
class Strip {
  constructor(section, { axis = false } = {}) {
    this.section = section;
    this.axis = axis;
    this.box = section.querySelector(".plot");
    this.under = this.box.appendChild(document.createElement("canvas"));
    this.over = this.box.appendChild(document.createElement("canvas"));
    this.record = null;
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  begin(session, record) {
    this.session = session;
    this.record = record;
    this.resize();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    const dpr = (this.dpr = Math.min(2, devicePixelRatio || 1));
    this.left = gutter();
    this.w = Math.max(10, width - this.left - RIGHT);
    this.h = Math.max(10, height - (this.axis ? AXIS : 0));
    const fit = (canvas, w, h) => {
      canvas.width = Math.round(w * dpr);
      canvas.height = Math.round(h * dpr);
      canvas.style.width = `${w}px`;
      canvas.style.height = `${h}px`;
      const pen = canvas.getContext("2d");
      pen.setTransform(dpr, 0, 0, dpr, 0, 0);
      return pen;
    };
    this.back = fit(this.under, width, height);
    this.pen = fit(this.over, this.w, this.h);
    this.over.style.left = `${this.left}px`;
    this.redraw();
  }

  x(position) {
    return (position / this.record.width) * this.w;
  }

  /** The same on a whole pixel, so that what is drawn piece by piece has no seams. */
  edge(position) {
    return Math.round(this.x(position) * this.dpr) / this.dpr;
  }

  /** Everything anew: the axes, this sweep, and what is left of the last one. */
  redraw() {
    if (!this.record || !this.pen) return;
    this.drawAxes();
    const { at, width } = this.record;
    const ahead = Math.min(width, at + Math.ceil(AHEAD * width));
    this.pen.clearRect(0, 0, this.w, this.h);
    if (this.record.count >= 0) {
      this.pen.globalAlpha = 1 - GHOST;
      if (at < width) this.ink(ahead, width);
      this.pen.globalAlpha = 1;
      this.ink(0, at);
      this.cursor(at);
    }
  }

  /** Draws the ticks at positions [from, to). */
  draw(from, to) {
    if (!this.record || !this.pen) return;
    if (from === 0) {
      this.fade();
      if (this.axis && this.since !== this.record.since) this.drawAxes();
    }
    const x = this.edge(from);
    const wiped = Math.ceil(this.x(to) + AHEAD * this.w);
    this.pen.clearRect(x, 0, wiped - x, this.h);
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(x - 14, 0, wiped - x + 14, this.h);
    this.pen.clip();
    this.ink(from, to);
    this.cursor(to);
    this.pen.restore();
  }

  fade() {
    this.pen.globalCompositeOperation = "destination-out";
    this.pen.globalAlpha = GHOST;
    this.pen.fillRect(0, 0, this.w, this.h);
    this.pen.globalAlpha = 1;
    this.pen.globalCompositeOperation = "source-over";
  }

  cursor(position) {
    if (position >= this.record.width) return;
    this.pen.fillStyle = colours.muted;
    this.pen.fillRect(Math.min(this.w - 1, this.x(position) + 1), 0, 1, this.h);
  }

  ink(from, to) {
    this.windows(from, to);
    this.content(from, to);
  }

  /** Shades where a target is valid. */
  windows(from, to) {
    const { mask } = this.record;
    this.pen.fillStyle = faint(colours.orange, 0.1);
    for (let p = from; p < to; p++) {
      if (!mask[p]) continue;
      let end = p;
      while (end < to && mask[end]) end++;
      this.pen.fillRect(this.edge(p), 0, this.edge(end) - this.edge(p), this.h);
      p = end;
    }
  }

  drawAxes() {
    const { back, left, w, h } = this;
    const { ticks, dt, samples, width, since } = this.record;
    this.since = since;
    back.clearRect(0, 0, left + w + RIGHT, h + AXIS);
    back.font = FONT;
    back.textBaseline = "middle";
    const step = timeStep((width * dt * 1000) / (w / 90));
    const span = width * dt * 1000;
    back.fillStyle = colours.grid;
    const lines = samples > 1 ? [...Array(samples + 1).keys()].map((k) => k * ticks * dt * 1000) : null;
    if (lines) {
      if ((w / samples) > 6) for (const ms of lines) back.fillRect(left + Math.round((ms / span) * w), 0, 1, h);
    } else {
      for (let ms = 0; ms <= span * 1.0001; ms += step) back.fillRect(left + Math.round((ms / span) * w), 0, 1, h);
    }
    if (this.axis) {
      back.fillStyle = colours.muted;
      const begun = width < ticks ? since * dt * 1000 : 0;
      for (let ms = 0; ms <= span * 1.0001; ms += step) {
        const x = left + (ms / span) * w;
        const last = ms + step > span * 1.0001;
        const text = String(Number((begun + ms).toPrecision(5)));
        back.textAlign = ms === 0 ? "left" : x > left + w - 20 ? "right" : "center";
        back.fillText(last ? `${text} ms` : text, x, h + AXIS / 2 + 1);
      }
    }
    this.labels();
  }

  /** A label in the gutter, cut where it does not fit. */
  label(text, y, colour = colours.muted) {
    this.back.fillStyle = colour;
    this.back.textAlign = "right";
    let shown = text;
    while (shown.length > 2 && this.back.measureText(shown).width > this.left - 10) {
      shown = `${shown.slice(0, -2)}…`;
    }
    this.back.fillText(shown, this.left - 6, y);
  }
}

function timeStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= least);
}

/** Spikes: the input below, every population above it. */
export class Raster extends Strip {
  begin(session, record) {
    const sizes = [["input", session.n_in], ...session.populations.map((p) => [p.name, p.n])];
    this.bands = sizes.reverse().map(([name, n]) => ({ name, n }));
    super.begin(session, record);
  }

  resize() {
    if (this.bands) {
      // Room by the square root of the size, so that small populations can be seen.
      const weights = this.bands.map(({ n }) => Math.sqrt(n) + 2);
      const total = weights.reduce((a, b) => a + b, 0);
      const room = this.box.clientHeight - (this.axis ? AXIS : 0) - 4 * this.bands.length;
      let top = 4;
      this.bands.forEach((band, k) => {
        band.top = top;
        band.height = Math.max(3, (weights[k] / total) * room);
        top += band.height + 4;
      });
    }
    super.resize();
  }

  content(from, to) {
    const { pen, record } = this;
    const wide = Math.max(1.25, this.w / record.width);
    this.bands.forEach(({ name, n, top, height }, k) => {
      const lists = record.events.get(name);
      if (!lists) return;
      const row = height / n;
      const tall = Math.max(1.25, Math.min(4, row * 0.85));
      pen.fillStyle = this.colour(name, k);
      for (let p = from; p < to; p++) {
        const x = this.x(p);
        for (const i of lists[p] ?? []) pen.fillRect(x, top + i * row, wide, tall);
      }
    });
    this.verdicts(from, to);
    pen.fillStyle = colours.vermillion; // along the top while unplugged
    for (let p = from; p < to; p++) {
      if (!record.plugged[p]) pen.fillRect(this.x(p), 0, this.w / record.width + 0.5, 3);
    }
  }

  /** At a sample's end, whether the answer was right. */
  verdicts(from, to) {
    const { pen, record } = this;
    if (this.x(record.ticks) < 14) return;
    pen.font = FONT.replace("11px", "bold 12px");
    pen.textAlign = "right";
    pen.textBaseline = "top";
    for (let p = from; p < to; p++) {
      const answer = record.answers[p];
      if (!answer) continue;
      pen.fillStyle = answer > 0 ? colours.green : colours.vermillion;
      pen.fillText(answer > 0 ? "✓" : "✗", this.x(p + 1) - 2, 4);
    }
  }

  colour(name, k) {
    return name === "input" ? colours.muted : series(this.bands.length - 2 - k);
  }

  labels() {
    this.bands.forEach(({ name, n, top, height }, k) => {
      this.back.fillStyle = colours.grid;
      if (k) this.back.fillRect(this.left, Math.round(top) - 3, this.w, 1);
      const middle = top + height / 2;
      const two = height > 26;
      this.label(name, two ? middle - 6 : middle, this.colour(name, k));
      if (two) this.label(String(n), middle + 7);
    });
  }
}

/** Numbers over time, in lanes one above the other. */
export class Lanes extends Strip {
  /**
   * @param {(session: object, record: Record) => object[]} plan The lanes: `label`,
   *   `traces` of `{channel, colour, width, wide, stem}`, `group` of lanes that share
   *   a scale, `lines` that are marked, `keep` that the scale has to include.
   */
  constructor(section, plan, options) {
    super(section, options);
    this.plan = plan;
    this.scales = new Map();
  }

  begin(session, record) {
    this.scales.clear();
    super.begin(session, record);
  }

  /** Asks for the lanes again: what is shown has changed. */
  redraw() {
    if (!this.record || !this.pen) return;
    this.lanes = this.plan(this.session, this.record);
    this.fit(true);
    super.redraw();
  }

  draw(from, to) {
    if (!this.record || !this.pen) return;
    const known = this.traceCount;
    this.lanes = this.plan(this.session, this.record);
    this.traceCount = this.lanes.reduce((sum, lane) => sum + lane.traces.length, 0);
    if (this.fit(false, from, to) || known !== this.traceCount) this.redraw();
    else super.draw(from, to);
    if (to === this.record.width && this.fit(true)) this.redraw();
  }

  /** Makes scales hold positions [from, to); whether one had to change. */
  fit(anew, from = 0, to = this.record.width) {
    const found = new Map();
    this.lanes.forEach((lane, k) => {
      const key = lane.group ?? k;
      const range = found.get(key) ?? [Infinity, -Infinity];
      for (const value of lane.keep ?? []) include(range, value);
      for (const { channel } of lane.traces) {
        const values = this.record.channels.get(channel);
        if (values) for (let p = from; p < to; p++) include(range, values[p]);
      }
      found.set(key, range);
    });
    let changed = false;
    for (const [key, [low, high]] of found) {
      if (low > high) {
        if (!this.scales.has(key)) this.scales.set(key, [0, 1]);
        continue;
      }
      const old = this.scales.get(key);
      const inside = old && low >= old[0] && high <= old[1];
      const loose = anew && old && high - low < 0.4 * (old[1] - old[0]);
      if (inside && !loose) continue;
      const wide = !anew && old ? [Math.min(low, old[0]), Math.max(high, old[1])] : [low, high];
      const room = 0.12 * (wide[1] - wide[0]) || Math.abs(wide[1]) * 0.1 || 0.5;
      const next = [wide[0] - room, wide[1] + room];
      if (old && Math.abs(next[0] - old[0]) + Math.abs(next[1] - old[1]) < 1e-9) continue;
      this.scales.set(key, next);
      changed = true;
    }
    return changed;
  }

  laneBox(k) {
    const gap = this.lanes.length > 1 ? 3 : 0;
    const height = (this.h - gap * (this.lanes.length - 1)) / this.lanes.length;
    return { top: k * (height + gap), height };
  }

  y(k, value) {
    const { top, height } = this.laneBox(k);
    const [low, high] = this.scales.get(this.lanes[k].group ?? k) ?? [0, 1];
    return top + height * (1 - (value - low) / (high - low));
  }

  content(from, to) {
    const { pen, record } = this;
    const alpha = pen.globalAlpha;
    this.lanes.forEach((lane, k) => {
      for (const { channel, colour, width = 1.25, opacity = 1, stem } of lane.traces) {
        const values = record.channels.get(channel);
        if (!values) continue;
        pen.globalAlpha = alpha * opacity;
        pen.beginPath();
        if (stem) {
          const zero = this.y(k, 0);
          for (let p = from; p < to; p++) {
            if (!values[p]) continue;
            const x = this.x(p + 0.5);
            pen.moveTo(x, zero);
            pen.lineTo(x, this.y(k, values[p]));
          }
        } else {
          let down = false;
          for (let p = Math.max(0, from - 1); p < to; p++) {
            if (Number.isNaN(values[p])) {
              down = false;
              continue;
            }
            const x = this.x(p + 0.5);
            const y = this.y(k, values[p]);
            if (down) pen.lineTo(x, y);
            else pen.moveTo(record.width < 60 ? x - 1 : x, y);
            down = true;
          }
        }
        pen.strokeStyle = colour;
        pen.lineWidth = width;
        pen.lineJoin = "round";
        pen.stroke();
      }
      pen.globalAlpha = alpha;
      if (lane.spikes) this.spikes(lane, k, from, to);
    });
  }

  /** A stroke where the neuron of a lane fired. */
  spikes({ spikes: { population, neuron, colour } }, k, from, to) {
    const lists = this.record.events.get(population);
    if (!lists) return;
    const { top, height } = this.laneBox(k);
    this.pen.fillStyle = colour;
    for (let p = from; p < to; p++) {
      if (lists[p]?.includes(neuron)) {
        this.pen.fillRect(this.x(p + 0.5) - 0.75, top, 1.5, Math.min(9, height * 0.3));
      }
    }
  }

  labels() {
    const { back, left, w } = this;
    this.lanes.forEach((lane, k) => {
      const { top, height } = this.laneBox(k);
      const [low, high] = this.scales.get(lane.group ?? k) ?? [0, 1];
      if (k) {
        back.fillStyle = colours.grid;
        back.fillRect(left, Math.round(top) - 2, w, 1);
      }
      for (const { value, colour } of lane.lines ?? []) {
        if (value < low || value > high) continue;
        back.strokeStyle = colour ?? colours.rule;
        back.setLineDash([4, 3]);
        back.beginPath();
        back.moveTo(left, Math.round(this.y(k, value)) + 0.5);
        back.lineTo(left + w, Math.round(this.y(k, value)) + 0.5);
        back.stroke();
        back.setLineDash([]);
      }
      const middle = top + height / 2;
      if (lane.label) this.label(lane.label, height > 30 && lane.note ? middle - 6 : middle, lane.colour);
      if (lane.label && lane.note && height > 30) this.label(lane.note, middle + 7);
      if (!lane.label && height > 30) {
        const [a, b] = [0.12, 0.88].map((share) => high - share * (high - low));
        for (const value of niceTicks(b, a)) this.label(short(value), this.y(k, value));
      }
    });
  }
}

function include(range, value) {
  if (value < range[0]) range[0] = value;
  if (value > range[1]) range[1] = value;
}

function niceTicks(low, high) {
  const step = timeStep((high - low) / 3 || 1);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-12; v += step) found.push(Number(v.toPrecision(8)));
  return found;
}
