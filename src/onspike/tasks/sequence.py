"""Sequences of input spikes, hidden in noise: what comes next can be learnt."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from onspike import checks
from onspike.losses import AbstractLoss, SquaredError
from onspike.tasks import draws, timing
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.types import Key


class SequenceContent(NamedTuple):
    """One sample: when each input of a sequence spikes, and the noise."""

    moments: Int32[Array, " n_sequence"]  # in ticks; -1 for never
    rates: Float[Array, " n_in"]  # of the noise, in hertz
    key: Key  # of its spikes


class Sequence(AbstractTask):
    """Groups of inputs that spike one after the other, among noise. No target.

    Input k of group g spikes at `onset + g * shift + (k + 1) * interval`, with a jitter
    that all groups share. Inputs are ordered by group, distractors come last. Each
    input, a distractor too, has noise of its own: spikes at a rate that is drawn anew
    for each sample. The label is the first group that is shown.

    Args:
        shown: Which groups sample i shows: row i modulo the number of rows.
        n_per_group: Inputs in a sequence.
        n_distractors: Inputs that only have noise.
        interval: From one spike of a sequence to the next, in seconds.
        shift: From the start of one group to that of the next, in seconds.
        jitter: Each spike comes at most so much earlier or later, in seconds.
        onset: A sample's sequences start before this moment, drawn evenly, in seconds;
            0 for a start with the sample.
        noise: Rates are drawn from the whole numbers below this one, in hertz.
        ticks: Length of a sample.
        dt: Length of a tick, in seconds.
        train_samples: Size of the training split.
        test_samples: Size of the test split.
        fresh: Whether training draws new samples in every epoch.
        loss: Not used: no target is ever valid.

    Raises:
        ValueError: If a size or a time is out of its range, a time is not a whole
            number of ticks, `jitter` exceeds `interval`, `noise` means more than one
            spike a tick, or the sequences do not fit into `ticks`.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 2 and the code released
    with it; groups and shifts as in bioRxiv 2023.08.26.554928.
    """

    shown: Bool[Array, "rows n_groups"] = eqx.field(
        converter=lambda rows: jnp.asarray(rows, bool), default=((True,),)
    )
    n_per_group: int = eqx.field(static=True, default=100)
    n_distractors: int = eqx.field(static=True, default=100)
    interval: float = eqx.field(static=True, default=2e-3)
    shift: float = eqx.field(static=True, default=4e-3)
    jitter: float = eqx.field(static=True, default=2e-3)
    onset: float = eqx.field(static=True, default=0.202)
    noise: int = eqx.field(static=True, default=10)
    ticks: int = eqx.field(static=True, default=8080)
    dt: float = eqx.field(static=True, default=0.05e-3)
    train_samples: int = eqx.field(static=True, default=20)
    test_samples: int = eqx.field(static=True, default=20)
    fresh: bool = eqx.field(static=True, default=False)
    loss: AbstractLoss = SquaredError()

    def __check_init__(self) -> None:
        owner = "Sequence"
        checks.positive(owner, "seconds", dt=self.dt)
        checks.at_least(owner, "ticks", 1, ticks=self.ticks)
        checks.at_least(owner, "inputs", 1, n_per_group=self.n_per_group)
        checks.at_least(owner, "inputs", 0, n_distractors=self.n_distractors)
        checks.at_least(owner, "hertz", 0, noise=self.noise)
        timing.check_rate(owner, self.dt, noise=float(self.noise))
        draws.check_sizes(owner, self.train_samples, 0, self.test_samples)
        if np.ndim(self.shown) != 2 or 0 in np.shape(self.shown):
            raise ValueError(
                f"{owner}.shown must be a table of samples and groups; got the shape "
                f"{np.shape(self.shown)}"
            )
        interval, shift, jitter, onset = self._ticks()
        if jitter > interval:
            raise ValueError(
                f"{owner}.jitter must be at most interval = {self.interval:g} seconds; "
                f"got {self.jitter}"
            )
        least = onset + (self.n_groups - 1) * shift + self.n_per_group * interval
        if self.ticks < least + jitter:
            raise ValueError(
                f"{owner}.ticks must be at least {least + jitter}, so that the "
                f"sequences fit; got {self.ticks}"
            )

    @property
    def n_groups(self) -> int:
        """Number of sequences."""
        return self.shown.shape[1]

    @property
    def n_in(self) -> int:
        return self.n_groups * self.n_per_group + self.n_distractors

    @property
    def n_out(self) -> int:
        return self.n_groups

    def _ticks(self) -> tuple[int, int, int, int]:
        return (
            timing.whole_ticks("Sequence", "interval", self.interval, self.dt),
            self._ticks_or_none("shift", self.shift),
            self._ticks_or_none("jitter", self.jitter),
            self._ticks_or_none("onset", self.onset),
        )

    def _ticks_or_none(self, field: str, seconds: float) -> int:
        whole = timing.whole_ticks
        return whole("Sequence", field, seconds, self.dt) if seconds else 0

    def size(self, split: Split) -> int:
        checks.known("split", split, draws.SPLITS)
        sizes = {"train": self.train_samples, "validation": 0}
        return sizes.get(split, self.test_samples)

    def episode(self, split: Split, index, key: Key) -> Episode:
        number = draws.number(index, self.size(split), self.fresh)
        for_times, for_noise = jax.random.split(draws.sample_key(key, split, number))
        interval, shift, jitter, onset = self._ticks()
        n, groups = self.n_per_group, self.n_groups
        bits = jax.random.bits(for_times, (1 + n + self.n_in,), jnp.uint32)
        start = _below(bits[0], onset)
        places = interval * jnp.arange(1, n + 1, dtype=jnp.int32)
        places = places + _below(bits[1 : n + 1], 2 * jitter) - jitter
        shifts = shift * jnp.arange(groups, dtype=jnp.int32)
        shown = self.shown[number % len(self.shown)]
        moments = start + shifts[:, None] + places[None]
        return Episode(
            label=jnp.argmax(shown).astype(jnp.int32),
            group=jnp.zeros((), jnp.int32),
            content=SequenceContent(
                moments=jnp.where(shown[:, None], moments, -1).reshape(-1),
                rates=_below(bits[n + 1 :], self.noise).astype(float),
                key=for_noise,
            ),
        )

    def block(self, episode: Episode, start, length: int) -> Bool[Array, "length n"]:
        content: SequenceContent = episode.content
        tick = timing.block_ticks(start, length)
        spikes = tick[:, None] == content.moments[None]
        spikes = jnp.pad(spikes, ((0, 0), (0, self.n_distractors)))
        if self.noise:
            limit = draws.threshold(content.rates * self.dt)
            bits = draws.tick_bits(content.key, start, length, self.n_in)
            spikes = spikes | (bits < limit[None])
        return spikes

    def mask(self) -> Bool[Array, " ticks"]:
        return jnp.zeros(self.ticks, bool)


def _below(bits: Array, bound: int) -> Array:
    """Whole numbers from 0 to `bound` - 1; 0 if there is none."""
    return (bits % jnp.uint32(max(1, bound))).astype(jnp.int32)
