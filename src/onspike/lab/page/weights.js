// One projection's weights: a picture of the matrix, and how they are spread.

import { channels, colours, density, faint, FONT, short } from "./palette.js";

const AXIS = 15; // pixels below the histogram
const FULL = 0.98; // quantile of the weights' sizes that has the full colour

export class Weights {
  /** @param {(choice: object) => void} watch Called with a synapse that was chosen. */
  constructor(section, watch) {
    const find = (selector) => section.querySelector(selector);
    this.select = find("select");
    this.post = find("[name=post]");
    this.pre = find("[name=pre]");
    this.facts = find(".facts");
    this.image = find(".image canvas");
    this.histogram = find(".histogram canvas");
    this.watch = watch;
    this.newest = {};
    this.select.addEventListener("change", () => this.choose({ projection: this.select.value, post: 0, pre: 0 }));
    for (const field of [this.post, this.pre]) {
      field.addEventListener("change", () => this.choose({ post: Number(this.post.value), pre: Number(this.pre.value) }));
    }
    this.image.addEventListener("click", (event) => this.pick(event));
    for (const canvas of [this.image, this.histogram]) {
      new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    }
  }

  begin(session, fresh) {
    this.session = session;
    if (fresh) {
      this.newest = {};
      this.select.replaceChildren(
        ...session.projections.map(({ name, plastic }) => new Option(plastic ? name : `${name} (fixed)`, name)),
      );
    }
    this.chosen = session.synapse;
    if (this.chosen) {
      const { n_pre, n_post } = this.projection();
      this.select.value = this.chosen.projection;
      this.post.value = this.chosen.post;
      this.pre.value = this.chosen.pre;
      this.post.max = n_post - 1;
      this.pre.max = n_pre - 1;
    }
    this.draw();
  }

  projection() {
    return this.session.projections.find(({ name }) => name === this.chosen.projection);
  }

  choose(change) {
    if (!this.session || !this.chosen) return;
    this.chosen = { ...this.chosen, ...change };
    const { n_pre, n_post } = this.projection();
    const inside = (value, n) => Math.max(0, Math.min(n - 1, Math.round(value) || 0));
    this.chosen.post = inside(this.chosen.post, n_post);
    this.chosen.pre = inside(this.chosen.pre, n_pre);
    this.watch(this.chosen);
    this.draw();
  }

  pick(event) {
    if (!this.chosen) return;
    const box = this.image.getBoundingClientRect();
    const { n_pre, n_post } = this.projection();
    this.choose({
      post: Math.floor(((event.clientY - box.top) / box.height) * n_post),
      pre: Math.floor(((event.clientX - box.left) / box.width) * n_pre),
    });
  }

  hear(projections) {
    this.newest = projections;
    this.draw();
  }

  draw() {
    const one = this.chosen && this.newest[this.chosen.projection];
    const [pen, w, h] = fresh(this.image);
    const [ink, width, height] = fresh(this.histogram);
    if (!one || !w || !width) return;
    this.paint(pen, w, h, one);
    this.bars(ink, width, height, one);
    this.facts.textContent =
      `${short(one.mean)} ± ${short(one.spread)} · ${Math.round(100 * one.changed)} % changed`;
  }

  paint(pen, w, h, { image, rows, columns }) {
    const small = new OffscreenCanvas(columns, rows);
    const data = new ImageData(columns, rows);
    const [none, up, down] = [colours.paper, colours.blue, colours.vermillion].map(channels);
    // The few largest may be pale no more, so that the many small ones show.
    const sizes = image.map(Math.abs).sort((one, other) => one - other);
    const full = Math.max(1, sizes[Math.floor(FULL * (sizes.length - 1))]);
    image.forEach((value, k) => {
      const share = Math.min(1, Math.abs(value) / full);
      const end = value < 0 ? down : up;
      for (let c = 0; c < 3; c++) data.data[4 * k + c] = none[c] + share * (end[c] - none[c]);
      data.data[4 * k + 3] = 255;
    });
    small.getContext("2d").putImageData(data, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, w, h);
    pen.strokeStyle = colours.rule;
    pen.strokeRect(0.5, 0.5, w - 1, h - 1);
    const { n_pre, n_post } = this.projection();
    const x = ((this.chosen.pre + 0.5) / n_pre) * w;
    const y = ((this.chosen.post + 0.5) / n_post) * h;
    const size = [Math.max(7, w / columns + 3), Math.max(7, h / rows + 3)];
    for (const [colour, width] of [[colours.paper, 4], [colours.ink, 1.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.strokeRect(x - size[0] / 2, y - size[1] / 2, ...size);
    }
  }

  bars(pen, w, h, { low, high, counts, first }) {
    const floor = h - AXIS;
    const most = Math.max(1, ...counts, ...first);
    const wide = w / counts.length;
    const top = (count) => floor - (count / most) * (floor - 4);
    pen.fillStyle = faint(colours.blue, 0.75);
    counts.forEach((count, k) => pen.fillRect(k * wide + 0.5, top(count), wide - 1, floor - top(count)));
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.25;
    pen.beginPath();
    first.forEach((count, k) => {
      pen.lineTo(k * wide, top(count));
      pen.lineTo((k + 1) * wide, top(count));
    });
    pen.stroke();
    pen.fillStyle = colours.rule;
    pen.fillRect(0, floor, w, 1);
    pen.font = FONT;
    pen.fillStyle = colours.muted;
    pen.textBaseline = "bottom";
    pen.fillText(short(low), 0, h);
    pen.textAlign = "right";
    pen.fillText(short(high), w, h);
    if (low < 0 && high > 0) {
      const zero = (-low / (high - low)) * w;
      pen.textAlign = "center";
      if (zero > 30 && zero < w - 30) pen.fillText("0", zero, h);
      pen.fillRect(zero, floor, 1, 3);
    }
  }
}

/** A canvas as large as its box, empty. */
function fresh(canvas) {
  const { clientWidth: w, clientHeight: h } = canvas.parentElement;
  const dpr = density();
  canvas.width = Math.round(w * dpr);
  canvas.height = Math.round(h * dpr);
  const pen = canvas.getContext("2d");
  pen.setTransform(dpr, 0, 0, dpr, 0, 0);
  return [pen, w, h];
}
