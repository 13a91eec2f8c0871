// Accuracy over samples: what has been learnt, and what merely looks so.

import { colours, faint, FONT } from "./palette.js";

const MANY = 60; // evaluations from which on they have no dots
const CLOSE = 0.02; // share of the width within which marks of one option are one

const MOST = 4000; // points that are kept, as in the lab's hub

/** Points in their order, thinned where they are too many: every other one of the older
    half goes, evaluations last. */
export function thinned(points) {
  if (points.length <= MOST) return points;
  const old = points.slice(0, MOST / 2);
  let kept = old.filter((point, k) => k % 2 || point.held_out !== null);
  if (kept.length === old.length) kept = old.filter((_, k) => k % 2 === 0);
  return [...kept, ...points.slice(MOST / 2)];
}

/** Whether a point is an evaluation and no more. */
const aside = ({ while_learning, streaming }) => while_learning === null && streaming === null;

export class Curves {
  constructor(box) {
    this.box = box;
    this.clear(null);
    new ResizeObserver(() => this.fit()).observe(box);
  }

  clear(chance) {
    this.chance = chance;
    this.points = [];
    this.marks = [];
    this.build();
  }

  add(point) {
    // An evaluation takes its time, and belongs to where it began.
    let place = this.points.length;
    while (place > 0 && this.points[place - 1].seen > point.seen) place -= 1;
    this.points.splice(place, 0, point);
    this.points = thinned(this.points);
    this.show();
  }

  mark(mark) {
    this.marks.push(mark);
    this.plot.redraw();
  }

  load({ accuracy, marks }) {
    this.points = accuracy.sort((one, other) => one.seen - other.seen);
    this.marks = marks;
    this.show();
  }

  /** The newest value of a curve. */
  last(name) {
    for (let k = this.points.length - 1; k >= 0; k--) {
      if (this.points[k][name] !== null) return this.points[k];
    }
    return null;
  }

  data() {
    const column = (name) => this.points.map((point) => point[name]);
    // A curve goes on across an evaluation, and ends where the feedback is plugged in.
    const streaming = this.points.map((point) => (aside(point) ? undefined : point.streaming));
    return [column("seen"), column("held_out"), column("while_learning"), streaming];
  }

  show() {
    this.plot.setData(this.data());
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width && height) this.plot.setSize({ width, height });
  }

  build() {
    this.plot?.destroy();
    this.plot = this.make(this.box, 1);
  }

  /** The same plot on another canvas, so many times as large. */
  async enlarged(times) {
    const plot = this.make(document.createElement("div"), times);
    await new Promise((drawn) => setTimeout(drawn)); // it draws a moment later
    return plot.ctx.canvas;
  }

  make(box, times) {
    const font = FONT.replace("11px", `${11 * times}px`);
    const axis = {
      stroke: colours.muted,
      font,
      gap: 5 * times,
      grid: { stroke: colours.grid, width: times },
      ticks: { show: false },
    };
    const line = (label, colour, width, more) => ({ label, stroke: colour, width: width * times, points: { show: false }, ...more });
    const few = () => this.points.filter((point) => point.held_out !== null).length < MANY;
    const dots = { show: few, size: 5 * times, fill: colours.blue };
    const options = {
      width: times * Math.max(50, this.box.clientWidth),
      height: times * Math.max(50, this.box.clientHeight),
      padding: [8, 20, 0, 0].map((size) => size * times),
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_, low, high) => [0, Math.max(20, high ?? 0)] },
        y: { range: [0, 1.02] },
      },
      axes: [
        { ...axis, size: 24 * times, space: 60 * times },
        { ...axis, size: 40 * times, space: 30 * times, values: (_, marks) => marks.map((v) => `${Math.round(100 * v)} %`) },
      ],
      series: [
        {},
        line("held out", colours.blue, 2.25, { spanGaps: true, points: dots }),
        line("while learning", colours.orange, 1.25, { spanGaps: true, dash: [4 * times, 3 * times] }),
        line("unplugged", colours.vermillion, 2),
      ],
      hooks: { drawAxes: [(plot) => this.behind(plot, times * (devicePixelRatio || 1))] },
    };
    return new uPlot(options, this.data(), box);
  }

  /** Behind the curves: chance, marks, and the gap that opens while unplugged. */
  behind(plot, dpr) {
    const { ctx: pen, bbox } = plot;
    const x = (seen) => plot.valToPos(seen, "x", true);
    const y = (value) => plot.valToPos(value, "y", true);
    pen.save();
    pen.beginPath();
    pen.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    pen.clip();
    this.gap(pen, x, y);
    pen.lineWidth = dpr;
    if (this.chance) {
      pen.strokeStyle = colours.rule;
      pen.setLineDash([2 * dpr, 4 * dpr]);
      line(pen, bbox.left, y(this.chance), bbox.left + bbox.width, y(this.chance));
      pen.fillStyle = colours.muted;
      pen.font = FONT.replace("11px", `${10 * dpr}px`);
      pen.textAlign = "right";
      pen.fillText("chance", bbox.left + bbox.width - 4 * dpr, y(this.chance) - 4 * dpr);
    }
    this.flags(pen, x, bbox, dpr);
    pen.restore();
  }

  gap(pen, x, y) {
    let learning = null;
    let edge = []; // [x, y of the one, y of the other] while unplugged
    const close = () => {
      if (edge.length > 1) {
        pen.fillStyle = faint(colours.vermillion, 0.16);
        pen.beginPath();
        edge.forEach(([at, upper]) => pen.lineTo(at, upper));
        edge.reverse().forEach(([at, , lower]) => pen.lineTo(at, lower));
        pen.fill();
      }
      edge = [];
    };
    let before = null;
    for (const point of this.points) {
      const off = point.streaming !== null;
      if (aside(point)) continue;
      if (!off) {
        close();
        learning = point.while_learning ?? learning;
        before = point;
      } else if (learning !== null) {
        const real = point.streaming;
        if (!edge.length && before) edge.push([x(before.seen), y(learning), y(learning)]);
        edge.push([x(point.seen), y(learning), y(real)]);
      }
    }
    close();
  }

  /** What was changed when: a line each, named where there is room. */
  flags(pen, x, bbox, dpr) {
    pen.strokeStyle = colours.purple;
    pen.fillStyle = colours.muted;
    pen.textAlign = "left";
    pen.font = FONT.replace("11px", `${10 * dpr}px`);
    const near = CLOSE * bbox.width;
    const merged = [];
    for (const { seen, text } of this.marks) {
      const what = text.split(" = ")[0];
      const last = merged.findLast((other) => other.what === what);
      if (last && x(seen) - last.at < near && last.joins) last.text = text;
      else merged.push({ at: x(seen), what, text, joins: text.includes(" = ") });
    }
    const rows = [-Infinity, -Infinity, -Infinity];
    for (const { at, text } of merged) {
      pen.setLineDash([dpr, 2 * dpr]);
      line(pen, at, bbox.top, at, bbox.top + bbox.height);
      const wide = pen.measureText(text).width;
      const left = Math.min(at + 3 * dpr, bbox.left + bbox.width - wide - 2 * dpr);
      const row = rows.findIndex((end) => left > end);
      if (row < 0) continue;
      rows[row] = left + wide + 8 * dpr;
      pen.fillText(text, left, bbox.top + bbox.height - (6 + 12 * row) * dpr);
    }
  }
}

function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}
