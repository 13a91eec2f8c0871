"""The child process: learns, at a pace, and tells what happens.

Three threads: this one learns; one takes commands as they come; one says every quarter
of a second how things stand, also while a program is compiled.
"""

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import msgspec

from onspike.experiment.spec import resolve
from onspike.lab import messages
from onspike.lab.beside import Beside
from onspike.lab.film import Synapse
from onspike.lab.follow import Follow
from onspike.lab.pace import OFTEN, Pace
from onspike.lab.session import Session, Shot

SEGMENT = 0.1  # seconds of unwatched learning at a time, at full speed
_SOME = 5  # batches after which one can tell which synapse has something to show
WATCHED = 0.1  # share of the time that goes into watched samples then

Command = dict[str, Any]


def main(connection: Connection) -> None:
    """Runs until it is told to `quit`, or nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when it is over
    with contextlib.suppress(BrokenPipeError, EOFError, ConnectionResetError):
        Worker(connection).work()


class Worker:
    """One session after another, as commands ask for them."""

    def __init__(self, connection: Connection):
        self._connection, self._lock = connection, threading.Lock()
        self._commands: queue.Queue[Command] = queue.Queue()
        self._beside = Beside(self._point, self._complain)
        self.session: Session | None = None
        self.follow: Follow | None = None
        self.run: Path | None = None
        self.number = 0
        self.state = "idle"
        self.what = "nothing is built yet"
        self.speed: float | Literal["full"] = 1.0
        self._pace = Pace()
        self._told = self._watched_at = 0.0
        self._count = self._count_at = 0.0
        self._rate = 0.0
        self._ended = False
        self._chosen = False  # whether a person has said which synapse to show

    # --- the loop --------------------------------------------------------------------

    def work(self) -> None:
        """Obeys and learns by turns."""
        for target in (self._listen, self._beat):
            threading.Thread(target=target, daemon=True).start()
        while True:
            for command in self._waiting():
                if command.get("do") == "quit":
                    return
                self._guarded(self._obey, command)
            if self.session is not None:
                self._guarded(self._go_on)

    def tell(self, kind: str, message: messages.Message) -> None:
        """Sends one message; the server takes it at once."""
        payload = msgspec.json.encode({"type": kind, **message})
        with self._lock:
            self._connection.send((kind, payload))

    def _listen(self) -> None:
        try:
            while True:
                self._commands.put(self._connection.recv())
        except (EOFError, OSError):
            self._commands.put({"do": "quit"})

    def _waiting(self) -> list[Command]:
        """Commands that have come; waits for one if there is nothing else to do."""
        found = []
        if self.state == "running":
            wait = self._pace.wait() if self.speed != "full" else 0.0
        else:
            wait = 1.0 if self.follow else None
        with contextlib.suppress(queue.Empty):
            found.append(self._commands.get(wait != 0.0, wait))
            while True:
                found.append(self._commands.get_nowait())
        return found

    def _guarded(self, act: Callable[..., None], *args: Any) -> None:
        """What a person did wrong is a note; what we did wrong ends the process."""
        try:
            act(*args)
        except (ValueError, OSError) as error:
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        self.tell("note", {"level": "error", "text": " ".join(text.split())})
        if self.session is None:
            self._stand("failed", text)
        elif self.state in ("running", "building"):
            self._stand("paused", f"stopped: {text}")

    # --- commands --------------------------------------------------------------------

    def _obey(self, command: Command) -> None:
        do = command.get("do")
        if do in ("new", "open"):
            {"new": self._new, "open": self._open}[do](command)
            return
        if self.session is None:
            raise ValueError("nothing is built yet: choose a task and press `build`")
        acts: dict[str, Callable[[Session, Command], None]] = {
            "start": self._start,
            "pause": lambda session, _: self._pause(),
            "step": self._step,
            "speed": self._set_speed,
            "set": self._set,
            "feedback": self._plug,
            "watch": self._watch,
            "reset": lambda session, _: self._take(lambda: Session(session.spec)),
            "export": self._export,
        }
        if do not in acts:
            raise ValueError(f"unknown command '{do}'; there are {', '.join(acts)}")
        acts[do](self.session, command)
        self._status()

    def _new(self, command: Command) -> None:
        def build() -> Session:
            spec = resolve(
                command["task"],
                rule=command.get("rule"),
                neuron=command.get("neuron"),
                device=command.get("device"),
                seed=command.get("seed") or 0,
                settings=command.get("settings") or {},
            )
            return Session(spec)

        self._take(build)

    def _open(self, command: Command) -> None:
        folder = Path(command["folder"]).expanduser().absolute()
        self._take(lambda: Session.opened(folder), folder)

    def _take(self, build: Callable[[], Session], run: Path | None = None) -> None:
        """Another session instead of this one, if it can be built."""
        before = self.state, self.what
        self._stand("building", "building the network and compiling")
        try:
            session = build()
        except ValueError:
            self._stand(*(before if self.session else ("failed", "nothing is built")))
            raise
        self._beside.forget()
        self.session, self.run, self.number = session, run, self.number + 1
        self.follow = Follow(run) if run is not None else None
        if self.follow and self.follow.over:
            self.follow = None
        self._ended, self._chosen = session.over, False
        self._introduce()
        if self.follow:
            session.plugged = False
        self._history()
        self.tell("weights", {"projections": self._weights()})
        self._rest()
        self._beside.measure(session, session.clock, at_once=True)

    def _introduce(self) -> None:
        assert self.session is not None
        told = messages.session(
            self.session, self.number, self.run, self.follow is not None
        )
        self.tell("session", told)

    def _start(self, session: Session, command: Command) -> None:
        del command
        self._pace, self._count = Pace(), session.seen
        self._count_at = time.monotonic()
        if session.plugged and self._ended and session.over:
            self._note("the recipe's epochs are over: what follows comes on top of it")
        self._stand("running", "")

    def _pause(self) -> None:
        self._rest()
        self._point()

    def _step(self, session: Session, command: Command) -> None:
        self._rest()
        many = command.get("ticks") or 1
        while many > 0:
            tick = (session if session.plugged else session.free).tick
            some = min(many, session.task.ticks - tick)
            self._show(session, list(session.ticks(some)))
            many -= some
        self._tell_weights(session)

    def _set_speed(self, session: Session, command: Command) -> None:
        value = command["value"]
        if value != "full" and not (isinstance(value, float | int) and value > 0):
            raise ValueError(
                f"speed must be 'full' or a positive multiple of real time; got {value}"
            )
        self.speed, self._pace = value, Pace()

    def _set(self, session: Session, command: Command) -> None:
        path, value = command["path"], command["value"]
        what, self.what = self.what, f"compiling with {path} = {value}"
        try:
            session.set(path, value)
        finally:
            self.what = what
        self._beside.forget()
        self._mark(f"{path} = {value}")
        self._introduce()
        self._tell_weights(session)
        self._beside.measure(session, session.clock, at_once=True)

    def _plug(self, session: Session, command: Command) -> None:
        session.plugged = bool(command["plugged"])
        if session.plugged and self.follow:
            self.follow = None
            self._note("learning goes on here, from the last checkpoint")
            self._introduce()
            self._rest()
        self._mark("feedback " + ("plugged in" if session.plugged else "unplugged"))

    def _watch(self, session: Session, command: Command) -> None:
        session.look_at(
            Synapse(command["projection"], int(command["post"]), int(command["pre"]))
        )
        self._chosen = True
        self._introduce()

    def _export(self, session: Session, command: Command) -> None:
        folder = Path(command.get("folder") or _unused(session)).expanduser().absolute()
        while session.tick:  # a run folder stands between two samples
            session.shoot(1)
        self._after(session)
        self._beside.finish()
        session.save(folder)
        self.tell("exported", {"folder": str(folder)})

    # --- learning --------------------------------------------------------------------

    def _go_on(self) -> None:
        session = self.session
        if session is None:
            return
        if self.follow:
            self._catch_up(session, self.follow)
        if self.state == "running":
            if self.speed == "full" and session.plugged:
                self._rush(session)
            else:
                self._walk(session)
            self._after(session)

    def _walk(self, session: Session) -> None:
        """As many ticks as are due, all of them shown."""
        if self.speed == "full":
            many = session.task.ticks
        else:
            many = self._pace.due(float(session.task.dt) / self.speed, session.chunk)
        if many:
            self._show(session, list(session.ticks(many)))

    def _rush(self, session: Session) -> None:
        """Whole batches in one go; now and then a sample that is watched."""
        now = time.monotonic()
        size = self._beside.segment(session, SEGMENT)
        if not size or now > self._watched_at:
            rest = session.task.ticks - session.tick
            self._show(session, list(session.ticks(rest)))
            took = time.monotonic() - now
            self._watched_at = now + max(OFTEN, took / WATCHED)
        else:
            session.segment(size)
            self._beside.timed(size, time.monotonic() - now)

    def _after(self, session: Session) -> None:
        """What an epoch's end asks for, and what is told now and then."""
        left = session.ended_epoch()
        if left is not None:
            self._beside.row(session, left)
        now = time.monotonic()
        if now - self._told > OFTEN:
            self._told = now
            if session.plugged and session.seen > self._count:
                ticks = (session.seen - self._count) * session.task.ticks
                self._rate = ticks / (now - self._count_at)
            self._count, self._count_at = session.seen, now
            self._point()
            self._tell_weights(session)
            self._beside.measure(session, session.clock)
        if session.over and not self._ended:
            self._ended = True
            self._rest()
            self._note(
                f"all {session.spec.train.epochs} epochs of the recipe are over; "
                "start goes on learning"
            )

    def _catch_up(self, session: Session, follow: Follow) -> None:
        """What another process has done since the last look."""
        step = follow.news(session)
        for row in follow.rows():
            session.rows.append(row)
            self._row(row, session.size)
        if step is not None:
            session.adopt(step)
            self._tell_weights(session)
            self._status()
        if follow.over:
            self.follow = None
            self._note("the run is over")
            self._introduce()
            self._rest()

    # --- telling ---------------------------------------------------------------------

    def _show(self, session: Session, shots: list[Shot]) -> None:
        if shots:
            plugged = session.plugged
            seen = session.clock
            if shots[-1].answer is not None:
                seen -= session.batch if plugged else 1
            self.tell("ticks", messages.ticks(session, seen, shots, plugged))

    def _tell_weights(self, session: Session) -> None:
        if not self._chosen and session.clock >= _SOME * session.batch:
            self._chosen = True
            session.look_at(session.busiest())
            self._introduce()
        self.tell("weights", {"projections": self._weights()})

    def _weights(self) -> messages.Message:
        assert self.session is not None
        return messages.weights(self.session.first, self.session.params)

    def _point(
        self, held_out: float | None = None, of: int = 0, seen: int = -1
    ) -> None:
        """A point of the curves; with an accuracy when one has been measured."""
        session = self.session
        if session is not None:
            point = messages.point(session)
            if held_out is not None:  # of a moment ago; what else is known is of now
                point |= {"held_out": held_out, "of": of, "seen": seen}
                point |= {"while_learning": None, "streaming": None}
            self.tell("accuracy", point)

    def _row(self, row: messages.Message, size: int) -> None:
        self.tell("accuracy", messages.point_of_row(row, size))

    def _history(self) -> None:
        assert self.session is not None
        for row in self.session.rows:
            self._row(row, self.session.size)

    def _mark(self, text: str) -> None:
        assert self.session is not None
        self.tell("mark", {"seen": self.session.clock, "text": text})

    def _note(self, text: str) -> None:
        self.tell("note", {"level": "info", "text": text})

    def _rest(self) -> None:
        if self.follow:
            self._stand("following", "another process trains this run")
        else:
            self._stand("paused", "")

    def _stand(self, state: str, what: str) -> None:
        self.state, self.what = state, what
        self._status()

    def _status(self) -> None:
        self.tell("status", self._status_now())

    def _status_now(self) -> messages.Message:
        told = {"state": self.state, "what": self.what, "speed": self.speed}
        session = self.session
        if session is None:
            return told
        runner = session if session.plugged else session.free
        return told | {
            "plugged": session.plugged,
            "epoch": session.epoch,
            "epochs": session.spec.train.epochs,
            "sample": session.done,
            "samples": session.size,
            "seen": session.clock,
            "tick": runner.tick,
            "ticks_per_second": self._rate if self.state == "running" else 0.0,
        }

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                time.sleep(0.25)
                self._status()


def _unused(session: Session) -> Path:
    names = (getattr(session.spec, kind).name for kind in ("task", "rule", "device"))
    base = "-".join(("lab", *names, f"seed{session.spec.seed}"))
    tries = (Path("runs") / f"{base}-{i}" for i in range(1, 10_000))
    return next(path for path in tries if not path.exists())
