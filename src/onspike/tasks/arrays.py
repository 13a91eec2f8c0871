"""Samples over time that are in memory: one array of all of them, and their labels."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Shaped

from onspike import checks
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import tables, timing
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.tasks.holdout import AbstractHoldout, Labelled, RandomShare, divided
from onspike.types import Key


class Arrays(AbstractTask):
    """Name the class of a sample over time, given as an array.

    Numbers arrive as they are: 0 and 1 are spikes, counts and real numbers are graded
    input, in threshold units per tick.

    Args:
        train: Samples (samples, ticks, channels) and labels (samples,), for training
            and validation; labels are 0, 1, 2 and so on without a gap.
        test: The same, for testing.
        dt: Length of a tick, in seconds.
        validation: What is held out of training: `RandomShare()`, or samples and
            labels as above.
        window: Time at the end of a sample in which the target is valid, in seconds;
            None for the whole sample.
        loss: What is to become small.

    Raises:
        ValueError: If an array has other axes, sizes or numbers; if a label is out of
            place, or validation takes all samples of a class; if a time is out of its
            range.
    """

    dt: float = eqx.field(static=True)
    window: float | None = eqx.field(static=True)
    loss: AbstractLoss
    n_classes: int = eqx.field(static=True)
    splits: tables.Tables

    def __init__(
        self,
        train: Labelled,
        test: Labelled,
        dt: float = 1e-3,
        validation: AbstractHoldout | Labelled = RandomShare(0.1),
        window: float | None = None,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        self.dt, self.window, self.loss = dt, window, loss
        checks.positive("Arrays", "seconds", dt=dt)
        parts, self.n_classes = divided("Arrays", train, test, validation)
        size = parts["train"][0].shape[1:]
        for split, (x, _) in parts.items():
            if x.ndim != 3 or x.shape[1:] != size or 0 in size:
                raise ValueError(
                    f"Arrays.{split} must have the axes samples, ticks and channels, "
                    f"the last two as in all splits; got shape {x.shape}"
                )
        timing.check_window("Arrays", window, size[0], dt)
        self.splits = {
            split: tables.table("Arrays", split, *data, self.n_classes)
            for split, data in parts.items()
        }

    @property
    def ticks(self) -> int:
        return self.splits["train"].x.shape[1]

    @property
    def n_in(self) -> int:
        return self.splits["train"].x.shape[2]

    @property
    def n_out(self) -> int:
        return self.n_classes

    def size(self, split: Split) -> int:
        return tables.size(self.splits, split)

    def episode(self, split: Split, index, key: Key) -> Episode:
        sample = tables.pick(self.splits, split, index)
        return Episode(label=sample.label, group=sample.group, content=sample.x)

    def block(self, episode: Episode, start, length: int) -> Shaped[Array, "length n"]:
        rows = timing.block_ticks(start, length)
        x = jnp.take(episode.content, rows, axis=0, mode="fill", fill_value=0)
        return x if x.dtype == bool else x.astype(float)

    def mask(self) -> Bool[Array, " ticks"]:
        return timing.closing(self.ticks, self.window, self.dt)
