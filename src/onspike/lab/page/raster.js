// The raster: every spike of every population.

import { colours, FONT, series } from "./palette.js";
import { AXIS, Strip } from "./strip.js";

const HEAD = 15; // pixels for the verdicts

/** Spikes: the input below, every population above it. */
export class Raster extends Strip {
  begin(session, record) {
    const firing = session.populations.filter(({ spiking }) => spiking);
    const sizes = [["input", session.n_in], ...firing.map(({ name, n }) => [name, n])];
    this.bands = sizes.reverse().map(([name, n]) => ({ name, n }));
    super.begin(session, record);
  }

  resize() {
    if (this.bands) {
      // Room by the square root of the size, so that small populations can be seen.
      const weights = this.bands.map(({ n }) => Math.sqrt(n) + 2);
      const total = weights.reduce((a, b) => a + b, 0);
      const room = this.box.clientHeight - (this.axis ? AXIS : 0) - HEAD - 4 * this.bands.length;
      let top = HEAD;
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
      pen.fillText(answer > 0 ? "✓" : "✗", this.x(p + 1) - 2, 3);
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
      this.bar(top, height, this.colour(name, k));
      this.label(name, two ? middle - 6 : middle, colours.ink);
      if (two) this.label(String(n), middle + 7);
    });
  }
}
