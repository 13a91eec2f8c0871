"""Where the event-driven engine's time goes, on one core unless told otherwise.

Each workload of engines.py runs whole; with no target in any tick, so that neurons run
and nothing learns; and, where the task draws its input, without the engine: the input
is made and counted. Cases run in turns; figures are medians of the process's CPU time.

    taskset -c 0 python benchmarks/parts.py [W1 W2 cue alif] [--repeats 7]
"""

import argparse
import functools
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp

import onspike as ons
from engines import WORKLOADS
from onspike.engine import Event
from onspike.engine.scan import BLOCK, over_blocks


def without_targets(task: Any) -> Any:
    """The same task, in which no target is ever valid."""

    class Unasked(type(task)):
        def mask(self):
            return jnp.zeros(self.ticks, bool)

    fields = {name: getattr(task, name) for name in type(task).__dataclass_fields__}
    made = object.__new__(Unasked)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def cases(name: str) -> tuple[dict[str, Any], int]:
    """Compiled programs by what they do, and the ticks of all samples in each."""
    task, episodes, batch, ticks, made, state = WORKLOADS[name]()
    learner = made(Event())
    cut = jax.tree.map(lambda a: a.reshape(-1, batch, *a.shape[1:]), episodes)

    def learns(task):
        def one(state, some):
            return learner.learn(task, state, some)[0], None

        return lambda state, cut: jax.lax.scan(one, state, cut)[0]

    def draws(state, cut):
        del state

        def block(total, samples):
            return total + samples.x.astype(bool).sum(dtype=jnp.int32)

        def one(total, some):
            return over_blocks(task, some, block, total, BLOCK), None

        return jax.lax.scan(one, jnp.int32(0), cut)[0]

    parts = {
        "whole": learns(task),
        "no targets": learns(without_targets(task)),
    }
    if isinstance(task, ons.tasks.CueAccumulation):  # others' lies in memory
        parts["input"] = draws
    ready = {
        part: functools.partial(jax.jit(run), state, cut) for part, run in parts.items()
    }
    return ready, ticks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--repeats", type=int, default=7, help="turns (default 7)")
    options = parser.parse_args()
    print("| workload | whole, us per tick and sample | no targets | input |")
    print("|---|---:|---:|---:|")
    for name in options.workloads:
        programs, ticks = cases(name)
        times: dict[str, list[float]] = {part: [] for part in programs}
        for turn in range(options.repeats + 1):
            for part, run in programs.items():
                began = time.process_time()
                jax.block_until_ready(run())
                if turn:  # the first compiles
                    times[part].append(time.process_time() - began)
        each = [f"{1e6 * statistics.median(t) / ticks:.3f}" for t in times.values()]
        print(f"| {name} | " + " | ".join([*each, ""][:3]) + " |")


if __name__ == "__main__":
    main()
