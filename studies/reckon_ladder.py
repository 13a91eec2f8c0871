"""From the float rule to the chip: what each of ReckOn's simplifications costs.

Fresh cue accumulation; each row keeps what the rows above have changed, down to the
twin. The last rows change one thing of the twin. All of a row's seeds are one program.

    python studies/reckon_ladder.py [--out runs/study/reckon] [--seeds 100,...]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import together
from jaxtyping import Array, Float

from onspike.experiment import build, measure
from onspike.experiment.run import (
    Seeds,
    Step,
    beginning,
    keys_of,
    nothing_yet,
    rounds,
    side_by_side,
)
from onspike.experiment.spec import resolve
from onspike.losses import AbstractLoss
from onspike.surrogates import Table
from onspike.tasks.base import AbstractTask

COMMON: dict[str, Any] = {"task.fresh": True, "task.validation_samples": 0}
CONSTANT = {"train.decay": "none"}
RATES = {"rule.rate": 2.0**-17, "rule.rate_out": 2.0**-9}
TRACES = {"rule.trace_bits": 12, "rule.trace_largest": 32.0}  # 128 steps a spike


class HardSigmoid(AbstractLoss):
    """The chip's error: y = o / 4 + 1 / 2, kept between 0 and 1, minus the target."""

    def value(self, y, target):
        return 2.0 * jnp.sum((self._squashed(y) - target) ** 2)

    def error(self, y, target):
        return self._squashed(y) - target

    def _squashed(self, y: Float[Array, " n"]) -> Float[Array, " n"]:
        return jnp.clip(0.5 + y / 4.0, 0.0, 1.0)


class Rung(NamedTuple):
    """A row: settings, and what no setting can say."""

    name: str
    rule: str = "reckon"
    device: str | None = None
    settings: dict[str, Any] = {}
    hard: bool = False  # the chip's error
    step: bool = False  # the chip's pseudo-derivative
    late: dict[str, Any] = {}  # settings of the last epoch: a host rewrites registers


TWIN = "reckon-chip"
QUARTER = {"rule.rate": 2.0**-19, "rule.rate_out": 2.0**-11}
NARROW = CONSTANT | RATES
RUNGS = (
    Rung("float rule, rates that fall to 0"),
    Rung("constant rates", settings=CONSTANT),
    Rung("hard sigmoid for softmax", settings=CONSTANT, hard=True),
    Rung("the chip's rates", settings=NARROW, hard=True),
    Rung("a step as pseudo-derivative", settings=NARROW, hard=True, step=True),
    Rung("8-bit weights, steps of 1", "reckon", "reckon", NARROW, True, True),
    Rung("12-bit traces", "reckon", "reckon", NARROW | TRACES, True, True),
    Rung("the twin", TWIN),
    Rung("its last epoch at a quarter of the rates", TWIN, late=QUARTER),
)


def program(rung: Rung, seeds: Sequence[int]) -> Seeds:
    """All seeds of a row."""
    runs, keys = [], []
    for seed in seeds:
        spec = resolve(
            "cue-accumulation",
            rule=rung.rule,
            device=rung.device,
            seed=seed,
            settings=COMMON | rung.settings,
        )
        task = spec.built("task")
        learner = build.learner(spec, task)
        if rung.hard:
            task = eqx.tree_at(lambda one: one.loss, task, HardSigmoid())
        if rung.step:
            learner = with_step(learner)
        runs.append((learner, task))
        keys.append(keys_of(jax.random.key(seed)))
    return side_by_side(runs, keys)


def with_step(learner: Any) -> Any:
    """1 from a third of the threshold on, and 0 below."""

    def where(one: Any) -> Any:
        (name,) = one.network.wiring.hidden
        return one.network.populations[name].neuron.surrogate

    (name,) = learner.network.wiring.hidden
    neuron = learner.network.populations[name].neuron
    edge = -2 / 3 * float(neuron.v_threshold)
    return eqx.tree_at(where, learner, Table((edge,), (0.0, 1.0)))


def trained(seeds: Seeds, late: Seeds, epochs: int = 5) -> Step:
    """After the last epoch, which another program may run."""
    *_, step = rounds(seeds, beginning(seeds, 1), epochs - 1, 1)
    step = step._replace(tallies=nothing_yet(seeds), seconds=0.0)
    *_, last = rounds(late, step, epochs, 1)
    return last


def tested(seeds: Seeds, step: Step) -> list[measure.Tally]:
    """1,000 unseen samples of each seed, with learning off."""
    found = []
    for s, keys in enumerate(seeds.keys):
        learner, task = seeds.one(s)
        params = seeds.params(step.state, s)
        found.append(measure.evaluate(learner.subject, task, params, "test", keys.data))
    return found


def row(name: str, task: AbstractTask, tests: Sequence[measure.Tally]) -> str:
    """A line of the table."""
    right = np.array([measure.accuracy(t) for t in tests])
    groups = [measure.by_group(task, t) for t in tests]
    close = 100 * np.mean([next(iter(group.values())) for group in groups])
    lean = 100 * max(max(measure.answer_share(t)) for t in tests)
    return (
        f"| {name} | {together.spread(right)} | {100 * right.min():.1f} % | "
        f"{close:.1f} % | {lean:.1f} % |"
    )


def main() -> None:
    options = together.options(__doc__, Path("runs/study/reckon"))
    lines = [
        "| | accuracy | worst seed | 4 cues of 7 | largest share of an answer |",
        "|---|---:|---:|---:|---:|",
    ]
    for rung in RUNGS:
        seeds = late = program(rung, options.seeds)
        if rung.late:
            late = program(rung._replace(settings=rung.late), options.seeds)
        lines.append(row(rung.name, seeds.task, tested(seeds, trained(seeds, late))))
        together.write(options.out, lines)


if __name__ == "__main__":
    main()
