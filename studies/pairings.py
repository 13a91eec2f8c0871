"""Every pairing protocol of the predictive rule, and what it must give.

The expected values come from an implementation of the published equations of its own
(in NumPy, Euler decay, learn first, then integrate), which gives the frequencies of the
released result file to 8 digits. The measured data and their error bars are those to
which the source compares (Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 4, and the
code released with it).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from onspike.experiment.predictive import Course, alike, pair
from onspike.tasks import pairing
from onspike.tasks.pairing import Protocol


class Row(NamedTuple):
    """One number of the table."""

    name: str
    expected: float
    measured: float
    tolerance: float  # of the difference

    @property
    def holds(self) -> bool:
        return abs(self.measured - self.expected) <= self.tolerance


class Data(NamedTuple):
    """What was measured in slices."""

    x: tuple[float, ...]
    change: tuple[float, ...]
    error: tuple[float, ...]


STARTS = 0.005, 0.03, 0.05
DELAYS = 4e-3, 10e-3, 20e-3
INTERVALS = 100e-3, 20e-3, 10e-3
COUNTS = 1, 2, 3, 4, 5
BURSTS = 20.0, 50.0, 100.0

FREQUENCY = Data((10, 50, 100), (0.7, 0.99, 1.3), (0.0, 0.0, 0.0))
COUNT = Data(COUNTS, (0.7, 0.8, 0.9, 1.02, 1.2), (0.1, 0.1, 0.1, 0.05, 0.05))
WEAK_FIRST = Data(BURSTS, (1.1, 2.0, 2.25), (0.3, 0.3, 0.6))
WEAK_LAST = Data(BURSTS, (0.74, 0.74, 0.55), (0.2, 0.1, 0.15))


_run = jax.jit(jax.vmap(pair))


def run(protocols: Sequence[Protocol]) -> Course:
    """All of them at once, on a leading axis."""
    return jax.tree.map(np.asarray, _run(alike(protocols)))


def changes(protocols: Sequence[Protocol]) -> np.ndarray:
    """The last weight over the first, of the input that each protocol reads."""
    last = run(protocols).weights["out"][:, -1, 0]
    return np.array(
        [w[p.read] / p.start[p.read] for w, p in zip(last, protocols, strict=True)]
    )


def rms(found: np.ndarray, data: Data) -> float:
    return float(np.sqrt(np.mean((found - np.asarray(data.change)) ** 2)))


def compared(
    names: Sequence[str],
    expected: Sequence[float],
    found: Sequence[float],
    relative: float = 1e-3,
) -> list[Row]:
    return [
        Row(name, e, float(f), relative * abs(e))
        for name, e, f in zip(names, expected, found, strict=True)
    ]


def anticipation() -> list[Row]:
    protocols = [pairing.anticipation(start) for start in STARTS]
    done = run(protocols)
    weights = (0.0891, 0.0255), (0.0927, 0.0177), (0.0929, 0.0172)
    moments = 5.85, 5.70, 5.70  # ms: of the only spike of the last pairing
    rows = []
    for i, start in enumerate(STARTS):
        name = f"anticipation, w0 {start:g}"
        for j in range(2):
            found = float(done.weights["out"][i, -1, 0, j])
            rows.append(Row(f"{name}, w{j + 1}", weights[i][j], found, 5e-5))
        (tick,) = np.flatnonzero(done.spikes[i, -1, :, 0])
        found = 1e3 * tick * protocols[i].task.dt
        rows.append(Row(f"{name}, spike (ms)", moments[i], found, 1e-6))
    return rows


def classic() -> list[Row]:
    expected = {
        (True, 10): (1.775, 1.419, 1.134),
        (True, 20): (1.513, 1.401, 1.219),
        (False, 10): (0.948, 0.971, 0.986),
        (False, 20): (0.715, 0.776, 0.854),
    }
    rows = []
    for first in (True, False):
        cases = [(tau, d) for tau in (10, 20) for d in DELAYS]
        found = changes([pairing.classic(d, 1e-3 * tau, first) for tau, d in cases])
        order = "pre-post" if first else "post-pre"
        names = [f"classic, {order}, tau {tau} ms, {1e3 * d:g} ms" for tau, d in cases]
        rows += compared(names, expected[first, 10] + expected[first, 20], found)
    return rows


def frequency() -> list[Row]:
    found = changes([pairing.frequency(i) for i in INTERVALS])
    names = [f"frequency, {1 / i:g} Hz" for i in INTERVALS]
    rows = compared(names, (0.7958, 0.9496, 1.4023), found, relative=1e-4)
    return [*rows, Row("frequency, RMS to data", 0.084, rms(found, FREQUENCY), 5e-4)]


def spike_count() -> list[Row]:
    found = changes([pairing.spike_count(n) for n in COUNTS])
    names = [f"spike count, {n}" for n in COUNTS]
    rows = compared(names, (0.660, 0.862, 0.980, 1.066, 1.142), found)
    return [*rows, Row("spike count, RMS to data", 0.059, rms(found, COUNT), 5e-4)]


def burst() -> list[Row]:
    rows = []
    for first, expected, data, error in (
        (True, (1.343, 1.685, 2.238), WEAK_FIRST, 0.23),
        (False, (0.668, 0.616, 0.426), WEAK_LAST, 0.11),
    ):
        found = changes([pairing.burst(rate, first) for rate in BURSTS])
        name = f"burst, {'pre-post' if first else 'post-pre'}"
        rows += compared([f"{name}, {rate:g} Hz" for rate in BURSTS], expected, found)
        rows.append(Row(f"{name}, RMS to data", error, rms(found, data), 5e-3))
    return rows


def symmetric() -> list[Row]:
    found = changes([pairing.symmetric(weak_first=f) for f in (True, False)])
    names = "symmetric, pre-post, 4 ms", "symmetric, post-pre, 4 ms"
    return compared(names, (1.609, 1.320), found)


TABLE = anticipation, classic, frequency, spike_count, burst, symmetric
