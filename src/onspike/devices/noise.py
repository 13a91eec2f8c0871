"""What disturbs every tick of a chip in operation."""

from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer
from onspike.types import Key, Scalar, Tree

Place = Literal["membrane", "spikes", "graded"]


class AbstractNoise(eqx.Module):
    """One disturbance of every population, or of all that they send.

    `place` says of what: "membrane" of neurons that spike, in the units to which a
    current that is held would bring the membrane; "spikes" on their way, those of the
    input included, and not the neuron's own reset; or "graded" output.
    """

    place: eqx.AbstractClassVar[Place]

    @abstractmethod
    def init(self, n: int) -> Tree:
        """The memory of `n` lines before the first tick."""

    @abstractmethod
    def step(
        self, state: Tree, signal: Float[Array, " n"], dt: Scalar, key: Key
    ) -> tuple[Tree, Float[Array, " n"]]:
        """The memory after a tick, and the signal as disturbed."""


class CurrentState(NamedTuple):
    """One tick of `n` neurons."""

    n: Float[Array, " n"]
    begun: Bool[Array, ""]


class CurrentNoise(AbstractNoise):
    r"""Ornstein-Uhlenbeck: $n_t = a n_{t-1} + \sigma \sqrt{1 - a^2} \xi_t$.

    $a = e^{-dt / \tau}$, so that its standard deviation is sigma for any dt. A sample
    meets it in its stationary state.

    Args:
        sd: Sigma, in the units of the membrane.
        tau: Correlation time, in seconds.

    Raises:
        ValueError: If `sd` is negative or `tau` not positive.

    Source: Gillespie 1996, doi:10.1103/PhysRevE.54.2084: the exact update.
    """

    sd: Scalar
    tau: Scalar = 5e-3

    place: ClassVar[Place] = "membrane"

    def __check_init__(self) -> None:
        checks.non_negative("CurrentNoise", "membrane units", sd=self.sd)
        checks.positive("CurrentNoise", "seconds", tau=self.tau)

    def init(self, n):
        return CurrentState(jnp.zeros(n), jnp.zeros((), bool))

    def step(self, state, signal, dt, key):
        keep = jnp.where(state.begun, jnp.exp(-dt / jnp.asarray(self.tau, float)), 0.0)
        fresh = self.sd * jnp.sqrt(1.0 - keep * keep)
        n = keep * state.n + fresh * jax.random.normal(key, signal.shape, float)
        return CurrentState(n, jnp.ones((), bool)), signal + n


class SpikeLoss(AbstractNoise):
    """Each spike is lost on its way with some probability, for all that hear it.

    Args:
        probability: Of the loss of a spike.

    Raises:
        ValueError: If it is none.
    """

    probability: Scalar

    place: ClassVar[Place] = "spikes"

    def __check_init__(self) -> None:
        checks.probability("SpikeLoss", probability=self.probability)

    def init(self, n):
        del n
        return ()

    def step(self, state, signal, dt, key):
        del dt
        kept = jax.random.uniform(key, signal.shape, float) >= self.probability
        return state, signal * kept.astype(signal.dtype)


class SpikeJitter(AbstractNoise):
    """Each spike is late by 0 to `most` ticks, all equally likely.

    Those that arrive together add up. What has not arrived when a sample ends is lost.

    Args:
        most: Longest delay, in ticks.

    Raises:
        ValueError: If it is negative.
    """

    most: int = eqx.field(static=True)

    place: ClassVar[Place] = "spikes"

    def __check_init__(self) -> None:
        checks.at_least("SpikeJitter", "ticks", 0, most=self.most)

    def init(self, n):
        return jnp.zeros((self.most + 1, n))

    def step(self, state, signal, dt, key):
        del dt
        late = jax.random.randint(key, signal.shape, 0, self.most + 1)
        rows = jnp.arange(self.most + 1, dtype=late.dtype)[:, None]
        waiting = state + jnp.where(rows == late[None, :], signal[None, :], 0.0)
        return jnp.roll(waiting, -1, axis=0).at[-1].set(0.0), waiting[0]


class ReadoutNoise(AbstractNoise):
    """White noise on graded outputs, as of the converter that reads them.

    Args:
        sd: Its standard deviation, in the units of the output.

    Raises:
        ValueError: If it is negative.
    """

    sd: Scalar

    place: ClassVar[Place] = "graded"

    def __check_init__(self) -> None:
        checks.non_negative("ReadoutNoise", "output units", sd=self.sd)

    def init(self, n):
        del n
        return ()

    def step(self, state, signal, dt, key):
        del dt
        return state, signal + self.sd * jax.random.normal(key, signal.shape, float)


class Noisy(AbstractLayer):
    """A chip that is disturbed as it works, while it learns and when it is tested.

    Chance belongs to the sample and its ticks: a sample meets the same noise in any
    batch, and in a test always the same; in each epoch of training another.

    Args:
        device: What holds the weights.
        noise: What disturbs it.
    """

    device: AbstractDevice
    noise: tuple[AbstractNoise, ...]

    def __check_init__(self) -> None:
        for kind in self.noise if isinstance(self.noise, tuple) else (self.noise,):
            if not isinstance(kind, AbstractNoise) or kind is self.noise:
                raise ValueError(
                    "Noisy.noise must be a tuple of what disturbs, (CurrentNoise(), ) "
                    f"for one; got {self.noise!r}"
                )

    def seen(self, params, own):
        del own
        return params._replace(noise=params.noise + self.noise)


def memory_of(
    noise: tuple[AbstractNoise, ...], n: int, places: tuple[Place, ...]
) -> tuple[Tree, ...]:
    """What all noise remembers of `n` lines that it meets at some places."""
    return tuple(kind.init(n) if kind.place in places else () for kind in noise)


def disturb(
    noise: tuple[AbstractNoise, ...],
    memory: tuple[Tree, ...],
    place: Place,
    signal: Float[Array, " n"],
    dt: Scalar,
    key: Key | None,
) -> tuple[tuple[Tree, ...], Float[Array, " n"]]:
    """What all noise then remembers, and a signal with the noise of its place.

    Raises:
        ValueError: If there is no key.
    """
    if key is None:
        raise ValueError(
            "a noisy chip needs a key in each tick: draw episodes with `task.sample`"
        )
    after = list(memory)
    for i, kind in enumerate(noise):
        if kind.place == place:
            own = jax.random.fold_in(key, i)
            after[i], signal = kind.step(memory[i], signal, dt, own)
    return tuple(after), signal
