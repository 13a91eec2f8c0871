// What the page says in words: how things stand, and what may be done.

import { short, whole } from "./palette.js";

/** One sentence about the state, where the lab itself has none to say. */
export function sentence({ state, plugged, speed, sample, samples }, session) {
  if (state === "paused") return "Paused.";
  if (state !== "running") return "";
  if (session?.follows) return "Held-out samples run with the newest weights of a run that another process trains.";
  const pace = speed === "full" ? "as fast as it goes" : speed === 1 ? "in real time" : `at ${speed} times real time`;
  if (!plugged) return `Running ${pace}, unplugged: nothing is learnt.`;
  return `Learning ${pace}: sample ${whole(sample + 1)} of ${whole(samples)}.`;
}

const STATES = {
  building: "Building.",
  paused: "Paused.",
  running: "Running.",
  following: "Following.",
  failed: "Failed.",
};

/** What a screen reader says, when it changes and no more often. */
export function spoken({ state, plugged }) {
  return `${STATES[state] ?? ""} ${plugged === false ? "Feedback unplugged." : ""}`;
}

/** What the feedback does, or what its absence shows. */
export function plugText(plugged, session) {
  if (session?.follows) return "Another process learns; samples run here with its newest weights, and nothing is fed back. Plug in to go on from them here.";
  if (!plugged) return "Samples go on coming, nothing is fed back and nothing is written: what you see is what has been learnt.";
  const steers = session?.injects ? "Feedback steers the neurons and teaches them." : "Errors are fed back and weights are written.";
  return `${steers} Unplug it to see what the network does alone.`;
}

/** Over the empty screen: a text, or null for none, and whether to offer a start. */
export function invitation(session, { state, seen, tick }, record) {
  if (state === "building") {
    return { text: "Building the network and compiling its programs: some ten seconds, less the next time.", start: false };
  }
  if (!session) {
    return { text: state === "failed" ? "There is no session: choose one above." : "Waiting for the lab.", start: false };
  }
  if (state === "following" && record.count < 0) {
    return { text: "Another process trains this run: accuracy and weights come as it saves them. Start to see held-out samples run with the newest.", start: true };
  }
  if (state === "paused" && !seen && !tick) {
    return { text: `A network that has learnt nothing yet: ${session.rule} on ${session.task}, paused before its first tick.`, start: true };
  }
  return { text: null, start: false };
}

/** How much a sweep shows. */
export function sweepName({ ticks, dt }, sweep) {
  const time = ticks * dt * sweep;
  const length = time < 0.9995 ? `${short(time * 1000)} ms` : `${short(time)} s`;
  if (sweep < 1) return `1/${Math.round(1 / sweep)} of a sample, ${length}`;
  return sweep === 1 ? `a sample, ${length}` : `${sweep} samples, ${length}`;
}
