"""How long a tick takes, beside the matrix products that it cannot do without.

Cue accumulation, 40 inputs, 100 hidden neurons, 2 outputs: 2250 ticks of 1 ms. All
cases run in turns, so that a busy machine slows all of them; the figures are medians
over the turns. A learning tick includes the making of its input and all that the rule
and the device do; at batch 8 one tick advances eight samples.

    python benchmarks/tick.py [--repeats 7] [--out FILE.md]
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import onspike as ons
from onspike.engine import Chunked

N_IN, N_HIDDEN, N_OUT = 40, 100, 2
TASK = ons.tasks.CueAccumulation()


class Case(NamedTuple):
    """One row of the table."""

    name: str
    batch: int
    floor: str  # the row whose time is this row's floor
    run: Callable[[], Any]  # runs `ticks` ticks and waits for them
    ticks: int


def network(hidden: Any) -> Any:
    return ons.recurrent(N_IN, hidden, N_HIDDEN, N_OUT, gains=(0.5, 0.1, 0.5))


def episodes(batch: int) -> Any:
    number = jnp.arange(batch)
    return jax.vmap(lambda i: TASK.episode("train", i, ons.key(0)))(number)


def learning(name: str, learner: Any, batch: int, floor: str) -> Case:
    state, some = learner.init(ons.key(1), batch), episodes(batch)
    learn = jax.jit(lambda state, some: learner.learn(TASK, state, some))
    return Case(
        name,
        batch,
        floor,
        lambda: jax.block_until_ready(learn(state, some)),
        TASK.ticks,
    )


def inference(name: str, net: Any, batch: int, floor: str) -> Case:
    params, some = net.init_params(ons.key(1)), episodes(batch)
    infer = jax.jit(lambda params, some: ons.infer(net, TASK, params, some))
    return Case(
        name,
        batch,
        floor,
        lambda: jax.block_until_ready(infer(params, some)),
        TASK.ticks,
    )


def products_in_jax(batch: int) -> Case:
    """The forward products of a tick and nothing else, as one compiled scan."""
    w_in, w_rec, w_out, x = (jnp.asarray(a) for a in weights(batch))

    @jax.jit
    def run(x):
        def tick(z, x):
            z = w_in @ x + w_rec @ z
            return z, w_out @ z

        return jax.lax.scan(tick, jnp.zeros((N_HIDDEN, batch)), x)

    name = f"products alone, JAX scan, batch {batch}"
    return Case(name, batch, name, lambda: jax.block_until_ready(run(x)), len(x))


def products_in_numpy(batch: int) -> Case:
    """The same through BLAS, called from Python."""
    w_in, w_rec, w_out, x = weights(batch)
    z, new, y = (np.zeros((n, batch), x.dtype) for n in (N_HIDDEN, N_HIDDEN, N_OUT))

    def run():
        for now in x:
            np.matmul(w_rec, z, out=new)
            np.matmul(w_in, now, out=z)
            np.add(z, new, out=z)
            np.matmul(w_out, z, out=y)

    name = f"products alone, NumPy, batch {batch}"
    return Case(name, batch, name, run, len(x))


def weights(batch: int) -> list[np.ndarray]:
    draw = np.random.default_rng(0).standard_normal
    shapes = (N_HIDDEN, N_IN), (N_HIDDEN, N_HIDDEN), (N_OUT, N_HIDDEN)
    matrices = [(0.05 * draw(shape)).astype(np.float32) for shape in shapes]
    x = draw((TASK.ticks, N_IN, batch)) > 1.5
    return [*matrices, x.astype(np.float32)]


def cases() -> list[Case]:
    lif, alif = (
        network(ons.LIF(tau_mem=2.0, v_threshold=0.6)),
        network(ons.ALIF(v_threshold=0.6, refractory=ons.Refractory(5e-3))),
    )
    decoupled = ons.rules.reckon(
        rate=2e-5, rate_out=4e-4, regulariser=ons.rules.RateHinge()
    )
    full = ons.rules.eprop(rate=1e-4)
    one, eight = products_in_jax(1), products_in_jax(8)
    return [
        products_in_numpy(1),
        one,
        eight,
        inference("inference only, LIF", lif, 1, one.name),
        learning("decoupled, LIF, float", ons.Learner(lif, decoupled), 1, one.name),
        learning(
            "decoupled, LIF, 8-bit +-1 LSB",
            ons.Learner(lif, decoupled, ons.Fixed()),
            1,
            one.name,
        ),
        learning("full e-prop, ALIF, scan", ons.Learner(alif, full), 8, eight.name),
        learning(
            "full e-prop, ALIF, chunked (what the command line runs)",
            ons.Learner(alif, full, engine=Chunked()),
            8,
            eight.name,
        ),
    ]


def measure(rows: list[Case], repeats: int) -> dict[str, list[float]]:
    """Microseconds per tick of every case in every turn."""
    for case in rows:
        case.run()  # compiles
    times: dict[str, list[float]] = {case.name: [] for case in rows}
    for _ in range(repeats):
        for case in rows:
            start = time.perf_counter()
            case.run()
            times[case.name].append(1e6 * (time.perf_counter() - start) / case.ticks)
    return times


def table(rows: list[Case], times: dict[str, list[float]], repeats: int) -> str:
    median = {name: statistics.median(t) for name, t in times.items()}
    lines = [
        "| case | batch | us per tick | fastest | slowest | times its products |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for case in rows:
        t, floor = times[case.name], median[case.floor]
        lines.append(
            f"| {case.name} | {case.batch} | {median[case.name]:.1f} | {min(t):.1f} | "
            f"{max(t):.1f} | {median[case.name] / floor:.1f} |"
        )
    others = ", ".join(f"{name} {version(name)}" for name in ("jax", "jaxlib", "numpy"))
    versions = f"onspike {ons.__version__}, {others}"
    return "\n".join(
        [
            *lines,
            "",
            f"Medians of {repeats} turns of {TASK.ticks} ticks, network "
            f"{N_IN}-{N_HIDDEN}-{N_OUT} with recurrence, float32, "
            f"on {jax.devices()[0].platform}, {os.cpu_count()} cores "
            f"({platform.machine()}). Python {platform.python_version()}, {versions}. "
            "Products: the three forward matrix products of a tick.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="turns (default 7)")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    rows = cases()
    text = table(rows, measure(rows, options.repeats), options.repeats)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
