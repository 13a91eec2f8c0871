"""A run that is looked at while it learns: ticks, samples, settings, a run folder."""

import collections
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onspike.engine import Record
from onspike.engine.scan import settle
from onspike.experiment import build, measure, recordings
from onspike.experiment.run import (
    Keys,
    Metrics,
    Position,
    Seeds,
    Step,
    beginning,
    fit,
    keys_of,
    order,
)
from onspike.experiment.runs import ends
from onspike.experiment.spec import Spec
from onspike.experiment.store import RunFolder
from onspike.lab import film
from onspike.lab.change import changed, moved
from onspike.lab.film import Shot, Synapse
from onspike.lab.unplugged import LATELY, Unplugged
from onspike.probe import online
from onspike.tasks.base import Split
from onspike.types import Params

MOST = 1024  # batches of a segment


class Change(NamedTuple):
    """An option that was set while the session went on."""

    seen: int  # samples until then
    path: str
    value: Any


class Session:
    """Learning that can stop at any tick, be changed, and go on.

    It visits the samples of `onspike train`, in its order. While feedback and learning
    are unplugged, held-out samples run instead, beside all that is being learnt, which
    waits where it is.

    Args:
        spec: What is trained.
        step: Where it stands; by default at the beginning.

    Raises:
        ValueError: If it cannot be built, or learns without ticks.
    """

    def __init__(self, spec: Spec, step: Step | None = None):
        self.start, self.plugged, self.strayed = spec, True, 0
        self._use(spec, _made(spec))
        begun = beginning(self.seeds, spec.train.batch)
        self.first = self.seeds.params(begun.state, 0)
        step = begun if step is None else step
        self.rows: list[Metrics] = []
        self.changes: list[Change] = []
        self.adopt(step)
        self._record = film.beginning(self.task, self.learner.network, self.batch)
        self.right: collections.deque[bool] = collections.deque(maxlen=LATELY)
        self.free = Unplugged(self)
        self.synapse = self._some_synapse()

    @classmethod
    def opened(cls, folder: Path) -> "Session":
        """A session from a run folder's last checkpoint.

        Raises:
            ValueError: If there is none, or the run has no ticks.
        """
        spec, _, _, last = ends(folder)
        session = cls(spec, last)
        store = RunFolder(folder)
        session.rows = store.metrics()[: session.epoch]
        session.changes = [Change(**change) for change in store.changes()]
        return session

    def _use(self, spec: Spec, made: Seeds) -> None:
        self.spec, self.seeds, self.task = spec, made, made.task
        self.learner = online(made.learner)
        self.batch, self.chunk = spec.train.batch, chunk_of(made.task.ticks)

    @property
    def keys(self) -> Keys:
        """Where the run's randomness comes from."""
        return self.seeds.keys[0]

    @property
    def size(self) -> int:
        """Samples of an epoch."""
        return self.task.size("train") // self.batch * self.batch

    @property
    def seen(self) -> int:
        """Samples learnt from since the beginning."""
        return self.epoch * self.size + self.done

    @property
    def clock(self) -> int:
        """Samples that have been run, those unplugged among them."""
        return self.seen + self.strayed

    @property
    def over(self) -> bool:
        """Whether all epochs of the specification are done."""
        return self.epoch >= self.spec.train.epochs

    @property
    def params(self) -> Params:
        """The weights, as the network reads them now."""
        return self.learner.params(self.state)

    # --- learning --------------------------------------------------------------------

    def ticks(self, most: int) -> Iterator[Shot]:
        """Runs some ticks, as they are plugged in; stops early at a sample's end."""
        runner = self if self.plugged else self.free
        most = min(most, self.task.ticks - runner.tick)
        while most > 0:
            length = self.chunk if most >= self.chunk else 1
            yield runner.shoot(length)
            most -= length

    def shoot(self, length: int) -> Shot:
        """Learns from the next ticks of the current batch.

        Raises:
            ValueError: If the epoch is over, and the next one has not begun.
        """
        if self.done >= self.size:
            raise ValueError("this epoch has no more samples: see `ended_epoch`")
        began, start = time.perf_counter(), self.tick
        index = self._order[self.done : self.done + self.batch]
        self.state, self._record, frames = film.learnt(
            self.learner,
            self.task,
            self.state,
            self._record,
            jnp.asarray(index, jnp.int32),
            jnp.asarray(start, jnp.int32),
            self.keys.data,
            self.at(),
            length=length,
            projection=self.synapse.projection,
        )
        frames = jax.device_get(frames)
        self.tick += length
        self.seconds += time.perf_counter() - began
        label, answer = int(self._record.label[0]), None
        if self.tick == self.task.ticks:
            over = settle(self._record)
            self.tick, answer = 0, int(over.answer[0])
            self._count(over)
        return Shot(start, label, answer, frames)

    def segment(self, batches: int) -> None:
        """Learns from whole batches as `onspike train` does, unwatched.

        Raises:
            ValueError: In the middle of a sample.
        """
        if self.tick:
            raise ValueError("a segment begins with a sample")
        began = time.perf_counter()
        rows = self._order[self.done : self.done + batches * self.batch]
        index = self._no_rows()
        index[:batches] = rows.reshape(batches, self.batch)
        self.state, records = film.unwatched(
            self.learner,
            self.task,
            self.state,
            jnp.asarray(index),
            jnp.asarray(batches, jnp.int32),
            self.keys.data,
        )
        records = jax.device_get(jax.block_until_ready(records))
        self.seconds += time.perf_counter() - began
        self._count(jax.tree.map(lambda a: a[:batches], records))

    def rehearsal(self) -> Callable[[], None]:
        """What compiles, or runs, the program of a segment, and changes nothing."""
        given = self.learner, self.task, self.state, jnp.asarray(self._no_rows())
        one, key = jnp.ones((), jnp.int32), self.keys.data
        return lambda: jax.block_until_ready(film.unwatched(*given, one, key)) and None

    def _no_rows(self) -> np.ndarray:
        return np.zeros((min(MOST, self.size // self.batch), self.batch), np.int32)

    @property
    def left(self) -> int:
        """The most batches that a segment may have: what an epoch has left."""
        return min(MOST, (self.size - self.done) // self.batch)

    def _count(self, records: Record) -> None:
        counts = measure.tally(self.task, records)
        self.tally = measure.add(self.tally, counts)
        answers, labels = (np.asarray(a).reshape(-1) for a in records[:2])
        self.right.extend((answers == labels).tolist())
        self.done += counts.seen

    def ended_epoch(self) -> Step | None:
        """What an epoch left, once at its end; the next one has begun then."""
        if self.done < self.size:
            return None
        self.epoch, self.done = self.epoch + 1, 0
        state = jax.tree.map(lambda a: a[None], self.state)
        left = Step(state, [self.tally], Position(self.epoch, 0), self.seconds)
        self.tally = measure.nothing(self.task, self.learner.network)
        self.seconds, self._order = 0.0, self._epoch_order()
        return left

    def adopt(self, step: Step) -> None:
        """Goes on from where another process has come with the same run."""
        self.state = jax.tree.map(lambda a: a[0], step.state)
        self.tally, self.seconds = step.tallies[0], step.seconds
        (self.epoch, self.done), self.tick = step.position, 0
        self._order = self._epoch_order()

    def _epoch_order(self) -> np.ndarray:
        return order(self.keys.order, self.epoch, self.task)[: self.size]

    # --- measuring -------------------------------------------------------------------

    @property
    def held_out(self) -> Split:
        """The samples that accuracy is measured on while there is a choice to make."""
        return "validation" if self.task.size("validation") else "test"

    # --- changing --------------------------------------------------------------------

    def set(self, path: str, value: Any) -> None:
        """Changes an option and goes on, with the same weights.

        Raises:
            ValueError: If the option or its value is not known, or the network would
                have another shape; nothing is changed then.
        """
        clock, batch = self.clock, self.batch
        spec = changed(self.spec, path, value)
        made, size = _made(spec), spec.train.batch
        new, start = online(made.learner), self.keys.start
        self.state = moved(self.learner, self.state, new, start, size, path)
        self._use(spec, made)
        if path.startswith("task.") or size != batch:  # other samples: a new epoch
            self.tick, self.done, self.seconds = 0, 0, 0.0
            self.tally = measure.nothing(self.task, self.learner.network)
            self._order = self._epoch_order()
            self._record = film.beginning(self.task, self.learner.network, self.batch)
            self.strayed = clock - self.seen
        self.free = Unplugged(self)
        self.changes.append(Change(self.clock, path, value))

    def look_at(self, synapse: Synapse) -> None:
        """Chooses the synapse whose traces are shown.

        Raises:
            ValueError: If there is none.
        """
        wires = dict(self.learner.network.bare().wiring.wires)
        if synapse.projection not in wires:
            known = ", ".join(wires)
            raise ValueError(
                f"there is no projection '{synapse.projection}'; there are {known}"
            )
        wire = wires[synapse.projection]
        for what, i, n in (
            ("post", synapse.post, wire.n_post),
            ("pre", synapse.pre, wire.n_pre),
        ):
            if not 0 <= i < n:
                raise ValueError(
                    f"{what} must be a neuron's number, 0 to {n - 1} in projection "
                    f"'{synapse.projection}'; got {i}"
                )
        self.synapse = synapse

    def busiest(self) -> Synapse:
        """Of the projection that is shown, the synapse that has changed most."""
        name = self.synapse.projection
        change = np.abs(
            np.asarray(self.params.weights[name] - self.first.weights[name])
        )
        post, pre = np.unravel_index(np.nan_to_num(change).argmax(), change.shape)
        return Synapse(name, int(post), int(pre))

    def _some_synapse(self) -> Synapse:
        wires = dict(self.learner.network.bare().wiring.wires)
        plastic = [name for name in self.learner.rates() if name in wires]
        name = next(iter([*plastic, *wires]))
        return Synapse(name, int(film.shown(wires[name].n_post)[0]), 0)

    def at(self) -> tuple[jax.Array, jax.Array]:
        """Both ends of the synapse that is shown."""
        return (
            jnp.asarray(self.synapse.post, jnp.int32),
            jnp.asarray(self.synapse.pre, jnp.int32),
        )

    # --- keeping ---------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Writes a run folder that `onspike` resumes, tests and reports.

        Raises:
            ValueError: In the middle of a sample; if the folder is not empty.
        """
        if self.tick:
            raise ValueError("a run folder is written between two samples")
        store, batch = RunFolder(folder), self.spec.train.eval_batch
        store.create(self.spec)
        store.add_changes(change._asdict() for change in self.changes)
        for row in self.rows:
            store.add_metrics(row)
        state = jax.tree.map(lambda a: a[None], self.state)
        recordings.keep_die(self.seeds, state, 0, store)
        recordings.keep(self.seeds, self.first, 0, store, "before", 0, batch)
        when = "after" if self.over else "during"
        recordings.keep(self.seeds, self.params, 0, store, when, self.epoch, batch)
        tally = jax.tree.map(np.asarray, self.tally)
        position = Position(self.epoch, self.done)
        store.save((self.state, tally), position, {"seconds": self.seconds})


def _made(spec: Spec) -> Seeds:
    """What a specification describes."""
    task = spec.built("task")
    learner = online(build.learner(spec, task))
    fit(learner, task)
    return Seeds(learner, task, [keys_of(jax.random.key(spec.seed))])


def chunk_of(ticks: int) -> int:
    """Ticks of a compiled chunk: at most 40, and few left over, as they run singly."""
    most = min(40, ticks)
    return min(range(most, most // 2, -1), key=lambda k: ticks % k)
