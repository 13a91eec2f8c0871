"""The child's line to the server: commands in, messages out."""

import contextlib
import queue
import threading
from multiprocessing.connection import Connection
from typing import Any

import msgspec

Command = dict[str, Any]
Message = dict[str, Any]


class Line:
    """Both directions of a connection; any thread may tell.

    Args:
        connection: To the server, which takes every message at once.
    """

    def __init__(self, connection: Connection):
        self._connection, self._lock = connection, threading.Lock()
        self._commands: queue.Queue[Command] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def commands(self, wait: float | None) -> list[Command]:
        """What has come; waits so many seconds for it, for ever if that is None."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._commands.get(wait != 0.0, wait))
            while True:
                found.append(self._commands.get_nowait())
        return found

    def tell(self, kind: str, message: Message) -> None:
        """Sends one message; if nobody listens any more, `quit` is on its way."""
        payload = msgspec.json.encode({"type": kind, **message})
        with self._lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send((kind, payload))

    def note(self, text: str, level: str = "info") -> None:
        """Says something to the user."""
        self.tell("note", {"level": level, "text": " ".join(text.split())})

    def _listen(self) -> None:
        try:
            while True:
                self._commands.put(self._connection.recv())
        except (EOFError, OSError):
            self._commands.put({"do": "quit"})
