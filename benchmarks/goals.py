"""Goals that no peer is beside: cue accumulation, few bits, ALIF, and many networks.

Takes what it measures into docs/benchmarks.json and its page.

    taskset -c 0 python benchmarks/goals.py one [--repeats 9]
    python benchmarks/goals.py many [--repeats 9]
"""

import argparse
import statistics
from importlib.metadata import version

import population
import table
from engines import measure

VERSIONS = {name: version(name) for name in ("onspike", "jax", "jaxlib", "numba")}


def row(name, unit, beside, ours, peer, cores, command, **goal) -> table.Row:
    """Medians and spreads of two lists of figures."""
    middle = statistics.median(ours), statistics.median(peer)
    made: table.Row = {
        "name": name,
        "beside": beside,
        "unit": unit,
        "ours": middle[0],
        "peer": middle[1],
        "ratio": middle[0] / middle[1],
        "spread": {"ours": [min(ours), max(ours)], "peer": [min(peer), max(peer)]},
        "cores": cores,
        "versions": VERSIONS,
        "command": command,
    }
    return table.Row(**(made | goal))


def alone(repeats: int, command: str) -> list[table.Row]:
    """Of one core."""
    times = {}
    for name in ("cue", "cue, 8 bits", "alif"):
        for found in measure(name, repeats):
            each = [found["cpu_ms_least"], found["cpu_ms"], found["cpu_ms_most"]]
            us = found["us_per_tick_and_sample"] / found["cpu_ms"]
            times[name, found["engine"]] = [us * ms for ms in each]
    tick = "us per tick and sample, CPU"
    real, few = times["cue", "event"], times["cue, 8 bits", "event"]
    full = times["alif", "event"]
    return [
        row(
            *("cue accumulation, one sample", tick, "cue scan"),
            *(real, times["cue", "scan"], 1, command),
            **{"goal": 0.5, "absolute": True},
        ),
        row(
            *("the same, 8-bit stochastic writes / float", tick, "cue event"),
            *(few, real, 1, command),
            **{"goal": 2.5},
        ),
        row(
            *("full e-prop of ALIF, cue accumulation", tick, "alif scan"),
            *(full, times["alif", "scan"], 1, command),
            **{"goal": 3.0, "absolute": True},
        ),
    ]


def together(repeats: int, command: str) -> list[table.Row]:
    """Of all cores."""
    one, every = population.measure(64, repeats)
    return [
        row(
            *("64 networks of 40-100-2 in one program", "us per tick, wall"),
            *("one of them alone", every, one, 2, command),
            **{"goal": 0.6},
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("one", "many"), help="cores, or networks")
    parser.add_argument("--repeats", type=int, default=9, help="turns (default 9)")
    options = parser.parse_args()
    command = f"python benchmarks/goals.py {options.what} --repeats {options.repeats}"
    pinned = "taskset -c 0 "
    if options.what == "one":
        rows = alone(options.repeats, pinned + command)
    else:
        rows = together(options.repeats, command)
    table.write(table.merge(rows, []))
    for found in rows:
        print(f"{found['name']}: {found['ours']:.3g}, ratio {found['ratio']:.3g}")


if __name__ == "__main__":
    main()
