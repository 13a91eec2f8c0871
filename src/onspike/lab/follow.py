"""A run that another process trains, seen through its folder."""

from pathlib import Path
from typing import Any

import jax

from onspike.experiment.run import Position, Step
from onspike.experiment.runs import at_checkpoint
from onspike.experiment.store import RunFolder
from onspike.lab.session import Session


class Follow:
    """Looks for what is new in a run folder.

    Args:
        folder: Of a run that may still be going on.
    """

    def __init__(self, folder: Path):
        self._store = RunFolder(folder)
        self._manifest = self._stamp()
        self._rows = len(self._store.metrics())

    @property
    def over(self) -> bool:
        """Whether the run has its verdict."""
        return self._store.result() is not None

    def rows(self) -> list[dict[str, Any]]:
        """Lines of metrics that were not there at the last look."""
        found = self._store.metrics()[self._rows :]
        self._rows += len(found)
        return found

    def news(self, session: Session) -> Step | None:
        """The newest checkpoint, if it is another than at the last look."""
        stamp = self._stamp()
        if stamp == self._manifest:
            return None
        tally = session.tally
        state = jax.tree.map(lambda a: a[None], session.state)
        form = Step(state, [tally], Position(0, 0), 0.0)
        try:
            step = at_checkpoint(self._store, session.seeds, form)
        except ValueError:  # it is being written: the next look will see it whole
            return None
        self._manifest = stamp
        return step

    def _stamp(self) -> int:
        path = self._store.path / "checkpoint" / "manifest.json"
        return path.stat().st_mtime_ns if path.is_file() else 0
