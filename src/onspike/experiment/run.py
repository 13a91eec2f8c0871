"""Training: epochs, metrics, checkpoints. What is learnt in a tick is elsewhere."""

import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Shaped

from onspike import checks
from onspike.engine import Record
from onspike.engine.scan import BLOCK
from onspike.experiment import measure, memory
from onspike.learner import AbstractLearner
from onspike.tasks.base import AbstractTask
from onspike.types import Key, Params, Tree

Metrics = dict[str, Any]


class Keys(NamedTuple):
    """Where a run's randomness comes from."""

    start: Key  # weights, die, feedback, writes
    data: Key  # samples
    order: Key  # their order


class Position(NamedTuple):
    """How far a run has come."""

    epoch: int  # epochs that are complete
    samples: int  # samples of the current epoch that are done


class Run(NamedTuple):
    """What training leaves."""

    test_accuracy: float  # learning and feedback off, held-out samples
    accuracy_while_learning: float  # not a result
    memory: dict[str, Any]  # bits
    metrics: list[Metrics]  # one per epoch
    params: Params
    state: Tree


class Diverged(ValueError):
    """Weights that are no longer finite."""


def keys_of(key: Key) -> Keys:
    """The run's keys."""
    return Keys(*jax.random.split(key, 3))


def _learn(
    common: Tree,
    own: Tree,
    state: Tree,
    index: Int[Array, "batches batch"],
    key: Key,
) -> tuple[Tree, Record]:
    """Many batches in one compiled program."""
    learner, task = eqx.combine(own, common)

    def one(state, index):
        return learner.learn(task, state, task.samples("train", index, key))

    return jax.lax.scan(one, state, index)


_learn_one = jax.jit(_learn)
_learn_many = jax.jit(jax.vmap(_learn, in_axes=(None, 0, 0, 0, 0)))


@partial(jax.jit, static_argnames="batch")
def _start(common: Tree, own: Tree, keys: Shaped[Array, " seeds"], batch: int) -> Tree:
    def one(own, key):
        learner, _ = eqx.combine(own, common)
        # A checkpoint forgets weak types; without them here, both are one program.
        return strong(learner.init(key, batch))

    return jax.vmap(one)(own, keys)


def strong(state: Tree) -> Tree:
    """The state as a checkpoint gives it back: arrays, without weak types."""

    def leaf(a: Any) -> Array:
        kind = jnp.result_type(a)
        key = jnp.issubdtype(kind, jax.dtypes.prng_key)
        return a if key else jax.lax.convert_element_type(a, kind)

    return jax.tree.map(leaf, state)


class Seeds(NamedTuple):
    """One program for several runs: states, keys and tallies side by side.

    Runs differ in their keys. They may also differ in numbers that learner and task
    hold, never in structure or sizes: see `side_by_side`.
    """

    learner: AbstractLearner
    task: AbstractTask
    keys: list[Keys]
    own: Tree = None  # numbers of (learner, task) that differ, run first

    def one(self, seed: int) -> tuple[AbstractLearner, AbstractTask]:
        """One run's learner and task."""
        return eqx.combine(self.of(self.own, seed), (self.learner, self.task))

    def start(self, batch: int) -> Tree:
        """All states before the first sample, seed first."""
        keys = jnp.stack([k.start for k in self.keys])
        return _start((self.learner, self.task), self.own, keys, batch)

    def learn(self, state: Tree, index: np.ndarray) -> tuple[Tree, list[measure.Tally]]:
        """Learns from `index` (seeds, batches, batch); one tally per seed.

        Runs that would not fit into the memory together learn one part after another.
        """
        n, most = len(self.keys), max(1, memory.room() // self.size(state, index))
        if n > most:
            found = []
            for part in np.array_split(np.arange(n), -(-n // most)):
                some = slice(part[0], part[-1] + 1)
                own, begun = jax.tree.map(lambda a, s=some: a[s], (self.own, state))
                few = self._replace(keys=self.keys[some], own=own)
                found.append(few.learn(begun, index[some]))
            states, tallies = zip(*found, strict=True)
            state = jax.tree.map(lambda *a: jnp.concatenate(a), *states)
            return state, [tally for some in tallies for tally in some]
        common = self.learner, self.task
        data = jnp.stack([k.data for k in self.keys])
        rows = jnp.asarray(index, jnp.int32)
        if len(self.keys) == 1:  # no axis of length one through the whole program
            args = (self.of(self.own, 0), self.of(state, 0), rows[0], data[0])
            state, records = _learn_one(common, *args)
            state, records = jax.tree.map(lambda a: a[None], (state, records))
        else:
            state, records = _learn_many(common, self.own, state, rows, data)
        jax.block_until_ready(state)
        each = [self.of(records, s) for s in range(len(self.keys))]
        return state, [measure.tally(self.task, r) for r in each]

    def size(self, state: Tree, index: np.ndarray) -> int:
        """Bytes that one of these runs takes while it learns, roughly.

        Its state four times (before, after, gradients and their sums), and for each
        number in a block of its input an event's address and value, and it itself.
        """

        def block(i, key):
            episode = self.task.sample("train", i, key)
            return self.task.block(episode, i, min(BLOCK, self.task.ticks))

        x = jax.eval_shape(block, jnp.int32(0), self.keys[0].data)
        own = sum(a.nbytes for a in jax.tree.leaves(state)) // len(self.keys)
        return 4 * own + 12 * index.shape[-1] * x.size

    def of(self, state: Tree, seed: int) -> Tree:
        """One seed's share."""
        return jax.tree.map(lambda a: a[seed], state)

    def params(self, state: Tree, seed: int) -> Params:
        """One seed's weights."""
        learner, _ = self.one(seed)
        return learner.params(self.of(state, seed))


def side_by_side(
    runs: Sequence[tuple[AbstractLearner, AbstractTask]], keys: list[Keys]
) -> Seeds:
    """One program for runs whose learners and tasks differ in numbers only.

    What all have in common stays as it is; each number that differs gets an axis.

    Raises:
        ValueError: If they differ in structure or in a shape.
    """
    if len({form(*run) for run in runs}) > 1:
        raise ValueError("learners or tasks that differ in structure are no program")
    leaves, structure = zip(*map(jax.tree.flatten, runs), strict=True)
    each = zip(*leaves, strict=True)
    own = [None if _equal(values) else _stack(values) for values in each]
    return Seeds(*runs[0], keys, jax.tree.unflatten(structure[0], own))


def form(learner: AbstractLearner, task: AbstractTask) -> Hashable:
    """Equal for learners and tasks that one program can run."""
    leaves, structure = jax.tree.flatten((learner, task))
    return structure, tuple((jnp.shape(a), jnp.result_type(a)) for a in leaves)


def _equal(values: Sequence[Any]) -> bool:
    first = values[0]
    return all(v is first or np.array_equal(v, first) for v in values)


def _stack(values: Sequence[Any]) -> Array:
    return jnp.asarray(np.stack([np.asarray(v) for v in values]))


class Step(NamedTuple):
    """What is there after one compiled call."""

    state: Tree  # of all seeds
    tallies: list[measure.Tally]  # of the current epoch so far, per seed
    position: Position
    seconds: float  # spent on the current epoch


def rounds(
    seeds: Seeds, step: Step, epochs: int, batch: int, segment: int | None = None
) -> Iterator[Step]:
    """Trains, and yields after every compiled call.

    Args:
        seeds: What is trained.
        step: Where to begin.
        epochs: Where to end.
        batch: Samples that learn side by side.
        segment: Samples per compiled call; by default a whole epoch.
    """
    state, tallies, position, seconds = step
    size = seeds.task.size("train") // batch * batch
    segment = size if segment is None else max(batch, segment // batch * batch)
    for epoch in range(position.epoch, epochs):
        orders = np.stack([order(k.order, epoch, seeds.task) for k in seeds.keys])
        done = position.samples if epoch == position.epoch else 0
        while done < size:
            began, until = time.perf_counter(), min(size, done + segment)
            index = orders[:, done:until].reshape(len(orders), -1, batch)
            state, more = seeds.learn(state, index)
            tallies = [measure.add(a, b) for a, b in zip(tallies, more, strict=True)]
            seconds, done = seconds + time.perf_counter() - began, until
            at = Position(epoch + 1, 0) if done == size else Position(epoch, done)
            yield Step(state, tallies, at, seconds)
        tallies, seconds = nothing_yet(seeds), 0.0


def beginning(seeds: Seeds, batch: int) -> Step:
    """Before the first tick.

    Raises:
        ValueError: If learning cannot work from there.
    """
    state = seeds.start(batch)
    for s, keys in enumerate(seeds.keys):
        learner, task = seeds.one(s)
        learner.check(task, seeds.of(state, s), keys.data)
    return Step(state, nothing_yet(seeds), Position(0, 0), 0.0)


def nothing_yet(seeds: Seeds) -> list[measure.Tally]:
    """An epoch in which nothing has been counted."""
    return [measure.nothing(seeds.task, seeds.learner.network) for _ in seeds.keys]


def order(key: Key, epoch: int, task: AbstractTask) -> np.ndarray:
    """The indices of an epoch's training samples, in the order of learning."""
    # The index counts on over epochs, so that a task can make new samples or noise.
    size = task.size("train")
    shuffled = jax.random.permutation(jax.random.fold_in(key, epoch), size)
    return epoch * size + np.asarray(shuffled)


def epoch_metrics(seeds: Seeds, step: Step, seed: int, eval_batch: int) -> Metrics:
    """One line of `metrics.jsonl`: an epoch's training, and a validation without it.

    Raises:
        Diverged: If weights are no longer finite.
    """
    learner, task = seeds.one(seed)
    params, counts = seeds.params(step.state, seed), step.tallies[seed]
    broken = measure.finite(params)
    if broken is not None:
        raise Diverged(
            f"the weights of projection '{broken}' are no longer finite in epoch "
            f"{step.position.epoch}: lower rule.rate, or set train.clamp"
        )
    verdict: Metrics = {
        "validation_accuracy": None,
        "validation_by_group": {},
        "answer_share": [],
    }
    if task.size("validation"):
        data = seeds.keys[seed].data
        seen = measure.evaluate(
            learner.subject, task, params, "validation", data, eval_batch
        )
        verdict = {
            "validation_accuracy": measure.accuracy(seen),
            "validation_by_group": measure.by_group(task, seen),
            "answer_share": measure.answer_share(seen),
        }
    return {
        "epoch": step.position.epoch,
        "samples": step.position.epoch * counts.seen,
        "accuracy_while_learning": measure.accuracy(counts),
        **verdict,
        "rates": measure.rates(task, counts),
        **measure.operations(task, learner.network, counts, params.connections),
        "weight_writes_per_sample": counts.written / counts.seen,
        "ticks_per_second": speed(seeds, step),
        "wall_seconds": step.seconds,
        "warnings": [
            *learner.lost(),
            *measure.warnings(task, learner.network, counts),
            *measure.one_answer(verdict["answer_share"]),
            *measure.no_write(counts),
        ],
    }


def speed(seeds: Seeds, step: Step) -> float:
    """Ticks of all samples of all seeds, per second of the epoch so far."""
    seen = sum(counts.seen for counts in step.tallies)
    return seen * seeds.task.ticks / step.seconds


def fit(learner: AbstractLearner, task: AbstractTask) -> None:
    """Raises ValueError unless the learner's network fits the task."""
    network = learner.network
    for what, has, needs in (
        ("input channels (n_in)", network.n_in, task.n_in),
        ("output units (n_out)", network.n_out, task.n_out),
        ("seconds per tick (dt)", float(network.dt), float(task.dt)),
    ):
        if has != needs:
            raise ValueError(
                f"the network has {has} {what}; the task needs {needs}: build it with "
                "task.n_in, task.n_out and dt=task.dt"
            )
    if not task.size("test"):
        raise ValueError(
            f"{type(task).__name__} has no test samples: nothing to report"
        )


def train(
    learner: AbstractLearner,
    task: AbstractTask,
    key: Key,
    *,
    epochs: int = 10,
    batch: int = 1,
    eval_batch: int = 100,
    listen: Callable[[Metrics], None] | None = None,
) -> Run:
    """Trains a learner on a task, and tests it with learning and feedback off.

    Args:
        learner: What learns; its network must fit the task.
        task: What it is to learn.
        key: The source of all randomness.
        epochs: How often the training split is gone through.
        batch: Samples that learn side by side.
        eval_batch: Samples that are evaluated at a time.
        listen: Called with each epoch's metrics (keys as in `metrics.jsonl`).

    Raises:
        ValueError: If the network does not fit the task, a batch is larger than the
            training split, input is not finite, or weights diverge.

    Warns:
        UserWarning: If a population is silent or saturates, or all answers are one.
    """
    checks.at_least("train", "epochs", 1, epochs=epochs)
    checks.at_least("train", "samples", 1, batch=batch, eval_batch=eval_batch)
    if batch > task.size("train"):
        raise ValueError(
            f"train.batch must be at most {task.size('train')}, the number of training "
            f"samples; got {batch}"
        )
    fit(learner, task)
    seeds, rows = Seeds(learner, task, [keys_of(key)]), []
    start = last = beginning(seeds, batch)
    for last in rounds(seeds, start, epochs, batch):
        row = epoch_metrics(seeds, last, 0, eval_batch)
        first, now = (seeds.params(step.state, 0) for step in (start, last))
        rows.append(row | {"weights": measure.drift(learner.network, first, now)})
        for text in rows[-1]["warnings"]:
            warnings.warn(text, stacklevel=2)
        if listen is not None:
            listen(rows[-1])
    params = seeds.params(last.state, 0)
    data = seeds.keys[0].data
    test = measure.evaluate(learner.subject, task, params, "test", data, eval_batch)
    return Run(
        test_accuracy=measure.accuracy(test),
        accuracy_while_learning=rows[-1]["accuracy_while_learning"],
        memory=measure.memory(learner, task),
        metrics=rows,
        params=params,
        state=seeds.of(last.state, 0),
    )
