// Numbers over time, in lanes one above the other.

import { colours, short } from "./palette.js";
import { niceStep, Strip } from "./strip.js";

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
      if (lane.label) {
        this.bar(top + 1, height - 2, lane.colour);
        this.label(lane.label, middle, colours.ink);
      } else if (height > 30) {
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
  const step = niceStep((high - low) / 3 || 1);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-12; v += step) found.push(Number(v.toPrecision(8)));
  return found;
}
