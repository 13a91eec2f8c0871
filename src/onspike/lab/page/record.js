// What is on the screen: some samples' ticks side by side, and when each is shown.

const CALM = 1; // seconds that a sweep has at least, lest it flicker in real time
const FEWEST = 40; // ticks of a sweep that shows a part of a sample

/** How much a sweep may show: `samples`, or a part of one; the first is the usual. */
export function sweeps({ ticks, dt }) {
  const usual = Math.max(1, Math.round(CALM / (ticks * dt)));
  const several = [usual, 1, 4 * usual].filter((n, k, all) => all.indexOf(n) === k);
  const parts = [1 / 5, 1 / 20].filter((part) => part * ticks >= FEWEST);
  return [...several, ...parts];
}

/** The ticks of the last sweep, by position from left to right. */
export class Record {
  constructor(session, sweep) {
    this.ticks = session.ticks;
    this.dt = session.dt;
    this.samples = Math.max(1, sweep);
    this.width = sweep < 1 ? Math.ceil(sweep * this.ticks) : this.ticks * this.samples;
    this.clear();
  }

  clear() {
    this.channels = new Map(); // name -> one number a position
    this.events = new Map(); // population -> a list of neurons a position
    this.mask = new Uint8Array(this.width);
    this.plugged = new Uint8Array(this.width).fill(1);
    this.shown = {}; // by population
    this.count = -1; // samples begun
    this.seen = null;
    this.at = 0; // where the next tick goes
    this.since = 0; // the tick of the sample that stands at the left end
    this.answers = new Int8Array(this.width); // at a sample's last tick: 1 right, -1 wrong
  }

  channel(name) {
    if (!this.channels.has(name)) {
      this.channels.set(name, new Float32Array(this.width).fill(NaN));
    }
    return this.channels.get(name);
  }

  /** Forgets the traces whose names begin so. */
  forget(start) {
    for (const name of [...this.channels.keys()]) {
      if (name.startsWith(start)) this.channels.delete(name);
    }
  }

  /** Takes ticks [from, to) of a message in; the ranges of positions they have. */
  write(message, from, to) {
    if (message.seen !== this.seen) {
      this.seen = message.seen;
      this.count += 1;
    }
    const base = this.ticks > this.width ? 0 : (this.count % this.samples) * this.ticks;
    const ranges = [];
    while (from < to) {
      const at = (base + message.start + from) % this.width;
      const n = Math.min(to - from, this.width - at);
      this.fill(message, from, from + n, at - from);
      this.since = message.start + from - at;
      ranges.push([at, at + n]);
      from += n;
    }
    return ranges;
  }

  /** Ticks [from, to) of a message; its tick 0 would stand at position `first`. */
  fill(message, from, to, first) {
    const put = (name, values, valid) => {
      if (!values) return;
      const some = values.slice(from, to);
      this.channel(name).set(valid ? some.map((value, t) => (valid[from + t] ? value : NaN)) : some, first + from);
    };
    // What the message is silent about was not there, as controllers while unplugged.
    for (const values of this.channels.values()) values.fill(NaN, first + from, first + to);
    for (const lists of this.events.values()) lists.fill(undefined, first + from, first + to);
    for (const [population, rows] of Object.entries(message.v)) {
      rows.forEach((row, k) => put(`v ${population} ${k}`, row));
    }
    for (const [population, rows] of Object.entries(message.signal ?? {})) {
      rows.forEach((row, k) => put(`signal ${population} ${k}`, row));
    }
    message.y.forEach((row, k) => put(`y ${k}`, row));
    message.target.forEach((row, k) => put(`target ${k}`, row, message.mask));
    for (const name of ["pre", "post", "elig", "signal", "w"]) {
      put(`synapse ${name}`, message.synapse?.[name]);
    }
    for (const [population, pairs] of Object.entries({ input: message.x, ...message.z })) {
      if (!this.events.has(population)) this.events.set(population, new Array(this.width));
      const lists = this.events.get(population);
      for (let t = from; t < to; t++) lists[first + t] = [];
      for (let k = 0; k < pairs.length; k += 2) {
        const t = pairs[k];
        if (t >= from && t < to) lists[first + t].push(pairs[k + 1]);
      }
    }
    for (let t = from; t < to; t++) {
      this.mask[first + t] = message.mask[t];
      this.plugged[first + t] = message.plugged ? 1 : 0;
      this.answers[first + t] = 0;
    }
    if (to === message.n && message.answer !== null) {
      this.answers[first + to - 1] = message.answer === message.label ? 1 : -1;
    }
    this.shown = message.shown;
    this.at = first + to;
  }
}

/** Plays ticks evenly, however unevenly their messages come. */
export class Player {
  constructor() {
    this.clear();
  }

  clear() {
    this.queue = []; // of {message, next}
    this.waiting = 0; // ticks in it
    this.pace = 0; // ticks per millisecond
    this.owed = 0; // parts of a tick
    this.interval = 100; // usual milliseconds between messages
    this.came = null;
    this.then = null;
  }

  push(message, now) {
    if (this.came !== null) {
      const since = Math.min(10000, now - this.came);
      // A whole sample, at full speed, is played until the next one: they come seldom.
      const whole = message.start === 0 && message.answer !== null;
      this.interval += (whole ? 0.8 : 0.3) * (since - this.interval);
    }
    this.came = now;
    // Too far behind, as after the page was hidden: go on with what is new.
    while (this.queue.length > 12 && this.waiting > 4 * message.n) {
      const old = this.queue.shift();
      this.waiting -= old.message.n - old.next;
    }
    this.queue.push({ message, next: 0 });
    this.waiting += message.n;
    this.pace = this.waiting / Math.max(30, this.interval);
  }

  /** Shows soon what is still waiting: nothing more will come. */
  hurry() {
    this.came = null; // a pause is no interval
    this.pace = Math.max(this.pace, this.waiting / 80);
  }

  /** Calls `show(message, from, to)` with what is due. */
  take(now, show) {
    const elapsed = this.then === null ? 33 : Math.min(1000, now - this.then);
    this.then = this.waiting ? now : null;
    this.owed = Math.min(this.waiting, this.owed + this.pace * elapsed);
    let due = Math.floor(this.owed);
    this.owed -= due;
    while (due > 0 && this.queue.length) {
      const first = this.queue[0];
      const n = Math.min(due, first.message.n - first.next);
      show(first.message, first.next, first.next + n);
      first.next += n;
      this.waiting -= n;
      due -= n;
      if (first.next === first.message.n) this.queue.shift();
    }
    if (!this.waiting) this.then = null;
  }
}
