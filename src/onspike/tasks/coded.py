"""Tasks whose samples are vectors of features, brought into time by a code."""

from collections.abc import Mapping

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Shaped

from onspike import checks
from onspike.losses import AbstractLoss
from onspike.tasks import draws, tables, timing
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.tasks.codes import AbstractCode
from onspike.types import Key


class AbstractCoded(AbstractTask):
    """Features between 0 and 1, a class each, and a code.

    A task of this kind makes its tables and says how many classes there are; its
    fields mean the same in all of them.
    """

    code: eqx.AbstractVar[AbstractCode]  # how features become input
    ticks: eqx.AbstractVar[int]
    dt: eqx.AbstractVar[float]
    window: eqx.AbstractVar[float | None]  # seconds at the end with a valid target
    fresh: eqx.AbstractVar[bool]  # new spikes for the same features in every epoch
    loss: eqx.AbstractVar[AbstractLoss]
    splits: eqx.AbstractVar[tables.Tables]

    def __check_init__(self) -> None:
        owner = type(self).__name__
        checks.positive(owner, "seconds", dt=self.dt)
        checks.at_least(owner, "ticks", 1, ticks=self.ticks)
        timing.check_window(owner, self.window, self.ticks, self.dt)
        self.code.check(self.ticks, self.dt)

    @property
    def n_in(self) -> int:
        return self.code.n_in(self.splits["train"].x.shape[1])

    def size(self, split: Split) -> int:
        return tables.size(self.splits, split)

    def episode(self, split: Split, index, key: Key) -> Episode:
        number = draws.number(index, self.size(split), self.fresh)
        sample = tables.pick(self.splits, split, index)
        key = draws.sample_key(key, split, number)
        content = self.code.encode(sample.x, self.dt, key)
        return Episode(label=sample.label, group=sample.group, content=content)

    def block(self, episode: Episode, start, length: int) -> Shaped[Array, "length n"]:
        return self.code.block(episode.content, start, length)

    def mask(self) -> Bool[Array, " ticks"]:
        return timing.closing(self.ticks, self.window, self.dt)


def coded(
    owner: str, n_out: int, splits: Mapping[Split, tuple[np.ndarray, np.ndarray]]
) -> tables.Tables:
    """Tables of features and labels by split, checked.

    Raises:
        ValueError: If a feature is not finite or a label is no class.
    """
    return {s: tables.table(owner, s, *data, n_out=n_out) for s, data in splits.items()}
