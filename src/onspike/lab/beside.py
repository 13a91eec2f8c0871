"""Accuracy, measured beside learning in a thread of its own."""

import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from onspike.experiment import measure
from onspike.experiment.run import Step, epoch_metrics
from onspike.lab.session import Session
from onspike.network import Network
from onspike.tasks.base import AbstractTask, Split
from onspike.types import Key, Params

MOST = 200  # held-out samples of a measurement between epochs
SHARE = 0.1  # of the time that goes into them, at most
WAITING = 3  # epochs that may wait for their row before learning waits for them


class Found(NamedTuple):
    """An accuracy on held-out samples."""

    session: Session
    seen: int  # the session's clock when the weights were what was measured
    accuracy: float
    of: int  # samples


class _Exam(NamedTuple):
    """All that a measurement needs, taken when it is asked for: sessions change."""

    network: Network
    task: AbstractTask
    params: Params
    split: Split
    key: Key
    batch: int


class Beside:
    """Measures while learning goes on.

    Args:
        tell: Called with what was found.
        complain: Called with what went wrong.
    """

    def __init__(self, tell: Callable[[Found], None], complain: Callable[[str], None]):
        self._tell, self._complain = tell, complain
        self._pool = ThreadPoolExecutor(1, "beside")
        self._rows: list[Future[None]] = []
        self._measuring: Future[None] | None = None
        self._not_before = 0.0
        self._measured: tuple[int, int] | None = None

    def measure(self, session: Session, changed: bool = False) -> None:
        """Measures the weights as they are, unless that was done a moment ago.

        Args:
            session: Whose.
            changed: Whether more than the weights has changed: it is measured at once.
        """
        busy = self._measuring is not None and not self._measuring.done()
        early = time.monotonic() < self._not_before
        place = id(session), session.clock
        if not changed and (busy or early or place == self._measured):
            return
        self._measured = place
        size = session.task.size(session.held_out)
        exam = _Exam(
            network=session.learner.network,
            task=session.task,
            params=session.params,
            split=session.held_out,
            key=session.keys.data,
            batch=min(session.spec.train.eval_batch, MOST, size),
        )
        self._measuring = self._submit(
            self._measure, session, session.clock, exam, changed
        )

    def _measure(
        self, session: Session, seen: int, exam: _Exam, compiles: bool
    ) -> None:
        began = time.monotonic()
        counts = measure.evaluate(*exam, most=MOST)
        self._tell(Found(session, seen, measure.accuracy(counts), counts.seen))
        # What compiling took says nothing about the next.
        took = 0.0 if compiles else time.monotonic() - began
        self._not_before = time.monotonic() + max(1.0, took * (1 / SHARE - 1))

    def row(self, session: Session, step: Step) -> None:
        """Measures an epoch that is over; learning waits if it is far ahead."""
        seeds, batch = session.seeds, session.spec.train.eval_batch
        seen, of = session.clock, session.task.size("validation")

        def work() -> None:
            row = epoch_metrics(seeds, step, 0, batch)
            now, network = seeds.params(step.state, 0), seeds.learner.network
            row["weights"] = measure.drift(network, session.first, now)
            session.rows.append(row)
            if of:
                self._tell(Found(session, seen, row["validation_accuracy"], of))

        self._rows = [one for one in self._rows if not one.done()]
        self._rows.append(self._submit(work))
        while len(self._rows) > WAITING:
            self._rows.pop(0).result()

    def finish(self) -> None:
        """Waits for all rows."""
        while self._rows:
            self._rows.pop(0).result()

    def _submit(self, work: Callable[..., None], *args: Any) -> Future[None]:
        def guarded() -> None:
            try:
                work(*args)
            except Exception as error:  # nobody else would hear of it
                if not isinstance(error, ValueError):
                    traceback.print_exc()
                self._complain(str(error))

        return self._pool.submit(guarded)
