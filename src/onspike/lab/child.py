"""The process in which all learning happens, as the server sees it."""

import importlib
import multiprocessing
import os
import queue
import signal
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

LAST_WORDS = 2000  # characters of stderr that are told when it dies
PATIENCE = 3.0  # seconds to end by itself

Listen = Callable[[str, bytes], None]  # (type, message), in a thread of the child's


class Child:
    """A process that learns; it waits for nobody, and nobody waits for it.

    Args:
        main: Its program, as "module:function"; it is called with a connection,
            receives commands, the last of them `quit`, and sends (type, message).
        listen: Is called with every message, in a thread.
        died: Is called with its last words, in that thread, if it ended unasked.
    """

    def __init__(self, main: str, listen: Listen, died: Callable[[str], None]) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        descriptor, path = tempfile.mkstemp(prefix="onspike-lab-", suffix=".stderr")
        os.close(descriptor)
        self._words = Path(path)
        self._connection = ours
        self._commands: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._listen, self._died, self._ended = listen, died, False
        self.process = context.Process(
            target=_run, args=(main, theirs, path), daemon=True, name="onspike-lab"
        )
        self.process.start()
        theirs.close()
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def send(self, command: dict[str, Any]) -> None:
        """Hands a command on, at once; a thread waits until the child takes it."""
        self._commands.put(command)

    def end(self) -> None:
        """Ends it: asks it to `quit`, and kills it if it does not."""
        self._ended = True
        self._commands.put({"do": "quit"})
        self._commands.put(None)
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self._words.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            while True:
                self._listen(*self._connection.recv())
        except (EOFError, OSError):
            pass
        if not self._ended:
            self.process.join(PATIENCE)
            text = self._words.read_text(errors="replace").strip()
            self._words.unlink(missing_ok=True)
            self._commands.put(None)
            self._died(text[-LAST_WORDS:] or f"exit code {self.process.exitcode}")

    def _write(self) -> None:
        while (command := self._commands.get()) is not None:
            try:
                self._connection.send(command)
            except OSError:
                return


def _run(main: str, connection: Connection, words: str) -> None:
    """In the child: its stderr goes to a file, and Ctrl-C is the server's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(words, "wb") as file:
        os.dup2(file.fileno(), 2)
    module, function = main.split(":")
    getattr(importlib.import_module(module), function)(connection)
