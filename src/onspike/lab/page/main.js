// The page of the lab: what comes in is shown, what is pressed is sent.

import { Chooser } from "./chooser.js";
import { Curves } from "./curves.js";
import { fillKnobs } from "./knobs.js";
import { Lanes } from "./lanes.js";
import { colours, percent, readColours, series, setDensity, short, whole } from "./palette.js";
import { membranes, readout, signal, spikingOutput, synapse } from "./panels.js";
import { picture, save } from "./picture.js";
import { Raster } from "./raster.js";
import { Player, Record, sweeps } from "./record.js";
import { Line } from "./socket.js";
import { Weights } from "./weights.js";
import { invitation, plugText, sentence, spoken, sweepName } from "./words.js";

const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const frameTime = () => (CALM.matches ? 500 : 32); // milliseconds between two drawings
const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, "full"];

const find = (id) => document.getElementById(id);
const write = (id, text) => {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
};

/** For tests and the curious: what has come, and what has been drawn. */
const counts = { frames: 0, messages: 0, ticksReceived: 0, ticksShown: 0, last: {}, up: false };
window.onspike = counts;

let session = null;
let stale = true; // whether the next session is another, whatever its number
let status = { state: "idle", plugged: true };
let record = null;
const player = new Player();

readColours();

const strips = {
  raster: new Raster(find("raster").parentElement, { axis: true }),
  membranes: new Lanes(find("membranes").parentElement, membranes),
  readout: new Lanes(find("readout").parentElement, readout),
  signal: new Lanes(find("signal").parentElement, signal),
  synapse: new Lanes(find("synapse").parentElement, synapse, { axis: true }),
};
const curves = new Curves(find("curve"));
const weights = new Weights(find("weights"), ({ projection, post, pre }) => {
  if (send({ do: "watch", projection, post, pre })) nameSynapse({ projection, post, pre });
});
const chooser = new Chooser(find("chooser"), send);

// What comes in.

const hear = {
  hello({ version, catalogue, runs }) {
    if (counts.last.hello && counts.last.hello.version !== version) location.reload();
    session = null; // what follows says which, and how it stands
    status = { state: "idle" };
    chooser.fill(catalogue);
    chooser.offer(runs);
  },

  session(message) {
    const fresh = stale || message.id !== session?.id;
    stale = false;
    session = { ...message, population: session?.population };
    for (const strip of Object.values(strips)) strip.session = session;
    write("session-text", ["task", "rule", "neuron", "device"].map((kind) => session[kind]).join(" · ") + ` · seed ${session.seed}`);
    document.title = `${session.task}, ${session.rule} – Onspike lab`;
    chooser.show(session);
    weights.begin(session, fresh);
    nameSynapse(session.synapse);
    fillKnobs(find("knobs"), session.knobs, (path, value) => send({ do: "set", path, value }));
    if (!fresh) return;
    const hidden = session.populations.find(({ role }) => role === "hidden") ?? session.populations[0];
    find("population").replaceChildren(...session.populations.map(({ name }) => new Option(name)));
    find("population").value = hidden.name;
    find("sweep").replaceChildren(...sweeps(session).map((sweep) => new Option(sweepName(session, sweep), sweep)));
    keys();
    newSweep();
    curves.clear(session.chance);
    write("answer", "");
    for (const id of ["held-out", "while-learning", "streaming", "writes"]) write(id, "–");
    find("rates").replaceChildren();
  },

  status(message) {
    status = message;
    if (status.state === "failed") stale = true;
    showStatus();
    if (status.state !== "running" && status.state !== "following") {
      player.hurry();
      animate();
    }
  },

  ticks(message) {
    counts.ticksReceived += message.n;
    if (!record) return;
    player.push(message, performance.now());
    animate();
  },

  weights({ projections }) {
    weights.hear(projections);
  },

  accuracy(message) {
    curves.add(message);
    showAccuracy();
  },

  history(message) {
    curves.load(message);
    if (message.accuracy.length) showAccuracy();
  },

  mark(message) {
    curves.mark(message);
  },

  note({ level, text }) {
    tell(level, text);
  },

  exported({ folder }) {
    tell("info", `Written: ${folder}`);
  },
};

const line = new Line(
  (message) => {
    counts.messages += 1;
    hear[message.type]?.(message);
    counts.last[message.type] = message;
  },
  (up) => {
    counts.up = up;
    find("lost").hidden = up;
    if (up) stale = true; // what comes first says all again
    showStatus();
  },
);

function send(command) {
  const sent = line.send(command);
  if (!sent) tell("warning", "There is no line to the lab just now: that was not sent.");
  return sent;
}

// Drawing.

let asked = false;
let drawn = 0;

function animate() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(frame);
}

function frame(now) {
  asked = false;
  if (now - drawn < frameTime() && player.waiting) {
    animate();
    return;
  }
  drawn = now;
  const ranges = [];
  player.take(now, (message, from, to) => {
    ranges.push(...record.write(message, from, to));
    counts.ticksShown += to - from;
    if (to === message.n) showAnswer(message);
  });
  for (const [from, to] of ranges) {
    for (const strip of Object.values(strips)) strip.draw(from, to);
  }
  if (ranges.length) counts.frames += 1;
  if (player.waiting) animate();
}

function resize() {
  for (const strip of Object.values(strips)) strip.resize();
  weights.draw();
}

function repaint() {
  readColours();
  keys();
  for (const strip of Object.values(strips)) strip.redraw();
  weights.draw();
  curves.build();
}

function keys() {
  if (!session) return;
  const key = (text, colour) => {
    const element = document.createElement("span");
    element.className = "say key";
    const mark = document.createElement("i");
    mark.style.borderTopColor = colour;
    element.append(mark, text);
    return element;
  };
  const named = session.n_out > 7 || spikingOutput(session); // beside their lanes, or too many
  const outputs = named ? [] : [...Array(session.n_out).keys()];
  find("readout-keys").replaceChildren(...outputs.map((k) => key(`output ${k}`, series(k))), key("broad: target", colours.rule));
}

/** An empty screen, as wide as was chosen. */
function newSweep() {
  record = new Record(session, Number(find("sweep").value));
  session.population = find("population").value;
  player.clear();
  for (const strip of Object.values(strips)) strip.begin(session, record);
}

// Words and numbers.

function showStatus() {
  const { state, plugged = true } = status;
  const ready = counts.up && session !== null && ["paused", "running", "following"].includes(state);
  document.body.dataset.state = state;
  document.body.dataset.plugged = plugged;
  write("what", counts.up ? status.what || sentence(status, session) : "No line to the lab.");
  write("spoken", counts.up ? spoken(status) : "");
  write("run", state === "running" ? "Pause" : "Start");
  find("run").disabled = !ready;
  for (const button of document.querySelectorAll("[data-step]")) button.disabled = !ready;
  for (const id of ["export", "feedback", "speed"]) find(id).disabled = !ready;
  const follows = session?.follows ?? false; // another process learns: look, touch nothing
  find("reset").disabled = !ready || follows;
  for (const input of find("knobs").querySelectorAll("input")) input.disabled = !ready || follows;
  document.body.toggleAttribute("data-empty", !session);
  invite();
  if (status.seen === undefined) return;
  write("seen", whole(status.seen));
  write("epoch", `${Math.min(status.epoch + 1, status.epochs)} of ${status.epochs}`);
  write("tick", session ? `${whole(status.tick)} of ${whole(session.ticks)}` : whole(status.tick));
  write("pace", status.ticks_per_second ? whole(status.ticks_per_second) : "–");
  if (document.activeElement !== find("speed")) showSpeed(status.speed);
  find("feedback").setAttribute("aria-checked", String(plugged));
  write("feedback-name", plugged ? "plugged in" : "unplugged");
  write("feedback-text", plugText(plugged, session));
}

/** Over the empty screen: what to wait for, or what to press. */
function invite() {
  const { text, start } = invitation(session, status, record);
  find("invitation").hidden = text === null;
  find("begin").hidden = !start;
  if (text !== null) write("invitation-text", text);
}

function showSpeed(speed) {
  const at = SPEEDS.indexOf(speed);
  if (at >= 0) find("speed").value = at;
  const text = speed === "full" ? "full speed" : speed === 1 ? "real time" : `${speed} ×`;
  write("speed-text", text);
  find("speed").setAttribute("aria-valuetext", speed === "full" || speed === 1 ? text : `${speed} times real time`);
}

function showAccuracy() {
  const held = curves.last("held_out");
  write("held-out", percent(held?.held_out));
  write("held-out-of", `${held?.of ? `${whole(held.of)} ` : ""}${session?.held_out ?? "validation"}`);
  write("while-learning", percent(curves.last("while_learning")?.while_learning));
  write("streaming", percent(curves.last("streaming")?.streaming));
  const told = curves.last("writes");
  if (!told) return;
  write("writes", whole(told.writes));
  find("rates").replaceChildren(
    ...Object.entries(told.rates).map(([name, rate]) => {
      const row = document.createElement("div");
      const label = document.createElement("dt");
      const value = document.createElement("dd");
      label.textContent = name;
      value.textContent = `${short(rate)} Hz`;
      row.append(label, value);
      return row;
    }),
  );
}

function showAnswer({ label, answer, seen }) {
  const right = answer === label;
  find("answer").className = `say now ${answer === null ? "" : right ? "right" : "wrong"}`;
  const said = answer === null ? "" : `, answered ${answer} ${right ? "✓" : "✗"}`;
  write("answer", `sample ${whole(seen + 1)}: class ${label}${said}`);
}

function nameSynapse(one) {
  const name = one ? `${one.projection}, to ${one.post} from ${one.pre}` : "";
  if (find("synapse-name").textContent === name) return;
  write("synapse-name", name);
  record?.forget("synapse "); // those were another's
  strips.synapse.redraw();
}

function tell(level, text) {
  const box = document.createElement("div");
  box.className = level;
  if (level === "error") box.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  Object.assign(close, { type: "button", className: "quiet", textContent: "✕" });
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  const notes = find("notes");
  notes.append(box);
  while (notes.children.length > 4) notes.firstChild.remove();
  if (level !== "error") setTimeout(() => box.remove(), 8000);
}

// What is pressed.

const toggleRun = () => send({ do: status.state === "running" ? "pause" : "start" });
const toggleFeedback = () => send({ do: "feedback", plugged: !status.plugged });
const step = (ticks) => session && send({ do: "step", ticks: ticks === "sample" ? session.ticks - status.tick : Number(ticks) });

find("run").addEventListener("click", toggleRun);
find("begin").addEventListener("click", toggleRun);
find("feedback").addEventListener("click", toggleFeedback);
find("reset").addEventListener("click", () => send({ do: "reset" }));
find("export").addEventListener("click", () => send({ do: "export", folder: null }));
for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => step(button.dataset.step));
}
find("speed").addEventListener("input", () => showSpeed(SPEEDS[find("speed").value]));
find("speed").addEventListener("change", () => send({ do: "speed", value: SPEEDS[find("speed").value] }));
find("population").addEventListener("change", () => {
  if (!session) return;
  session.population = find("population").value;
  strips.membranes.begin(session, record);
  strips.signal.begin(session, record);
});
find("sweep").addEventListener("change", () => session && newSweep());
find("session").addEventListener("click", () => find("chooser").showModal());
find("help").addEventListener("click", () => find("about").showModal());
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
find("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (document.documentElement.dataset.theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("onspike-theme", next);
  } catch {
    // Not kept where storage is forbidden.
  }
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
find("png").addEventListener("click", async () => {
  const held = find("held-out").textContent;
  const title = `${find("session-text").textContent} · ${whole(status.seen ?? 0)} samples · held out ${held}`;
  const scale = Math.max(2, devicePixelRatio || 1);
  const finer = new Map([[curves.plot.ctx.canvas, await curves.enlarged(scale)]]);
  setDensity(scale);
  resize();
  const drawn = picture(document.querySelector("main"), title, scale, finer);
  setDensity(null);
  resize();
  const blob = await drawn;
  save(blob, `onspike-${session?.task ?? "lab"}-${status.seen ?? 0}.png`);
});

// After a click by mouse the keys are the page's again, and space no second click.
document.addEventListener("click", (event) => {
  if (event.detail) event.target.closest?.("button")?.blur();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const { target } = event;
  if (target.matches("input:not([type=range]), textarea, select")) return;
  const ready = !find("run").disabled;
  if (event.key === " " && !target.matches("button, summary")) {
    event.preventDefault();
    if (ready) toggleRun();
  } else if (event.key === "." && ready) step(1);
  else if (event.key === "f" && !find("feedback").disabled) toggleFeedback();
  else if (event.key === "?") find("about").showModal();
});
