"""Two time scales: a slow cue to remember, fast ones of which only the last counts."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32

from onspike import checks
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import draws, timing
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.types import Key, Scalar


class TwoTimescalesContent(NamedTuple):
    """One sample: the side of each cue, slow one first, and the key of its spikes."""

    sides: Int32[Array, " n_cues"]
    key: Key


class TwoTimescales(AbstractTask):
    """Which side did the slow cue show, and which one the last of the fast cues?

    A slow cue on one of two sides opens the sample. Then fast cues follow, one at the
    start of each period, each on a side of its own; all sides are drawn with equal
    odds. The label, one of four classes, says the sides of the slow and of the *last*
    fast cue; the target is valid after the last fast cue, until its period ends. The
    slow cue must outlast all fast ones, and each fast one be forgotten before the next:
    two time scales. Who knows one of them only is right half the time.

    Four groups of inputs, in this order: slow side 0, slow side 1, fast side 0, fast
    side 1. An input of an active group fires in each tick with the same chance; a group
    that is not active is silent. The strata are the classes.

    Args:
        n_fast: Fast cues, the last included.
        n_per_group: Inputs in each of the four groups.
        slow_duration: Length of the slow cue, in seconds.
        fast_duration: Length of a fast cue, in seconds.
        fast_period: From the start of one fast cue to that of the next, in seconds.
        rate: Rate of an input of an active group, in hertz.
        dt: Length of a tick, in seconds.
        train_samples: Size of the training split.
        validation_samples: Size of the validation split.
        test_samples: Size of the test split.
        fresh: Whether training is to draw new samples in every epoch.
        loss: What is to become small.

    Raises:
        ValueError: If a size, a time or a rate is out of its range, a time is not a
            whole number of ticks, or a fast cue leaves nothing of its period.

    Source: the heterogeneous neurons for which it is meant are those of Perez-Nieves et
        al. 2021, doi:10.1038/s41467-021-26022-3; the task is onspike's.
    """

    n_fast: int = eqx.field(static=True, default=24)
    n_per_group: int = eqx.field(static=True, default=5)
    slow_duration: float = eqx.field(static=True, default=0.04)
    fast_duration: float = eqx.field(static=True, default=0.01)
    fast_period: float = eqx.field(static=True, default=0.02)
    rate: Scalar = 100.0
    dt: float = eqx.field(static=True, default=5e-3)
    train_samples: int = eqx.field(static=True, default=2000)
    validation_samples: int = eqx.field(static=True, default=1000)
    test_samples: int = eqx.field(static=True, default=1000)
    fresh: bool = eqx.field(static=True, default=True)
    loss: AbstractLoss = CrossEntropy()
    ticks: int = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        owner = "TwoTimescales"
        checks.positive(owner, "seconds", dt=self.dt)
        checks.at_least(owner, "cues", 1, n_fast=self.n_fast)
        slow, _, period = self._ticks()
        self.ticks = slow + self.n_fast * period

    def __check_init__(self) -> None:
        owner = "TwoTimescales"
        checks.at_least(owner, "inputs", 1, n_per_group=self.n_per_group)
        draws.check_sizes(
            owner, self.train_samples, self.validation_samples, self.test_samples
        )
        timing.check_rate(owner, self.dt, rate=self.rate)
        _, fast, period = self._ticks()
        if fast >= period:
            raise ValueError(
                f"{owner}.fast_duration must be less than fast_period = "
                f"{self.fast_period:g} seconds, so that time to answer is left; got "
                f"{self.fast_duration}"
            )

    def _ticks(self) -> tuple[int, int, int]:
        times = {
            "slow_duration": self.slow_duration,
            "fast_duration": self.fast_duration,
            "fast_period": self.fast_period,
        }
        slow, fast, period = (
            timing.whole_ticks("TwoTimescales", name, seconds, self.dt)
            for name, seconds in times.items()
        )
        return slow, fast, period

    @property
    def n_in(self) -> int:
        return 4 * self.n_per_group

    @property
    def n_out(self) -> int:
        return 4

    @property
    def group_names(self) -> tuple[str, ...]:
        """The sides of the slow and of the last fast cue."""
        return ("0 0", "0 1", "1 0", "1 1")

    def size(self, split: Split) -> int:
        checks.known("split", split, draws.SPLITS)
        return {
            "train": self.train_samples,
            "validation": self.validation_samples,
            "test": self.test_samples,
        }[split]

    def episode(self, split: Split, index, key: Key) -> Episode:
        number = draws.number(index, self.size(split), self.fresh)
        cues, spikes = jax.random.split(draws.sample_key(key, split, number))
        bits = jax.random.bits(cues, (1 + self.n_fast,), jnp.uint32)
        sides = (bits < draws.threshold(0.5)).astype(jnp.int32)
        slow, last = sides[0], sides[-1]
        return Episode(
            label=2 * slow + last,
            group=2 * slow + last,
            content=TwoTimescalesContent(sides=sides, key=spikes),
        )

    def block(self, episode: Episode, start, length: int) -> Bool[Array, "length n"]:
        slow, fast, period = self._ticks()
        content: TwoTimescalesContent = episode.content
        tick = timing.block_ticks(start, length)
        after = tick - slow  # since the end of the slow cue
        side = content.sides[jnp.clip(1 + after // period, 0, self.n_fast)]
        shown = jnp.where(after % period < fast, 2 + side, -1)
        active = jnp.where(after < 0, content.sides[0], shown)
        group = jnp.arange(4, dtype=jnp.int32)[None, :]
        limit = jnp.where(
            active[:, None] == group,
            draws.threshold(self.rate * self.dt),
            jnp.uint32(0),
        )
        bits = draws.tick_bits(content.key, start, length, self.n_in)
        spikes = bits.reshape(length, 4, self.n_per_group) < limit[:, :, None]
        return spikes.reshape(length, self.n_in)

    def mask(self) -> Bool[Array, " ticks"]:
        return timing.closing(
            self.ticks, self.fast_period - self.fast_duration, self.dt
        )
