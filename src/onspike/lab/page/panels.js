// What the panels along time show: their lanes.

import { colours, series } from "./palette.js";

/** The shown neurons of the chosen population, one above the other. */
export function membranes({ populations, population }, record) {
  const chosen = populations.find(({ name }) => name === population);
  const shown = record.shown[population] ?? chosen?.shown ?? [];
  const threshold = chosen?.threshold ?? null;
  const marked = threshold === null ? [] : [threshold];
  return shown.map((neuron, k) => ({
    label: `neuron ${neuron}`,
    colour: series(k),
    group: "v",
    traces: [{ channel: `v ${population} ${k}`, colour: series(k) }],
    keep: marked,
    lines: marked.map((value) => ({ value })),
    spikes: chosen?.spiking ? { population, neuron, colour: colours.ink } : null,
  }));
}

/** Whether the output's neurons fire. */
export const spikingOutput = ({ populations }) =>
  populations.find(({ role }) => role === "output")?.spiking ?? false;

/** Outputs and their targets: side by side where they are numbers, apart if spikes. */
export function readout(session) {
  const spiking = spikingOutput(session);
  const outputs = [...Array(session.n_out).keys()];
  const target = (k) => ({ channel: `target ${k}`, colour: series(k), width: 4, opacity: 0.3 });
  const output = (k) => ({ channel: `y ${k}`, colour: series(k), width: 1.5, stem: spiking });
  if (!spiking) return [{ traces: [...outputs.map(target), ...outputs.map(output)] }];
  return outputs.map((k) => ({
    label: `output ${k}`,
    colour: series(k),
    group: "y",
    keep: [0, 1],
    traces: [target(k), output(k)],
  }));
}

/** The learning signal of the shown neurons. */
export function signal({ population }, record) {
  const shown = record.shown[population] ?? [];
  return [
    {
      lines: [{ value: 0 }],
      keep: [0],
      traces: shown.map((_, k) => ({ channel: `signal ${population} ${k}`, colour: series(k) })),
    },
  ];
}

/** What is multiplied at one synapse, and what comes of it. */
export function synapse() {
  const lane = (name, label, colour, stem = false) => ({
    label,
    colour,
    keep: name === "w" ? [] : [0],
    lines: name === "w" ? [] : [{ value: 0 }],
    traces: [{ channel: `synapse ${name}`, colour, stem }],
  });
  return [
    lane("pre", "pre", colours.muted, true),
    lane("post", "post", colours.green, true),
    lane("elig", "eligibility", colours.purple),
    lane("signal", "signal", colours.orange),
    lane("w", "weight", colours.blue),
  ];
}
