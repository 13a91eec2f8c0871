"""What all browsers share: the child's messages, and what a new browser must know."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

import onspike
from onspike import catalog
from onspike.experiment.spec import device_of, neuron_of
from onspike.lab import commands
from onspike.lab.child import Child

LATEST = ("status", "weights")  # of these only the newest is of use
FEW = {"ticks": 32}  # messages of these that wait for a browser: a second
RECENT = 256  # messages of ticks that are kept for a new browser
CURVE = 4000  # points that are kept of the curves
OFFERED = 100  # run folders that a browser may choose from

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class Browser:
    """One of those who look on: what is still to be sent to it.

    Old `ticks`, `weights` and `status` give way to newer ones, all else waits.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[str, bytes]] = deque()
        self._filled = asyncio.Event()

    def put(self, kind: str, message: bytes) -> None:
        """Appends a message; drops what it outdates."""
        if limit := 1 if kind in LATEST else FEW.get(kind):
            waiting = [item for item in self._queue if item[0] == kind]
            if len(waiting) >= limit:
                self._queue.remove(waiting[0])
        self._queue.append((kind, message))
        self._filled.set()

    async def get(self) -> bytes:
        """The next message."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        return self._queue.popleft()[1]


class Hub:
    """Hands messages on from the child to the browsers, and commands back.

    Args:
        main: The child's program, as "module:function".
        own: Pieces of the user's own that browsers may name, by kind.
    """

    def __init__(self, main: str, own: Mapping[str, str] = {}) -> None:
        self._main, self.own = main, own
        self._child: Child | None = None
        self._loop = asyncio.get_running_loop()
        self.browsers: set[Browser] = set()
        self._newest: dict[str, bytes] = {}
        self._ticks: deque[bytes] = deque(maxlen=RECENT)
        self._curve: list[dict[str, Any]] = []
        self._marks: list[dict[str, Any]] = []
        self._session: Any = None
        self._catalogue = catalogue(own)
        self._told: dict[str, Callable[[dict[str, Any]], None]] = {
            "session": self._begin,
            "accuracy": self._point,
            "mark": self._marks.append,
        }

    def join(self, browser: Browser) -> list[bytes]:
        """Lets a browser look on; what it must know first."""
        self.browsers.add(browser)
        history = {"type": "history", "accuracy": self._curve, "marks": self._marks}
        hello = {
            "type": "hello",
            "version": onspike.__version__,
            "catalogue": self._catalogue,
            "runs": run_folders(Path("runs")),
        }
        known = {"hello": _encode(hello), **self._newest, "history": _encode(history)}
        order = ("hello", "session", "status", "history", "weights")
        return [*(known[kind] for kind in order if kind in known), *self._sample()]

    def leave(self, browser: Browser) -> None:
        """Forgets a browser."""
        self.browsers.discard(browser)

    def obey(self, command: commands.Command) -> None:
        """Hands a command on; whoever builds a session gets a child if there is none.

        Raises:
            ValueError: If there is no child, and it begins no session.
        """
        if self._child is None:
            if not isinstance(command, commands.New | commands.Open):
                raise ValueError("there is no session: begin one first")
            self._child = self._start()
        self._child.send(commands.plain(command))

    def end(self) -> None:
        """Ends the child."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _start(self) -> Child:
        self._newest.clear()
        what = "Starting the process that learns."
        status = {"type": "status", "state": "building", "what": what, "speed": 1.0}
        self._pass("status", _encode(status))

        def call(what: Callable[..., None], *values: Any) -> None:
            try:
                self._loop.call_soon_threadsafe(what, *values)
            except RuntimeError:  # the loop is closed: nobody is left to be told
                return

        return Child(
            self._main,
            lambda kind, message: call(self._pass, kind, message),
            lambda words: call(self._mourn, words),
        )

    def _pass(self, kind: str, message: bytes) -> None:
        """Keeps what later browsers need, and hands a message on to all."""
        if kind == "ticks":
            self._ticks.append(message)
        elif kind in ("session", *LATEST):
            self._newest[kind] = message
        if kind in self._told:
            content = _decode(message)
            content.pop("type", None)
            self._told[kind](content)
        for browser in self.browsers:
            browser.put(kind, message)

    def _begin(self, session: dict[str, Any]) -> None:
        if session.get("id") == self._session:
            return
        self._session = session.get("id")
        self._curve.clear()
        self._marks.clear()
        self._ticks.clear()
        self._newest.pop("weights", None)

    def _point(self, point: dict[str, Any]) -> None:
        self._curve[:] = thinned([*self._curve, point])

    def _sample(self) -> list[bytes]:
        """The messages of the sample that is being looked at."""
        seen = None
        found: list[bytes] = []
        for message in reversed(self._ticks):
            which = _decode(message)["seen"]
            if seen is not None and which != seen:
                break
            seen = which
            found.append(message)
        return found[::-1]

    def _mourn(self, words: str) -> None:
        self._child = self._session = None
        text = f"The process that learns has died: {words.splitlines()[-1]}\n{words}"
        self._pass("note", note("error", text))
        status = _decode(self._newest.get("status", b"{}"))
        gone = {"type": "status", "state": "failed", "ticks_per_second": 0.0}
        what = "The process that learns has died; begin a new session."
        self._pass("status", _encode({**status, **gone, "what": what}))


def thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Points of the curves; where they are too many, half of the older half go.

    Those without an evaluation go first, every other one. Open pages do the same.
    """
    if len(points) <= CURVE:
        return points
    old = points[: CURVE // 2]
    kept = [p for i, p in enumerate(old) if i % 2 or p["held_out"] is not None]
    if len(kept) == len(old):
        kept = old[::2]
    return [*kept, *points[CURVE // 2 :]]


def note(level: str, text: str) -> bytes:
    """A message for the user."""
    return _encode({"type": "note", "level": level, "text": text})


def run_folders(root: Path) -> list[str]:
    """Run folders in a folder, the newest first."""
    found = {spec: spec.stat().st_mtime for spec in root.glob("*/spec.toml")}
    newest = sorted(found, key=lambda spec: found[spec], reverse=True)
    return [str(spec.parent) for spec in newest[:OFFERED]]


def catalogue(pieces: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """What there is to choose from, with pieces of the user's own, by kind."""
    lists: dict[str, list[dict[str, Any]]] = {
        f"{kind}s": [
            {"name": name, "summary": row.summary, "source": row.source}
            for name in (*rows, *filter(None, [pieces.get(kind)]))
            for row in [catalog.row(kind, name)]
        ]
        for kind, rows in catalog.KINDS.items()
    }
    for task in lists["tasks"]:
        task["rule"] = catalog.row("task", task["name"]).recipe.rule
        task["neurons"] = {
            rule["name"]: neuron_of(task["name"], rule["name"])
            for rule in lists["rules"]
        }
    for rule in lists["rules"]:
        rule["device"] = device_of(rule["name"])
        rule["ticks"] = catalog.row("rule", rule["name"]).ticks
    return lists
