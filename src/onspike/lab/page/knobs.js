// What may be turned while it learns: a slider and a number for each.

import { short } from "./palette.js";

const STEPS = 1000;
const PAUSE = 200; // milliseconds between two values while a slider is dragged

const clamp = (share) => Math.max(0, Math.min(1, share));

/** Where a value stands on its slider, from 0 to 1; on a log scale 0 is far left. */
export function share({ low, high, scale }, value) {
  if (scale !== "log") return clamp((value - low) / (high - low));
  if (value <= 0) return 0;
  return clamp((1 + (STEPS - 1) * (Math.log(value / low) / Math.log(high / low))) / STEPS);
}

/** The value at a place of the slider. */
export function valueAt({ low, high, scale }, place) {
  if (scale !== "log") return Number((low + place * (high - low)).toPrecision(3));
  if (place < 1 / STEPS) return 0;
  const along = (place * STEPS - 1) / (STEPS - 1);
  return Number((low * (high / low) ** along).toPrecision(3));
}

/** Fills a list with knobs; `turn(path, value)` is called with what is set. */
export function fillKnobs(list, knobs, turn) {
  const rows = new Map(knobs.map((knob) => [knob.path, row(knob, turn)]));
  // Whoever holds a knob is not interrupted, not even by itself.
  const held = [...list.children].find((item) => item.contains(document.activeElement));
  if (held && rows.has(held.dataset.path)) rows.set(held.dataset.path, held);
  const items = [...rows.values()];
  if (items.length !== list.children.length || !held) list.replaceChildren(...items);
  else items.forEach((item, k) => item !== list.children[k] && list.children[k].replaceWith(item));
}

function row(knob, turn) {
  const id = `knob-${knob.path.replace(/\W/g, "-")}`;
  const item = document.createElement("li");
  item.dataset.path = knob.path;
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = knob.label;
  label.title = knob.path;
  const number = document.createElement("input");
  Object.assign(number, { type: "text", inputMode: "decimal", id, value: short(knob.value), autocomplete: "off" });
  number.dataset.testid = `knob-${knob.path}`;
  const unit = document.createElement("span");
  unit.className = "unit";
  unit.textContent = knob.unit;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: STEPS, step: 1 });
  slider.value = STEPS * share(knob, knob.value);
  slider.dataset.testid = `slider-${knob.path}`;
  slider.setAttribute("aria-label", `${knob.label}, slider`);
  const speak = (value) => slider.setAttribute("aria-valuetext", `${short(value)} ${knob.unit}`);
  speak(knob.value);
  let sent = knob.value;
  let timer = null;
  const send = () => {
    timer = null;
    const value = Number(number.value);
    if (value !== sent) turn(knob.path, (sent = value));
  };
  slider.addEventListener("input", () => {
    const value = valueAt(knob, slider.value / STEPS);
    number.value = short(value);
    speak(value);
    timer ??= setTimeout(send, PAUSE);
  });
  slider.addEventListener("change", () => {
    clearTimeout(timer);
    send();
  });
  number.addEventListener("change", () => {
    const value = Number(number.value);
    const fine = number.value.trim() !== "" && Number.isFinite(value);
    if (!fine) {
      number.value = short(sent); // as it is
      return;
    }
    slider.value = STEPS * share(knob, value);
    speak(value);
    send();
  });
  item.append(label, unit, number, slider);
  return item;
}
