r"""From a float network to registers, and what was lost on the way.

A threshold unit is `UNIT` steps of a membrane, and a weight of 1 is `UNIT` as well: its
LSB is $2^f$ / `UNIT`, f = FP_LOC_W*. With the trace counting 8 a spike (2 for outputs),
errors counting 2048 for 1, and shifts p to the left and r to the right, a step of one
LSB has the mean of

$$\Delta w = 2^{p - r + s - 30} \frac{\mathrm{lsb}}{\mathrm{lsb}_{out}} L h \bar z,
\qquad \Delta w_{out} = 2^{p - r - 16}\, \mathrm{lsb}_{out}\, e \bar z,$$

s = LEARN_SIG_SCALE: so rates are powers of two.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from onspike import checks
from onspike.chips.reckon.registers import OUTPUTS, PAIRS, N, Registers
from onspike.chips.reckon.state import Chip
from onspike.network import Network
from onspike.neurons import LIF, LeakyIntegrator, SubtractReset
from onspike.surrogates import AbstractSurrogate
from onspike.types import INPUT

UNIT = 1024  # membrane steps per threshold unit
SIGNAL_SCALE = 5
TRACE_BITS = {"tinp": 3, "trec": 4, "tout": 6}  # fractional bits of the traces
PROJECTIONS = {"in": "winp", "rec": "wrec", "out": "wout"}
_SHIFTS = 31


class Calibrated(NamedTuple):
    """A chip that stands for a network."""

    chip: Chip
    lsb: dict[str, float]  # weight of one step, by projection
    notes: tuple[str, ...]  # what was rounded by more than a percent, or clipped


class Segments(NamedTuple):
    """A pseudo-derivative of four borders and five values."""

    borders: tuple[float, ...]  # of the membrane, in threshold units
    values: tuple[int, ...]  # signed 5 bits
    unit: float  # what a value of 1 stands for, 1 / threshold units


def straight_through(v_threshold: float) -> Segments:
    """1 from a third of the threshold on, and 0 below: as shipped."""
    return Segments((v_threshold / 3,) * 4, (0, 0, 0, 0, 1), 1.0)


def segments(surrogate: AbstractSurrogate, v_threshold: float) -> Segments:
    """Four equal steps up a pseudo-derivative, on its rising side.

    Membranes are read after the reset, so that hardly any is above the threshold: what
    falls again there stays at the peak.
    """
    v = np.linspace(-3 * v_threshold, v_threshold, 4001)
    slope = np.asarray(surrogate.slope(jnp.asarray(v - v_threshold), v_threshold))
    peak = float(slope.max())
    levels = np.maximum.accumulate(np.round(4 * slope / peak).astype(int))
    borders = tuple(float(v[np.argmax(levels >= k)]) for k in range(1, 5))
    return Segments(borders, (0, 1, 2, 3, 4), peak / 4)


def calibrate(
    network: Network,
    rate: float = 2.0**-17,
    rate_out: float = 2.0**-9,
    span: float = 1.0,
    slope: Segments | None = None,
    registers: Mapping[str, Any] = {},
) -> Calibrated:
    """Registers and thresholds that stand for a recurrent network of LIF neurons.

    Args:
        network: One recurrent population of LIF neurons that share their constants,
            and a leaky integrator for each class: what `onspike.recurrent` makes.
        rate: Learning rate of input and recurrent weights.
        rate_out: And of output weights.
        span: Largest weight, a power of two: more is clipped.
        slope: The pseudo-derivative; by default `straight_through`.
        registers: Others, by the names of `Registers`; they win.

    Raises:
        ValueError: If the chip cannot be such a network.
    """
    hidden, output = _parts(network)
    checks.positive("calibrate", "threshold units", span=span)
    checks.positive("calibrate", "1 per rate", rate=rate, rate_out=rate_out)
    if not math.log2(span).is_integer() or not 2.0**-3 <= span <= 2.0**4:
        raise ValueError(
            f"calibrate.span must be a power of two from 1/8 to 16, in threshold "
            f"units; got {span}"
        )
    notes: list[str] = []
    dt, v_threshold = float(network.dt), float(hidden.neuron.v_threshold)
    shift = round(math.log2(span * UNIT / 128))
    lsb = dict.fromkeys(PROJECTIONS, 2.0**shift / UNIT)
    alpha = _fit("alpha (from tau_mem)", math.exp(-dt / float(hidden.neuron.tau_mem)))
    decay = alpha.decay(1 << 15, 0x7000, 0x8FFF, notes)
    kappa = _fit("kappa (from tau_out)", math.exp(-dt / float(output.neuron.tau_mem)))
    threshold = _fit("threshold", v_threshold).steps(UNIT, 1, (1 << 15) - 1, notes)
    cut = straight_through(v_threshold) if slope is None else slope
    borders = [
        _fit(f"segment {k}", b).steps(UNIT, -(1 << 15), (1 << 15) - 1, notes)
        for k, b in enumerate(cut.borders)
    ]
    ratio = lsb["in"] / lsb["out"] / cut.unit
    hidden_shift = math.log2(rate / ratio) + 30 - SIGNAL_SCALE
    out_shift = math.log2(rate_out / lsb["out"]) + 16
    left, right = _shifts("rate", hidden_shift, notes)
    left_out, right_out = _shifts("rate_out", out_shift, notes)
    chosen: dict[str, Any] = {
        "num_inp_neur": network.n_in - 1,
        "num_rec_neur": hidden.n - 1,
        "num_out_neur": output.n - 1,
        "rst_mode": 0 if isinstance(hidden.neuron.reset, SubtractReset) else 1,
        "en_stoch_round": 1,
        "alpha_conf": (1 << PAIRS) - 1 if decay >= 0x8000 else 0,
        "kappa": kappa.decay(128, 0, 255, notes),
        "learn_sig_scale": SIGNAL_SCALE,
        **{f"fp_loc_{name}": shift for name in PROJECTIONS.values()},
        **{f"fp_loc_{name}": bits for name, bits in TRACE_BITS.items()},
        **{f"thr_h_{k}": border for k, border in enumerate(borders)},
        **{f"h_{k}": value for k, value in enumerate(cut.values)},
        **{f"lr_p_{name}": left for name in ("winp", "wrec")},
        **{f"lr_r_{name}": right for name in ("winp", "wrec")},
        "lr_p_wout": left_out,
        "lr_r_wout": right_out,
        **dict.fromkeys(("regul_f0", "regul_k_inp_r", "regul_k_inp_p"), 0),
        **dict.fromkeys(("regul_k_rec_r", "regul_k_rec_p", "regul_k_mul"), 0),
        "noise_str": 0,
    }
    chip = Chip(
        Registers(**chosen | dict(registers)),
        np.full(PAIRS, decay & 0xFFF),
        np.full(PAIRS, threshold),
    )
    return Calibrated(chip, lsb, tuple(notes))


def stored(
    w: Mapping[str, Any], lsb: Mapping[str, float]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Weights as stored, [pre, post], by the name of their memory; and what was lost.

    Args:
        w: By projection, [post, pre].
        lsb: Of each projection.
    """
    found, notes = {}, []
    for name, memory in PROJECTIONS.items():
        steps = np.asarray(w[name]).T / lsb[name]
        clipped = np.mean((steps > 127) | (steps < -128))
        if clipped:
            notes.append(
                f"weights of '{name}': {100 * clipped:.2g} % clipped to "
                f"{-128 * lsb[name]:g} .. {127 * lsb[name]:g}"
            )
        kept = np.abs(steps) > 0
        lost = np.mean(np.round(steps[kept]) == 0) if kept.any() else 0.0
        if lost > 0.5:
            notes.append(
                f"weights of '{name}': {100 * lost:.2g} % rounded to 0, as they are "
                f"below half a step of {lsb[name]:g}"
            )
        found[memory] = np.clip(np.round(steps), -128, 127).astype(np.int8)
    return found, tuple(notes)


class _fit(NamedTuple):
    """One number on its way into a register."""

    what: str
    value: float

    def steps(self, unit: int, low: int, high: int, notes: list[str]) -> int:
        """Whole steps of 1 / unit, and a note if they are not what was asked for."""
        exact = self.value * unit
        kept = min(max(round(exact), low), high)
        if not low - 0.5 <= exact <= high + 0.5:
            notes.append(f"{self.what}: {self.value:.4g} clipped to {kept / unit:.4g}")
        elif abs(kept - exact) > 0.01 * abs(exact):
            notes.append(f"{self.what}: {self.value:.4g} rounded to {kept / unit:.4g}")
        return kept

    def decay(self, unit: int, low: int, high: int, notes: list[str]) -> int:
        """The same, judged by the time constant: near 1 small steps are large there."""
        kept = self.steps(unit, low, high, more := [])
        wanted, got = (
            math.inf if k >= 1 else -1 / math.log(k) if k > 0 else 0.0
            for k in (self.value, kept / unit)
        )
        if not more and abs(got - wanted) > 0.05 * wanted:
            more = [f"{self.what}: {wanted:.3g} ticks became {got:.3g}"]
        notes.extend(more)
        return kept


def _shifts(what: str, exact: float, notes: list[str]) -> tuple[int, int]:
    """Shifts to the left and to the right."""
    whole = min(max(round(exact), -_SHIFTS), _SHIFTS)
    if abs(whole - exact) > 0.01:
        notes.append(
            f"{what}: multiplied by {2.0 ** (whole - exact):.3g}, as rates are powers "
            "of two"
        )
    return max(whole, 0), max(-whole, 0)


def _parts(network: Network) -> tuple[Any, Any]:
    """Hidden and output population of a network that the chip can be."""

    def refuse(why: str) -> ValueError:
        return ValueError(f"ReckOn cannot be this network: {why}")

    names = network.wiring.hidden
    if len(names) != 1 or set(network.projections) != set(PROJECTIONS):
        raise refuse(
            "it needs one recurrent hidden population (network.recurrent=true)"
        )
    hidden, output = network.populations[names[0]], network.populations[network.output]
    wires = {
        "in": (INPUT, names[0]),
        "rec": (names[0], names[0]),
        "out": (names[0], network.output),
    }
    for name, ends in wires.items():
        projection = network.projections[name]
        if (projection.pre, projection.post) != ends or projection.synapse is not None:
            raise refuse(f"projection '{name}' does not join {ends[0]} and {ends[1]}")
        if projection.delay > 1:
            raise refuse(f"projection '{name}' has a delay of {projection.delay} ticks")
    for what, n, most in (
        ("input channels", network.n_in, N),
        ("hidden neurons", hidden.n, N),
        ("outputs", output.n, OUTPUTS),
    ):
        if n > most:
            raise refuse(f"it has {n} {what}; the chip has {most}")
    neuron = hidden.neuron
    if type(neuron) is not LIF or type(output.neuron) is not LeakyIntegrator:
        raise refuse("it needs LIF neurons and leaky integrators as outputs")
    plain = neuron.refractory is None and neuron.floor is None and not neuron.normalised
    numbers = (neuron.tau_mem, neuron.v_threshold, output.neuron.tau_mem)
    if not plain or any(np.ndim(number) for number in numbers):
        raise refuse("its neurons need one time constant and threshold, and no more")
    if np.any(neuron.bias) or np.any(output.neuron.bias) or output.neuron.normalised:
        raise refuse("it has no bias currents, and does not scale its input")
    return hidden, output
