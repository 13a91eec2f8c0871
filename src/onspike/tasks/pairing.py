"""Pairing protocols: the same few spikes, again and again, and what a weight becomes.

A protocol is data: the task, the neuron's constants, the start weights, the learning
rate, how many pairings, and which weight is of interest. What runs one is
`onspike.experiment.predictive`.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from onspike import checks
from onspike.losses import AbstractLoss, SquaredError
from onspike.tasks import timing
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.types import Key, Scalar

DT = 0.05e-3  # the tick of all protocols, in seconds


def _padded(times: Any) -> Float[Array, "n_in n_spikes"]:
    """Moments by input as one array, filled up with infinity."""
    if not isinstance(times, Sequence):
        return times
    most = max((len(train) for train in times), default=0)
    rows = [[*train, *[np.inf] * (most - len(train))] for train in times]
    return jnp.asarray(rows, float)


class Pairing(AbstractTask):
    """Inputs that spike at given moments. One sample, no target.

    Args:
        times: When each input spikes, in seconds: a tuple of moments for each input,
            or an array that infinity fills up.
        ticks: Length of a sample.
        dt: Length of a tick, in seconds.
        loss: Not used: no target is ever valid.

    Raises:
        ValueError: If a moment is negative, NaN or not within the sample, or a size is
            not positive.
    """

    times: Float[Array, "n_in n_spikes"] = eqx.field(converter=_padded)
    ticks: int = eqx.field(static=True, default=8000)
    dt: float = eqx.field(static=True, default=DT)
    loss: AbstractLoss = SquaredError()

    def __check_init__(self) -> None:
        checks.positive("Pairing", "seconds", dt=self.dt)
        checks.at_least("Pairing", "ticks", 1, ticks=self.ticks)
        if isinstance(self.times, Tracer):
            return
        moments = np.asarray(self.times)
        inside = (moments >= 0) & (np.round(moments / self.dt) < self.ticks)
        if not np.all(inside | (moments == np.inf)):
            at_fault = moments[~(inside | (moments == np.inf))].flat[0]
            raise ValueError(
                "Pairing.times must lie within the sample, 0 to "
                f"{self.ticks * self.dt:g} seconds; got {at_fault}"
            )

    @property
    def n_in(self) -> int:
        return self.times.shape[0]

    @property
    def n_out(self) -> int:
        return 1

    def size(self, split: Split) -> int:
        return 1

    def episode(self, split: Split, index, key: Key) -> Episode:
        nothing = jnp.zeros((), jnp.int32)
        return Episode(label=nothing, group=nothing, content=())

    def block(self, episode: Episode, start, length: int) -> Float[Array, "length n"]:
        tick = timing.block_ticks(start, length).astype(self.times.dtype)
        spikes = tick[:, None, None] == jnp.round(self.times / self.dt)[None]
        return spikes.sum(2).astype(float)

    def mask(self) -> Bool[Array, " ticks"]:
        return jnp.zeros(self.ticks, bool)


class Protocol(eqx.Module):
    """A pairing experiment with one neuron.

    Args:
        task: When the inputs spike.
        start: Their weights before the first pairing.
        tau_mem: The neuron's membrane time constant, in seconds.
        v_threshold: Its threshold.
        rate: Learning rate.
        pairings: How often the sample is shown.
        read: The input whose weight is of interest.
        tau_syn: Time constant of the inputs' tails, in seconds.

    Raises:
        ValueError: If `start` does not fit the task or there is no input `read`.
    """

    task: Pairing
    start: Float[Array, " n_in"] = eqx.field(converter=jnp.asarray)
    tau_mem: Scalar
    v_threshold: Scalar
    rate: Scalar
    pairings: int = eqx.field(static=True)
    read: int = 0
    tau_syn: Scalar = 2e-3

    def __check_init__(self) -> None:
        checks.shape("Protocol", (self.task.n_in,), start=self.start)
        checks.at_least("Protocol", "pairings", 1, pairings=self.pairings)
        checks.at_least("Protocol", "inputs", 0, read=self.read)
        if self.read >= self.task.n_in:
            raise ValueError(
                f"Protocol.read must be below {self.task.n_in}, the number of inputs; "
                f"got {self.read}"
            )


def anticipation(start: float) -> Protocol:
    """Two inputs, 4 ms apart, of equal weight: the neuron comes to fire at the first.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 1.
    """
    task = Pairing(times=((4e-3,), (8e-3,)), ticks=round(0.1 / DT))
    return Protocol(task, (start, start), 10e-3, 2.0, 5e-4, pairings=300)


def classic(
    delay: float = 4e-3, tau_mem: float = 10e-3, weak_first: bool = True
) -> Protocol:
    """A weak and a strong input, one spike each: the classic window of plasticity.

    Args:
        delay: From the first spike to the second, in seconds.
        tau_mem: The neuron's membrane time constant, in seconds.
        weak_first: Whether the weak input leads ("pre before post").

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 4.
    """
    task = Pairing(times=((delay,), (2 * delay,)), ticks=round(0.4 / DT))
    return Protocol(
        task,
        (0.001, 0.11) if weak_first else (0.11, 0.001),
        tau_mem,
        v_threshold=2.0,
        rate=2e-4,
        pairings=60,
        read=0 if weak_first else 1,
    )


def symmetric(delay: float = 4e-3, weak_first: bool = True) -> Protocol:
    """A membrane so short and a threshold so low that both orders potentiate.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. S9.
    """
    task = Pairing(times=((delay,), (2 * delay,)), ticks=round(0.2 / DT))
    return Protocol(
        task,
        (0.0007, 0.02) if weak_first else (0.02, 0.0007),
        tau_mem=5e-3,
        v_threshold=0.4,
        rate=4e-4,
        pairings=60,
        read=0 if weak_first else 1,
    )


def frequency(interval: float) -> Protocol:
    """Five pairs of a strong and, 6 ms later, a weak spike, `interval` seconds apart.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 4, after Froemke et al.
    2006, doi:10.1152/jn.00910.2005.
    """
    strong = tuple(i * interval for i in range(5))
    task = Pairing(
        times=(strong, tuple(6e-3 + t for t in strong)), ticks=round(0.5 / DT)
    )
    return Protocol(task, (0.12, 0.005), 16e-3, 2.2, 3.4e-5, pairings=40, read=1)


def spike_count(n: int) -> Protocol:
    """A strong burst of `n` spikes at 100 Hz, and a weak spike after 5 ms.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 4, after Froemke et al.
    2006, doi:10.1152/jn.00910.2005.
    """
    checks.at_least("spike_count", "spikes", 1, n=n)
    strong = tuple(10e-3 * i for i in range(n))
    task = Pairing(times=(strong, (5e-3,)), ticks=round(0.6 / DT))
    return Protocol(task, (0.14, 0.017), 40e-3, 3.0, 8e-5, pairings=30, read=1)


def burst(rate: float, weak_first: bool = True) -> Protocol:
    """Three strong spikes, and a weak one 10 ms before the first or after the last.

    Args:
        rate: Of the strong spikes, in hertz.
        weak_first: Whether the weak spike comes before them.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 4, after Nevian & Sakmann
    2006, doi:10.1523/JNEUROSCI.1749-06.2006.
    """
    checks.positive("burst", "hertz", rate=rate)
    strong = tuple(10e-3 * weak_first + i / rate for i in range(3))
    weak = (0.0,) if weak_first else (strong[-1] + 10e-3,)
    times = (weak, strong) if weak_first else (strong, weak)
    task = Pairing(times=times, ticks=round(0.3 / DT))
    return Protocol(
        task,
        (0.01, 0.08) if weak_first else (0.08, 0.01),
        tau_mem=25e-3,
        v_threshold=2.0,
        rate=2e-4,
        pairings=60,
        read=0 if weak_first else 1,
    )
