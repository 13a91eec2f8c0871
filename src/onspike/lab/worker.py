"""The child process: learns, at a pace, and tells what happens."""

import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from onspike.experiment.spec import resolve
from onspike.lab import messages
from onspike.lab.beside import Beside, Found
from onspike.lab.film import Shot, Synapse
from onspike.lab.follow import Follow
from onspike.lab.line import Command, Line
from onspike.lab.pace import OFTEN, Pace
from onspike.lab.segments import Segments
from onspike.lab.session import Session

SEGMENT = 0.1  # seconds of unwatched learning at a time, at full speed
WATCHED = 0.05  # share of the time that goes into watched samples then
SELDOM = 10.0  # seconds that a watched sample is waited for, at most
_SOME = 5  # batches after which one can tell which synapse has something to show


def main(connection: Connection) -> None:
    """Runs until it is told to `quit`, or nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when it is over
    Worker(connection).work()


class Worker:
    """One session after another, as commands ask for them."""

    def __init__(self, connection: Connection):
        self._line = Line(connection)
        self._beside = Beside(self._found, self._stumble)
        self.session: Session | None = None
        self.follow: Follow | None = None
        self.run: Path | None = None
        self.number = 0
        self.state = "idle"
        self.what = "nothing is built yet"
        self.speed: float | Literal["full"] = 1.0
        self._segments: Segments | None = None
        self._steps = 0  # ticks that were asked for one by one, still to be run
        self._pace = Pace()
        self._told = self._watched_at = 0.0
        self._has_shown = False  # whether this learner's program of ticks is compiled
        self._count = self._count_at = 0.0
        self._rate = 0.0
        self._chosen = False  # whether a person has said which synapse to show

    def work(self) -> None:
        """Obeys and learns by turns."""
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            for command in self._line.commands(self._patience()):
                if command.get("do") == "quit":
                    return
                try:
                    self._obey(command)
                except (ValueError, OSError) as error:
                    self._line.note(str(error), "error")
            try:
                self._go_on()
            except (ValueError, OSError) as error:
                self._stumble(str(error))

    def _patience(self) -> float | None:
        """Seconds to wait for a command: there may be other things to do."""
        if self.state != "running":
            return 1.0 if self.follow else None
        return 0.0 if self.speed == "full" or self._steps else self._pace.wait()

    def _stumble(self, text: str) -> None:
        """Learning cannot go on as it is."""
        self._line.note(text, "error")
        if self.state == "running":
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
            follow = None if run is None else Follow(run)
            session = build()
        except (ValueError, OSError):
            self._stand(*(before if self.session else ("failed", "nothing is built")))
            raise
        self.session, self.run, self.number = session, run, self.number + 1
        self.follow = None if follow is None or follow.over else follow
        self._segments, self._steps, self._chosen = None, 0, False
        self._watched_at, self._has_shown = 0.0, False
        if follow and (step := follow.news(session)):  # while it was being built
            session.adopt(step)
        session.plugged = not self.follow
        self._introduce()
        for row in session.rows:
            self._row(session, row)
        for change in session.changes:
            self._line.tell("mark", messages.mark(change))
        self._line.tell("weights", {"projections": self._weights()})
        self._rest()
        if session.held_out == "test":
            self._line.note(
                "this task has no validation samples: accuracy is that of the test "
                "samples, and what you choose by it is chosen on the test"
            )
        self._beside.measure(session, changed=True)

    def _introduce(self) -> None:
        assert self.session is not None
        told = messages.session(
            self.session, self.number, self.run, self.follow is not None
        )
        self._line.tell("session", told)

    def _start(self, session: Session, command: Command) -> None:
        del command
        self._begin(session)
        self._steps, self._pace, self._count = 0, Pace(), session.seen
        self._count_at = time.monotonic()

    def _pause(self) -> None:
        self._steps = 0
        self._rest()
        self._point()

    def _step(self, session: Session, command: Command) -> None:
        self._begin(session)
        self._steps = command.get("ticks") or 1

    def _begin(self, session: Session) -> None:
        """Runs; beyond what was planned, it is planned anew."""
        if session.plugged and session.over:
            planned = session.spec.train.epochs
            self._change(session, "train.epochs", 2 * planned)
        self._stand("running", "")

    def _set_speed(self, session: Session, command: Command) -> None:
        value = command["value"]
        if value != "full" and not (isinstance(value, float | int) and value > 0):
            raise ValueError(
                f"speed must be 'full' or a positive multiple of real time; got {value}"
            )
        self.speed, self._pace = value, Pace()

    def _set(self, session: Session, command: Command) -> None:
        if self.follow:
            raise ValueError(
                "another process trains this run: plug the feedback in, and learning "
                "goes on here from its last checkpoint"
            )
        path, value = command["path"], command["value"]
        what, self.what = self.what, f"compiling with {path} = {value}"
        try:
            self._change(session, path, value)
        finally:
            self.what = what
        self._tell_weights(session)
        self._beside.measure(session, changed=True)

    def _change(self, session: Session, path: str, value: Any) -> None:
        session.set(path, value)
        self._segments, self._has_shown = None, False
        self._line.tell("mark", messages.mark(session.changes[-1]))
        self._introduce()

    def _plug(self, session: Session, command: Command) -> None:
        session.plugged = bool(command["plugged"])
        session.free.right.clear()  # of weights that may have changed since
        if session.plugged and self.follow:
            self.follow = None
            self._line.note("learning goes on here, from the last checkpoint")
            self._introduce()
            self._rest()
        now = "plugged in" if session.plugged else "unplugged"
        self._line.tell("mark", {"seen": session.clock, "text": f"feedback {now}"})

    def _watch(self, session: Session, command: Command) -> None:
        session.look_at(
            Synapse(command["projection"], int(command["post"]), int(command["pre"]))
        )
        self._chosen = True
        self._introduce()

    def _export(self, session: Session, command: Command) -> None:
        folder = Path(command.get("folder") or _unused(session)).expanduser().absolute()
        if session.tick and not session.plugged:
            raise ValueError(
                "a sample that was begun waits to be learnt, and a run folder is "
                "written between two samples: plug the feedback in first"
            )
        while session.tick:
            session.shoot(1)
        self._turn(session)
        self._beside.finish()
        session.save(folder)
        self._line.tell("exported", {"folder": str(folder)})

    # --- learning --------------------------------------------------------------------

    def _go_on(self) -> None:
        session = self.session
        if session is None:
            return
        if self.follow:
            self._catch_up(session, self.follow)
        if self.state == "running":
            if self.speed == "full" and session.plugged and not self._steps:
                self._rush(session)
            else:
                self._walk(session)
            self._turn(session)
            self._tell_now_and_then(session)

    def _walk(self, session: Session) -> None:
        """As many ticks as are due, all of them shown."""
        if self._steps:
            shots = list(session.ticks(self._steps))
            self._steps -= sum(len(shot.frames.mask) for shot in shots)
            self._show(session, shots)
            if not self._steps:
                self._rest()
                self._told = 0.0
            return
        if self.speed == "full":
            many = session.task.ticks
        else:
            many = self._pace.due(float(session.task.dt) / self.speed, session.chunk)
        self._show(session, list(session.ticks(many)))

    def _rush(self, session: Session) -> None:
        """Whole batches in one go; now and then a sample that is watched."""
        self._segments = self._segments or Segments(session)
        now = time.monotonic()
        size = 0 if session.tick else self._segments.size(SEGMENT, session.left)
        if not size or now > self._watched_at:
            rest = session.task.ticks - session.tick
            self._show(session, list(session.ticks(rest)))
            took = time.monotonic() - now
            # Where something compiles, what it took says nothing about the next.
            wait = took / WATCHED if size and self._has_shown else OFTEN
            self._watched_at = now + min(max(OFTEN, wait), SELDOM)
            self._has_shown = True
        else:
            session.segment(size)
            self._segments.took(size, time.monotonic() - now)

    def _turn(self, session: Session) -> None:
        """Goes on to the next epoch, if this one is over."""
        left = session.ended_epoch()
        if left is None:
            return
        self._beside.row(session, left)
        if session.over:
            self._pause()
            self._line.note(
                f"all {session.spec.train.epochs} epochs are over; start plans as "
                "many again"
            )

    def _catch_up(self, session: Session, follow: Follow) -> None:
        """What another process has done since the last look."""
        over = follow.over  # asked first: nothing comes after it
        step = follow.news(session)
        for row in follow.rows(session):
            session.rows.append(row)
            self._row(session, row)
        if step is not None:
            session.adopt(step)
            self._tell_weights(session)
            self._beside.measure(session, changed=True)
        if over:
            self.follow = None
            self._line.note("the run is over")
            self._introduce()
            self._rest()

    # --- telling ---------------------------------------------------------------------

    def _tell_now_and_then(self, session: Session) -> None:
        now = time.monotonic()
        if now - self._told < OFTEN:
            return
        self._told = now
        if session.plugged and session.seen > self._count:
            ticks = (session.seen - self._count) * session.task.ticks
            self._rate = ticks / (now - self._count_at)
        self._count, self._count_at = session.seen, now
        self._point()
        self._tell_weights(session)
        self._beside.measure(session)

    def _show(self, session: Session, shots: list[Shot]) -> None:
        if shots:
            plugged = session.plugged
            seen = session.clock
            if shots[-1].answer is not None:
                seen -= session.batch if plugged else 1
            self._line.tell("ticks", messages.ticks(session, seen, shots, plugged))

    def _tell_weights(self, session: Session) -> None:
        if not self._chosen and session.clock >= _SOME * session.batch:
            self._chosen = True
            session.look_at(session.busiest())
            self._introduce()
        self._line.tell("weights", {"projections": self._weights()})

    def _weights(self) -> messages.Message:
        assert self.session is not None
        return messages.weights(self.session.first, self.session.params)

    def _point(self) -> None:
        if self.session is not None:
            self._line.tell("accuracy", messages.point(self.session))

    def _found(self, found: Found) -> None:
        """An accuracy that was measured; of a session that is gone, it is no news."""
        if found.session is self.session:
            told = messages.evaluation(found.seen, found.accuracy, found.of)
            self._line.tell("accuracy", told)

    def _row(self, session: Session, row: messages.Message) -> None:
        self._line.tell("accuracy", messages.point_of_row(row, session.size))

    def _rest(self) -> None:
        if self.follow:
            self._stand("following", "another process trains this run")
        else:
            self._stand("paused", "")

    def _stand(self, state: str, what: str) -> None:
        self.state, self.what = state, what
        self._status()

    def _status(self) -> None:
        self._line.tell("status", self._status_now())

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
        while True:
            time.sleep(0.25)
            self._status()


def _unused(session: Session) -> Path:
    names = (getattr(session.spec, kind).name for kind in ("task", "rule", "device"))
    base = "-".join(("lab", *names, f"seed{session.spec.seed}"))
    tries = (Path("runs") / f"{base}-{i}" for i in range(1, 10_000))
    return next(path for path in tries if not path.exists())
