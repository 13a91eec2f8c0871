"""A run that another process trains, seen through its folder."""

import time
from pathlib import Path
from typing import Any

import jax

from onspike.experiment.run import Position, Step
from onspike.experiment.runs import at_checkpoint
from onspike.experiment.store import RunFolder
from onspike.lab.session import Session

PATIENCE = 10.0  # seconds in which a checkpoint may be half-written


class Follow:
    """Looks for what is new in a run folder.

    Made before a session is opened from it, lest what comes in between be missed.

    Args:
        folder: Of a run that may still be going on.
    """

    def __init__(self, folder: Path):
        self._store = RunFolder(folder)
        self._manifest = self._stamp()
        self._since: float | None = None  # when a checkpoint could not be read first

    @property
    def over(self) -> bool:
        """Whether the run has its verdict."""
        return self._store.result() is not None

    def rows(self, session: Session) -> list[dict[str, Any]]:
        """Lines of metrics that the session does not have."""
        return self._store.metrics()[len(session.rows) :]

    def news(self, session: Session) -> Step | None:
        """The newest checkpoint, if it is another than at the last look.

        Raises:
            ValueError: If it cannot be read, and that does not change.
        """
        stamp = self._stamp()
        if stamp == self._manifest:
            return None
        state = jax.tree.map(lambda a: a[None], session.state)
        form = Step(state, [session.tally], Position(0, 0), 0.0)
        try:
            step = at_checkpoint(self._store, session.seeds, form)
        except ValueError:
            now = time.monotonic()
            self._since = self._since or now
            if now - self._since > PATIENCE:
                self._manifest, self._since = stamp, None
                raise
            return None  # it is being written: the next look will see it whole
        self._manifest, self._since = stamp, None
        return step

    def _stamp(self) -> int:
        path = self._store.path / "checkpoint" / "manifest.json"
        return path.stat().st_mtime_ns if path.is_file() else 0
