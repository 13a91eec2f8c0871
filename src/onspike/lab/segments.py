"""How many batches to learn from in one go, once their program is compiled."""

import threading
import time

from onspike.lab.session import Session


class Segments:
    """Compiles a learner's program in a thread of its own, and learns how fast it is.

    Args:
        session: Whose learner; what it has learnt by now is not touched.
    """

    def __init__(self, session: Session):
        self._per_batch: float | None = None  # seconds
        self._rehearse = session.rehearsal()
        self._problem: Exception | None = None
        threading.Thread(target=self._compile, daemon=True).start()

    def size(self, seconds: float, most: int) -> int:
        """Batches that take about so long; 0 while their program is being compiled.

        Raises:
            ValueError: If compiling it failed.
        """
        if self._problem is not None:
            raise self._problem
        if self._per_batch is None:
            return 0
        return max(1, min(most, int(seconds / self._per_batch)))

    def took(self, batches: int, seconds: float) -> None:
        """How long a segment took; it may change as firing rates do."""
        if self._per_batch is not None:
            self._per_batch += 0.3 * (seconds / batches - self._per_batch)

    def _compile(self) -> None:
        try:
            self._rehearse()
            began = time.monotonic()
            self._rehearse()
            self._per_batch = time.monotonic() - began
        except Exception as error:  # of another thread: said where it can be heard
            self._problem = error
