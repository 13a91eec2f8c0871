"""A run that is looked at while it learns: ticks, samples, settings, a run folder."""

import collections
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onspike.engine import Record
from onspike.engine.scan import settle
from onspike.experiment import build, measure
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
from onspike.lab.film import Frame, Synapse
from onspike.probe import online
from onspike.tasks.base import Split
from onspike.types import Params, Tree

MOST = 1024  # batches of a segment
LATELY = 100  # samples over which a running share is taken


class Shot(NamedTuple):
    """Some consecutive ticks of one sample, to be shown."""

    start: int  # the first of them, from the sample's beginning
    label: int
    answer: int | None  # at the sample's last tick
    frames: Frame  # time first, as numpy arrays


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
        self.plugged, self.strayed = True, 0
        self._use(spec)
        begun = beginning(self.seeds, spec.train.batch)
        self.first = self.seeds.params(begun.state, 0)
        step = begun if step is None else step
        self.rows: list[Metrics] = []
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
        session.rows = RunFolder(folder).metrics()[: session.epoch]
        return session

    def _use(self, spec: Spec) -> None:
        task = spec.built("task")
        learner = online(build.learner(spec, task))
        fit(learner, task)
        self.spec, self.task, self.learner = spec, task, learner
        self.seeds = Seeds(learner, task, [keys_of(jax.random.key(spec.seed))])
        self.batch = spec.train.batch
        self.chunk = chunk_of(task.ticks)

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
        """Learns from the next ticks of the current batch."""
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
            self._at(),
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
        self.state, records = self.rehearsed(batches)
        self.seconds += time.perf_counter() - began
        self._count(records)

    def rehearsed(self, batches: int) -> tuple[Tree, Record]:
        """What a segment would leave; nothing is kept, but its program is compiled."""
        index = np.zeros((min(MOST, self.size // self.batch), self.batch), np.int32)
        rows = self._order[self.done : self.done + batches * self.batch]
        index[:batches] = rows.reshape(batches, self.batch)
        state, records = film.unwatched(
            self.learner,
            self.task,
            self.state,
            jnp.asarray(index),
            jnp.asarray(batches, jnp.int32),
            self.keys.data,
        )
        records = jax.device_get(jax.block_until_ready(records))
        return state, jax.tree.map(lambda a: a[:batches], records)

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
        before = self.learner, self.state, self.spec, self.task, self.seeds
        try:
            self._use(changed(self.spec, path, value))
            self.state = moved(
                before[0], before[1], self.learner, self.keys.start, self.batch, path
            )
        except ValueError:
            self.learner, self.state, self.spec, self.task, self.seeds = before
            self.batch = self.spec.train.batch
            raise
        if path.startswith("task.") or self.batch != before[2].train.batch:
            self.tick, self.done = 0, min(self.done, self.size)
            self.done -= self.done % self.batch
            self._order = self._epoch_order()
            self._record = film.beginning(self.task, self.learner.network, self.batch)
        self.free = Unplugged(self)

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

    def _at(self) -> tuple[jax.Array, jax.Array]:
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
        store = RunFolder(folder)
        store.create(self.spec)
        for row in self.rows:
            store.add_metrics(row)
        first = {n: np.asarray(w) for n, w in self.first.weights.items()}
        store.add_recording("weights_before", first)
        tally = jax.tree.map(np.asarray, self.tally)
        position = Position(self.epoch, self.done)
        store.save((self.state, tally), position, {"seconds": self.seconds})


class Unplugged:
    """Held-out samples, one after another, with learning and feedback off."""

    def __init__(self, session: Session):
        self.session = session
        self.network = session.learner.network.bare()
        self.seen, self.tick = 0, 0
        self.right: collections.deque[bool] = collections.deque(maxlen=LATELY)
        self._record = film.beginning(session.task, self.network, 1)
        self._state: Tree = None

    def shoot(self, length: int) -> Shot:
        """Runs the next ticks of the current sample."""
        session, start = self.session, self.tick
        params = session.params
        if self._state is None:
            self._state = film.rest_of(self.network, params)
        index = self.seen % session.task.size(session.held_out)
        self._state, self._record, frames = film.unplugged(
            self.network,
            session.task,
            params,
            self._state,
            self._record,
            jnp.full(1, index, jnp.int32),
            jnp.asarray(start, jnp.int32),
            session.keys.data,
            session._at(),
            split=session.held_out,
            length=length,
            projection=session.synapse.projection,
        )
        frames = jax.device_get(frames)
        self.tick += length
        label, answer = int(self._record.label[0]), None
        if self.tick == session.task.ticks:
            self.tick, self.seen = 0, self.seen + 1
            session.strayed += 1
            answer = int(settle(self._record).answer[0])
            self.right.append(answer == label)
        return Shot(start, label, answer, frames)


def chunk_of(ticks: int) -> int:
    """Ticks of a compiled chunk: at most 40, a divisor of the sample's if one is near.

    What no chunk fills is run tick by tick.
    """
    most = min(40, ticks)
    return next((k for k in range(most, most // 2, -1) if ticks % k == 0), most)
