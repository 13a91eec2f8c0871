"""How fast the engines are beside each other, on one core unless told otherwise.

W1 and W2: workloads.py, by the decoupled rule, its gradient summed and given to Adam.
W3: the same rule at one sample, weights written at every tick; its row "stream" is a
Python call per tick, where all others are one compiled loop.
Cue: cue accumulation as its recipe trains it, batch 1, a write at each of the
last 150 of 2,250 ticks, the making of the input included. Alif: the same task by full
e-prop of LIF and ALIF neurons, one batch as its recipe trains it.

All engines run in turns; figures are medians of the process's CPU time, and ratios are
of medians. On a busy machine read the ratios. The first call compiles and is left out.

    taskset -c 0 python benchmarks/engines.py [W1 W2 W3 cue alif] [--repeats 7]
"""

import argparse
import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import onspike as ons
from onspike.engine import Chunked, Event, Scan
from peers.onspike import Ready, trained
from workloads import RATE_ONLINE
from workloads import WORKLOADS as SIZES

CUE_SAMPLES = 20
ALIF_BATCH = 32


def noise(name: str):
    """Input at random, a target at each tick."""
    ready, w = trained(SIZES[name], Scan()), SIZES[name]
    return (
        ready.task,
        ready.episodes,
        w.batch,
        w.ticks * w.batch,
        lambda engine: dataclasses.replace(ready.learner, engine=engine),
        ready.first(),
    )


def online():
    """One sample, written at every tick."""
    w, rule = SIZES["W3"], ons.rules.reckon(RATE_ONLINE, gate=ons.rules.EveryTick())
    ready = Ready(w, rule, Scan())
    return (
        ready.task,
        ready.episodes,
        w.batch,
        w.ticks,
        lambda engine: dataclasses.replace(ready.learner, engine=engine),
        ready.first(),
    )


def calls(learner: ons.Learner, episodes: Any):
    """The same as calls of a stream, which goes on from turn to turn."""
    events = [np.flatnonzero(x) for x in np.asarray(episodes.content[0])]
    label, stream = int(episodes.label[0]), None

    def run(state, _):
        nonlocal stream
        stream = learner.stream(state) if stream is None else stream
        stream.reset()
        fired = sum(len(stream.step(now, label).spikes) for now in events)
        return (), fired

    return run


def cue(device: Any = None):
    task, number = ons.tasks.CueAccumulation(), jnp.arange(CUE_SAMPLES)
    episodes = jax.vmap(lambda i: task.episode("train", i, ons.key(0)))(number)
    cells = ons.LIF(tau_mem=2.0, v_threshold=0.6)
    net = ons.recurrent(40, cells, 100, 2, gains=(0.5, 0.1, 0.5))
    hinge = ons.rules.RateHinge()
    rule = ons.rules.reckon(2e-5, 4e-4, regulariser=hinge)
    ticks = task.ticks * CUE_SAMPLES
    device = ons.Ideal() if device is None else device
    return (
        task,
        episodes,
        1,
        ticks,
        lambda engine: ons.Learner(net, rule, device, engine=engine),
        ons.Learner(net, rule, device).init(ons.key(1)),
    )


def alif():
    """Cue accumulation by full e-prop, as its recipe trains it: one batch."""
    task, number = ons.tasks.CueAccumulation(), jnp.arange(ALIF_BATCH)
    episodes = jax.vmap(lambda i: task.episode("train", i, ons.key(0)))(number)
    cells = ons.ALIF(
        beta=jnp.where(jnp.arange(100) < 50, 0.0, 0.0174),  # half of them are LIF
        v_threshold=0.6,
        refractory=ons.Refractory(5e-3),
    )
    net = ons.recurrent(40, cells, 100, 2, gains=(0.5**0.5, 0.5**0.5, 0.5**0.5))
    rule = ons.rules.eprop(
        5e-3,
        signal=ons.rules.DirectFeedback(1.0),
        regulariser=ons.rules.RateTarget(1.3e-3),
    )
    adam = optax.scale_by_adam()
    return (
        task,
        episodes,
        ALIF_BATCH,
        task.ticks * ALIF_BATCH,
        lambda engine: ons.Learner(net, rule, transform=adam, engine=engine),
        ons.Learner(net, rule, transform=adam).init(ons.key(1), ALIF_BATCH),
    )


WORKLOADS: dict[str, Callable[[], Any]] = {
    "W1": lambda: noise("W1"),
    "W2": lambda: noise("W2"),
    "W3": online,
    "cue": cue,
    "cue, 8 bits": lambda: cue(ons.Fixed(8)),
    "alif": alif,
}


def begin(run: Any, state: Any, episodes: Any) -> Any:
    """What is run, its state, seconds of the first call, spikes, and two lists."""
    began = time.perf_counter()
    _, fired = jax.block_until_ready(run(state, episodes))
    first = time.perf_counter() - began
    return run, state, first, float(np.sum(fired)), [], []


def measure(name: str, repeats: int) -> list[dict[str, Any]]:
    """A row per engine that takes the workload."""
    task, episodes, batch, ticks, made, state = WORKLOADS[name]()
    runs = {}
    for engine in (Scan(), Chunked(), Event()):
        learner = made(engine)
        if engine.refuses(learner, task):
            continue

        def run(state, episodes, learner=learner):
            def one(state, some):
                state, record = learner.learn(task, state, some)
                return state, record.spikes["hidden"]

            cut = jax.tree.map(lambda a: a.reshape(-1, batch, *a.shape[1:]), episodes)
            return jax.lax.scan(one, state, cut)

        runs[type(engine).__name__.lower()] = begin(jax.jit(run), state, episodes)
    if name == "W3":
        learner = made(Event())
        runs["stream"] = begin(calls(learner, episodes), state, episodes)
    for _ in range(repeats):
        for compiled, state, _, _, cpu, wall in runs.values():
            began, spent = time.perf_counter(), time.process_time()
            jax.block_until_ready(compiled(state, episodes))
            cpu.append(time.process_time() - spent)
            wall.append(time.perf_counter() - began)
    rows, reference = [], statistics.median(runs["scan"][4])
    for engine, (_, _, first, spikes, cpu, wall) in runs.items():
        rows.append(
            {
                "workload": name,
                "engine": engine,
                "cpu_ms": 1e3 * statistics.median(cpu),
                "cpu_ms_least": 1e3 * min(cpu),
                "cpu_ms_most": 1e3 * max(cpu),
                "wall_ms": 1e3 * statistics.median(wall),
                "us_per_tick_and_sample": 1e6 * statistics.median(cpu) / ticks,
                "of_scan": statistics.median(cpu) / reference,
                "first_call_s": first,
                "hidden_spikes": spikes,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--repeats", type=int, default=7, help="turns (default 7)")
    parser.add_argument("--out", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    rows = [r for name in options.workloads for r in measure(name, options.repeats)]
    print("| workload | engine | CPU ms | least | most | us per tick | of scan |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for r in rows:
        print(
            f"| {r['workload']} | {r['engine']} | {r['cpu_ms']:.1f} | "
            f"{r['cpu_ms_least']:.1f} | {r['cpu_ms_most']:.1f} | "
            f"{r['us_per_tick_and_sample']:.2f} | {r['of_scan']:.3f} |"
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    names = ("onspike", "jax", "jaxlib", "numba", "numpy")
    about = {"cores": cores, "versions": {name: version(name) for name in names}}
    print(f"\nMedians of {options.repeats} turns, float32. {about}")
    if options.out:
        options.out.write_text(json.dumps({"rows": rows, **about}, indent=1) + "\n")


if __name__ == "__main__":
    main()
