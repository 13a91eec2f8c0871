"""Accumulation of evidence: which side showed more cues, asked long afterwards."""

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

_RECALL, _BACKGROUND, _GROUPS = 2, 3, 4  # groups 0 and 1 are the two sides


class CueContent(NamedTuple):
    """One sample: the side of each cue, and the key of its spikes."""

    sides: Int32[Array, " n_cues"]
    key: Key


class CueAccumulation(AbstractTask):
    """Cues appear on two sides; after a delay, tell which side had more of them.

    Four groups of inputs, in this order: side 0, side 1, recall, background. Cue
    k is on for the last `cue_duration` of period k, in the group of its side. The
    recall group is active, and the target valid, in the last `recall_duration` of
    the sample. The background group fires throughout; a group that is not active
    is silent. Spikes are Bernoulli draws, one for each input and tick. One side,
    drawn with equal odds, is likely: each cue takes the other one with probability
    `flip_probability`. The strata are the numbers of cues on the winning side.

    The memory of `block` grows with its length and not with `ticks`; a tick has
    the same spikes however the sample is cut into blocks.

    Args:
        ticks: Length of a sample. What the cues and the recall leave is the delay.
        n_cues: Cues in a sample, an odd number.
        n_per_group: Inputs in each of the four groups.
        cue_duration: Time for which a cue is on, in seconds.
        cue_period: From the start of one cue to that of the next, in seconds.
        recall_duration: Length of the recall at the end, in seconds.
        active_rate: Rate of an input of an active group, in hertz.
        background_rate: Rate of an input of the background group, in hertz.
        flip_probability: Chance that a cue takes the unlikely side.
        dt: Length of a tick, in seconds.
        train_samples: Size of the training split.
        validation_samples: Size of the validation split.
        test_samples: Size of the test split.
        fresh: Whether training is to draw new samples in every epoch.
        loss: What is to become small.

    Raises:
        ValueError: If a size, a time, a rate or a probability is out of its range,
            a time is not a whole number of ticks, `n_cues` is even, or the cues
            and the recall do not fit into `ticks`.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods, after Morcos
    and Harvey 2016, doi:10.1038/nn.4403. Sizes as in Frenkel and Indiveri 2022,
    doi:10.1109/ISSCC42614.2022.9731734.
    """

    ticks: int = eqx.field(static=True, default=2250)
    n_cues: int = eqx.field(static=True, default=7)
    n_per_group: int = eqx.field(static=True, default=10)
    cue_duration: float = eqx.field(static=True, default=0.1)
    cue_period: float = eqx.field(static=True, default=0.15)
    recall_duration: float = eqx.field(static=True, default=0.15)
    active_rate: Scalar = 40.0
    background_rate: Scalar = 10.0
    flip_probability: Scalar = 0.3
    dt: float = eqx.field(static=True, default=1e-3)
    train_samples: int = eqx.field(static=True, default=200)
    validation_samples: int = eqx.field(static=True, default=200)
    test_samples: int = eqx.field(static=True, default=1000)
    fresh: bool = eqx.field(static=True, default=False)
    loss: AbstractLoss = CrossEntropy()

    def __check_init__(self) -> None:
        owner = "CueAccumulation"
        checks.positive(owner, "seconds", dt=self.dt)
        checks.at_least(owner, "ticks", 1, ticks=self.ticks)
        checks.at_least(owner, "cues", 1, n_cues=self.n_cues)
        checks.at_least(owner, "inputs", 1, n_per_group=self.n_per_group)
        draws.check_sizes(
            owner, self.train_samples, self.validation_samples, self.test_samples
        )
        checks.probability(owner, flip_probability=self.flip_probability)
        timing.check_rate(owner, self.dt, active_rate=self.active_rate)
        timing.check_rate(owner, self.dt, background_rate=self.background_rate)
        if self.n_cues % 2 == 0:
            raise ValueError(
                f"{owner}.n_cues must be odd, so that one side wins; got {self.n_cues}"
            )
        cue, period, recall = self._ticks()
        if cue > period:
            raise ValueError(
                f"{owner}.cue_duration must be at most cue_period = "
                f"{self.cue_period:g} seconds; got {self.cue_duration}"
            )
        if self.ticks < self.n_cues * period + recall:
            raise ValueError(
                f"{owner}.ticks must be at least {self.n_cues * period + recall}, "
                f"so that the cues and the recall fit; got {self.ticks}"
            )

    @property
    def n_in(self) -> int:
        return _GROUPS * self.n_per_group

    @property
    def n_out(self) -> int:
        return 2

    @property
    def group_names(self) -> tuple[str, ...]:
        """How many cues the winning side may have."""
        return tuple(str(n) for n in range((self.n_cues + 1) // 2, self.n_cues + 1))

    def _ticks(self) -> tuple[int, int, int]:
        owner = "CueAccumulation"
        return (
            timing.whole_ticks(owner, "cue_duration", self.cue_duration, self.dt),
            timing.whole_ticks(owner, "cue_period", self.cue_period, self.dt),
            timing.whole_ticks(owner, "recall_duration", self.recall_duration, self.dt),
        )

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
        bits = jax.random.bits(cues, (self.n_cues + 1,), jnp.uint32)
        likely = bits[0] < draws.threshold(0.5)
        flip = bits[1:] < draws.threshold(self.flip_probability)
        sides = (flip ^ likely).astype(jnp.int32)
        ones = jnp.sum(sides, dtype=jnp.int32)
        most = jnp.maximum(ones, self.n_cues - ones)
        return Episode(
            label=(2 * ones > self.n_cues).astype(jnp.int32),
            group=most - (self.n_cues + 1) // 2,
            content=CueContent(sides=sides, key=spikes),
        )

    def block(self, episode: Episode, start, length: int) -> Bool[Array, "length n"]:
        cue, period, recall = self._ticks()
        content: CueContent = episode.content
        tick = timing.block_ticks(start, length)
        number = tick // period
        shown = (tick % period >= period - cue) & (number < self.n_cues)
        side = content.sides[jnp.minimum(number, self.n_cues - 1)]
        active = jnp.where(shown, side, -1)
        active = jnp.where(tick >= self.ticks - recall, _RECALL, active)
        group = jnp.arange(_GROUPS, dtype=jnp.int32)[None, :]
        limit = jnp.where(
            active[:, None] == group,
            draws.threshold(self.active_rate * self.dt),
            jnp.uint32(0),
        )
        limit = jnp.where(
            group == _BACKGROUND,
            draws.threshold(self.background_rate * self.dt),
            limit,
        )
        bits = draws.tick_bits(content.key, start, length, self.n_in)
        spikes = bits.reshape(length, _GROUPS, self.n_per_group) < limit[:, :, None]
        return spikes.reshape(length, self.n_in)

    def mask(self) -> Bool[Array, " ticks"]:
        return timing.closing(self.ticks, self.recall_duration, self.dt)
