"""Many small networks in one program, beside one of them alone, on all cores.

Cue accumulation as its recipe trains it (40-100-2, batch 1, a write at each of the last
150 of 2,250 ticks), each network with weights and samples of its own. Both run in turns
by the event-driven engine; figures are medians of wall time.

    python benchmarks/population.py [--nets 64] [--repeats 7]
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

import onspike as ons
from engines import cue
from onspike.engine import Event

SAMPLES = 4


def measure(nets: int, repeats: int) -> tuple[list[float], list[float]]:
    """Wall times per tick of one network, and of each of many, in microseconds."""
    task, _, batch, _, made, _ = cue()
    learner = made(Event())

    def learn(state, key):
        def one(state, index):
            return learner.learn(task, state, jax.vmap(sampled)(index))

        def sampled(index):
            return task.sample("train", index, key)

        return jax.lax.scan(one, state, jnp.arange(SAMPLES)[:, None])

    keys = jax.random.split(ons.key(0), nets)
    states = jax.jit(jax.vmap(lambda key: learner.init(key, batch)))(keys)
    first = jax.tree.map(lambda a: a[0], (states, keys))
    cases = {
        "one": (jax.jit(learn), first, []),
        "all": (jax.jit(jax.vmap(learn)), (states, keys), []),
    }
    for run, given, _ in cases.values():
        jax.block_until_ready(run(*given))
    for _ in range(repeats):
        for run, given, times in cases.values():
            began = time.perf_counter()
            jax.block_until_ready(run(*given))
            times.append(time.perf_counter() - began)
    ticks = SAMPLES * task.ticks
    one, every = ([1e6 * t / ticks for t in times] for _, _, times in cases.values())
    return one, [us / nets for us in every]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=64, help="networks (default 64)")
    parser.add_argument("--repeats", type=int, default=7, help="turns (default 7)")
    options = parser.parse_args()
    one, every = map(statistics.median, measure(options.nets, options.repeats))
    print(f"one network: {one:.3f} us per tick; one of {options.nets}: {every:.3f}")
    print(f"ratio: {every / one:.3f}")


if __name__ == "__main__":
    main()
