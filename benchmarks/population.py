"""Many small networks in one program, beside one of them alone, on all cores.

Cue accumulation as its recipe trains it (40-100-2, batch 1, a write at each of the last
150 of 2,250 ticks), each network with weights and samples of its own. Both run in turns
by the event-driven engine; figures are medians of wall time.

    python benchmarks/population.py [--nets 64] [--repeats 7] [--out FILE]
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp

import onspike as ons
from engines import cue
from onspike.engine import Event

SAMPLES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=64, help="networks (default 64)")
    parser.add_argument("--repeats", type=int, default=7, help="turns (default 7)")
    parser.add_argument("--out", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    task, _, batch, _, made, _ = cue()
    learner = made(Event())

    def learn(state, key):
        def one(state, index):
            return learner.learn(task, state, jax.vmap(sampled)(index))

        def sampled(index):
            return task.sample("train", index, key)

        return jax.lax.scan(one, state, jnp.arange(SAMPLES)[:, None])

    keys = jax.random.split(ons.key(0), options.nets)
    states = jax.jit(jax.vmap(lambda key: learner.init(key, batch)))(keys)
    first = jax.tree.map(lambda a: a[0], (states, keys))
    cases = {
        "one": (jax.jit(learn), first, []),
        "all": (jax.jit(jax.vmap(learn)), (states, keys), []),
    }
    for run, given, _ in cases.values():
        jax.block_until_ready(run(*given))
    for _ in range(options.repeats):
        for run, given, times in cases.values():
            began = time.perf_counter()
            jax.block_until_ready(run(*given))
            times.append(time.perf_counter() - began)
    ticks = SAMPLES * task.ticks
    one, every = (statistics.median(times) for _, _, times in cases.values())
    found = {
        "nets": options.nets,
        "us_per_tick_alone": 1e6 * one / ticks,
        "us_per_tick_and_net_together": 1e6 * every / ticks / options.nets,
        "ratio": every / options.nets / one,
    }
    print(json.dumps(found, indent=1))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
