"""Features without time that are in memory: an array of them, their labels, a code."""

import equinox as eqx

from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import tables
from onspike.tasks.coded import AbstractCoded, coded
from onspike.tasks.codes import AbstractCode, Rate
from onspike.tasks.holdout import AbstractHoldout, Labelled, RandomShare, divided


class Features(AbstractCoded):
    """Name the class of a vector of features, which a code spreads over time.

    Args:
        train: Samples (samples, features), from 0 to 1, and labels (samples,), for
            training and validation; labels are 0, 1, 2 and so on without a gap.
        test: The same, for testing.
        code: How features become input: `Rate()`, `Poisson()`, `Latency()`, `Graded()`
            for constant values, or another code.
        ticks: Length of a sample.
        dt: Length of a tick, in seconds.
        validation: What is held out of training: `RandomShare()`, or samples and
            labels as above.
        window: Time at the end of a sample in which the target is valid, in seconds;
            None for the whole sample.
        fresh: Whether training is to draw new spikes for its samples in every epoch.
        loss: What is to become small.

    Raises:
        ValueError: If an array has other axes, sizes or numbers; if a label is out of
            place, or validation takes all samples of a class; if a time is out of its
            range, or the code does not fit into `ticks`.
    """

    code: AbstractCode
    ticks: int = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    window: float | None = eqx.field(static=True)
    fresh: bool = eqx.field(static=True)
    loss: AbstractLoss
    n_classes: int = eqx.field(static=True)
    splits: tables.Tables

    def __init__(
        self,
        train: Labelled,
        test: Labelled,
        code: AbstractCode = Rate(rate=200.0, n=1),
        ticks: int = 50,
        dt: float = 1e-3,
        validation: AbstractHoldout | Labelled = RandomShare(0.1),
        window: float | None = None,
        fresh: bool = True,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        self.code, self.ticks, self.dt = code, ticks, dt
        self.window, self.fresh, self.loss = window, fresh, loss
        parts, self.n_classes = divided("Features", train, test, validation)
        n = parts["train"][0].shape[1:]
        for split, (x, _) in parts.items():
            if x.ndim != 2 or x.shape[1:] != n or 0 in n:
                raise ValueError(
                    f"Features.{split} must have the axes samples and features, as "
                    f"many features in all splits; got shape {x.shape}"
                )
            if x.size and not (x.min() >= 0 and x.max() <= 1):
                raise ValueError(
                    f"Features.{split} must lie between 0 and 1; got {x.min():g} to "
                    f"{x.max():g}: divide by the largest value that can occur"
                )
        self.splits = coded("Features", self.n_classes, parts)

    @property
    def n_out(self) -> int:
        return self.n_classes
