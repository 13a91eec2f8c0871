"""How many ticks are due, where learning keeps step with a clock."""

import time

FRAME = 0.04  # seconds between messages of ticks, where there are as many
OFTEN = 0.5  # seconds between messages of weights, and points of running accuracy


class Pace:
    """A clock that ticks are run by."""

    def __init__(self) -> None:
        self._at = self._frame = time.monotonic()

    def wait(self) -> float:
        """Seconds until the next frame."""
        return max(0.0, self._frame - time.monotonic())

    def due(self, seconds: float, chunk: int) -> int:
        """Ticks that are due when each is to last so long.

        Whole chunks where there are several; what half a second cannot hold is lost.
        """
        now = time.monotonic()
        self._frame = max(now, self._frame + FRAME)
        self._at = max(self._at, now - OFTEN)
        many = int((now - self._at) / seconds)
        if many > chunk:
            many -= many % chunk
        self._at += many * seconds
        return many
