"""What happens beside learning, in a thread of its own: measuring and compiling."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from onspike.experiment import measure
from onspike.experiment.run import Step, epoch_metrics
from onspike.lab.session import Session

MOST = 200  # held-out samples of a measurement between epochs
SHARE = 0.2  # of the time that goes into them, at most
WAITING = 3  # epochs that may wait for their row before learning waits for them


class Beside:
    """Measures accuracy and compiles programs while learning goes on.

    Args:
        tell: Called with an accuracy, of how many samples, and after how many.
        complain: Called with what went wrong.
    """

    def __init__(
        self, tell: Callable[[float, int, int], None], complain: Callable[[str], None]
    ):
        self._tell, self._complain = tell, complain
        self._pool = ThreadPoolExecutor(1, "beside")
        self._rows: list[Future[None]] = []
        self._measuring: Future[None] | None = None
        self._not_before = 0.0
        self.forget()

    def forget(self) -> None:
        """A learner that has changed asks for other programs."""
        self._compiling: threading.Thread | None = None
        self._per_batch = 1.0  # seconds
        self._measured = -1

    def _submit(self, work: Callable[..., None], *args: Any) -> Future[None]:
        def guarded() -> None:
            try:
                work(*args)
            except (ValueError, OSError) as error:
                self._complain(str(error))

        return self._pool.submit(guarded)

    # --- measuring -------------------------------------------------------------------

    def measure(self, session: Session, seen: int, at_once: bool = False) -> None:
        """Measures the weights as they are, unless that was done a moment ago."""
        busy = self._measuring is not None and not self._measuring.done()
        early = time.monotonic() < self._not_before
        if at_once or not (busy or early or seen == self._measured):
            self._measured = seen
            args = session.params, session.task, session.held_out, seen
            self._measuring = self._submit(self._measure, session, *args, at_once)

    def _measure(
        self,
        session: Session,
        params: Any,
        task: Any,
        split: Any,
        seen: int,
        compiles: bool,
    ) -> None:
        began, most = time.monotonic(), min(MOST, task.size(split))
        counts = measure.evaluate(
            session.learner.network,
            task,
            params,
            split,
            session.keys.data,
            min(session.spec.train.eval_batch, most),
            most,
        )
        self._tell(measure.accuracy(counts), counts.seen, seen)
        # What compiling took says nothing about the next.
        took = 0.0 if compiles else time.monotonic() - began
        self._not_before = time.monotonic() + max(1.0, took * (1 / SHARE - 1))

    def row(self, session: Session, step: Step) -> None:
        """Measures an epoch that is over; learning waits if it is far ahead."""

        def work() -> None:
            row = epoch_metrics(seeds, step, 0, batch)
            session.rows.append(row)
            if row["validation_accuracy"] is not None:
                of = session.task.size("validation")
                self._tell(row["validation_accuracy"], of, seen)

        seeds, batch = session.seeds, session.spec.train.eval_batch
        seen = session.clock
        self._rows = [one for one in self._rows if not one.done()]
        self._rows.append(self._submit(work))
        while len(self._rows) > WAITING:
            self._rows.pop(0).result()

    def finish(self) -> None:
        """Waits for all rows."""
        while self._rows:
            self._rows.pop(0).result()

    # --- compiling -------------------------------------------------------------------

    def segment(self, session: Session, seconds: float) -> int:
        """Batches that take about so long; 0 while their program is being compiled."""
        if self._compiling is None:
            self._compiling = threading.Thread(
                target=self._rehearse, args=(session,), daemon=True
            )
            self._compiling.start()
        if self._compiling.is_alive() or session.tick:
            return 0
        return max(1, min(session.left, int(seconds / self._per_batch)))

    def timed(self, batches: int, seconds: float) -> None:
        """How long a segment took; what it takes may change as firing rates do."""
        self._per_batch += 0.3 * (seconds / batches - self._per_batch)

    def _rehearse(self, session: Session) -> None:
        try:
            session.rehearsed(1)
            began = time.monotonic()
            session.rehearsed(1)
            self._per_batch = time.monotonic() - began
        except ValueError as error:
            self._complain(str(error))
