// Panels along time. A sweep runs from left to right over the last one, as on an
// oscilloscope: only new ticks are drawn, which is what makes it cheap.

import { colours, density, faint, FONT } from "./palette.js";

const AHEAD = 0.015; // share of the width that is wiped before the sweep
const GHOST = 0.5; // how much of the last sweep fades when a new one begins
const RIGHT = 6; // pixels to the right of the plot
export const AXIS = 16; // pixels for the labels of time

const FITS = matchMedia("(max-width: 47rem)");
export const gutter = () => (FITS.matches ? 72 : 80);

/** A panel whose horizontal axis is time. */
export class Strip {
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
    const dpr = (this.dpr = density());
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
    const x = this.edge(position) + 1;
    if (x > this.w - 1) return; // nothing would wipe it away
    this.pen.fillStyle = colours.muted;
    this.pen.fillRect(x, 0, 1, this.h);
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
    const step = niceStep((width * dt * 1000) / (w / 90));
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

  /** A bar beside the plot: the colour of what stands there. */
  bar(top, height, colour) {
    this.back.fillStyle = colour;
    this.back.fillRect(this.left - 4, top, 3, height);
  }

  /** A label in the gutter; its last word, or the word's beginning, where it is long. */
  label(text, y, colour = colours.muted) {
    this.back.fillStyle = colour;
    this.back.textAlign = "right";
    const fits = (some) => this.back.measureText(some).width <= this.left - 12;
    let shown = fits(text) ? text : text.split(" ").at(-1);
    while (shown.length > 2 && !fits(shown)) {
      shown = `${shown.slice(0, -2)}…`;
    }
    this.back.fillText(shown, this.left - 9, y);
  }
}

/** A step of 1, 2 or 5 times a power of ten, no smaller than that. */
export function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= least);
}
