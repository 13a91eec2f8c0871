"""The child process obeys, learns at its pace and tells."""

import json
import threading
import time
from multiprocessing import Pipe

import pytest

from onspike.experiment import runs
from onspike.experiment.store import RunFolder
from onspike.lab.beside import Found
from onspike.lab.pace import Pace
from onspike.lab.session import Session
from onspike.lab.worker import Worker
from tinyrun import TINY, tiny


class Talk:
    """The other end of a worker's connection."""

    def __init__(self):
        self.end, other = Pipe()
        self.thread = threading.Thread(target=Worker(other).work, daemon=True)
        self.thread.start()

    def say(self, do, **what):
        self.end.send({"do": do, **what})

    def hear(self, kind, fits=lambda message: True, seconds=60):
        """The next message of a kind that fits."""
        until = time.monotonic() + seconds
        while self.end.poll(max(0.0, until - time.monotonic())):
            name, payload = self.end.recv()
            message = json.loads(payload)
            assert message["type"] == name
            assert name == kind or name != "note" or message["level"] == "info", message
            if name == kind and fits(message):
                return message
        raise AssertionError(f"no {kind} in {seconds} s")


@pytest.fixture
def talk():
    talk = Talk()
    yield talk
    talk.say("quit")
    talk.thread.join(30)
    assert not talk.thread.is_alive()


def paused(message):
    return message["state"] == "paused"


def test_a_session_from_build_to_run_folder(talk, tmp_path):
    talk.say("start")
    assert "nothing is built" in talk.hear("note")["text"]

    settings = {**TINY, "train.epochs": 4}
    talk.say("new", task="cue-accumulation", rule="reckon", settings=settings)
    built = talk.hear("session")
    assert built["rule"] == "reckon" and built["ticks"] == 60
    assert {p["name"] for p in built["populations"]} == {"hidden", "out"}
    talk.hear("status", paused)

    talk.say("step", ticks=61)
    first, last = talk.hear("ticks"), talk.hear("ticks", lambda m: m["seen"] == 1)
    assert (first["start"], last["start"], last["n"]) == (0, 0, 1)

    talk.say("speed", value="full")
    talk.say("start")
    talk.hear("status", lambda m: m["state"] == "running")
    over = talk.hear("status", paused)
    assert over["epoch"] == 4 and over["seen"] == 24

    talk.say("set", path="rule.rate", value=1e-3)
    assert talk.hear("mark")["text"] == "rule.rate = 0.001"
    assert talk.hear("accuracy", lambda m: m["of"] == 4)["seen"] == 24
    talk.say("set", path="network.hidden", value=9)
    assert "shape of the network" in talk.hear("note")["text"]
    talk.say("feedback", plugged=False)
    assert talk.hear("mark")["text"] == "feedback unplugged"
    talk.say("step", ticks=60)
    assert talk.hear("ticks", lambda m: m["answer"] is not None)["plugged"] is False
    talk.say("feedback", plugged=True)

    folder = tmp_path / "kept"
    talk.say("export", folder=str(folder))
    assert talk.hear("exported")["folder"] == str(folder)
    assert runs.resume(folder)["epochs"] == 4
    kept = {file.stem for file in (folder / "recordings").iterdir()}
    for moment in ("before", "after"):
        assert {f"sample_{moment}", f"weights_{moment}", "die", "synapse"} <= kept
    assert all("weights" in row for row in RunFolder(folder).metrics())
    talk.say("open", folder=str(folder))
    assert talk.hear("session")["run"] == str(folder)
    rows = [talk.hear("accuracy") for _ in range(4)]
    assert [row["seen"] for row in rows] == [6, 12, 18, 24]
    mark = talk.hear("mark")
    assert (mark["seen"], mark["text"]) == (24, "rule.rate = 0.001")


def test_nobody_is_harmed_by_a_bad_command(talk):
    settings = {**TINY, "train.epochs": 200}
    talk.say("new", task="cue-accumulation", rule="reckon", settings=settings)
    talk.hear("status", paused)
    talk.say("start")
    talk.hear("ticks")
    for do, what in (
        ("set", {"path": "rule.rate", "value": -1.0}),
        ("watch", {"projection": "nowhere", "post": 0, "pre": 0}),
        ("export", {"folder": "/dev/null"}),
        ("fly", {}),
    ):
        talk.say(do, **what)
        assert talk.hear("note")["level"] == "error"
    seen = talk.hear("ticks")["seen"]
    assert talk.hear("ticks", lambda m: m["seen"] > seen + 2)
    assert talk.hear("status")["state"] == "running"


def test_steps_go_on_over_the_ends_of_epochs_and_of_the_plan(talk):
    settings = {**TINY, "train.epochs": 1}
    talk.say("new", task="cue-accumulation", rule="reckon", settings=settings)
    talk.hear("status", paused)
    talk.say("step", ticks=6 * 60)
    assert talk.hear("status", lambda m: m["epoch"] == 1)["seen"] == 6
    talk.say("step", ticks=61)
    assert talk.hear("mark")["text"] == "train.epochs = 2"
    last = talk.hear("ticks", lambda m: m["seen"] == 7)
    assert (last["start"], last["n"]) == (0, 1)
    status = talk.hear("status", paused)
    assert (status["seen"], status["tick"], status["epochs"]) == (7, 1, 2)
    talk.say("feedback", plugged=False)
    talk.say("export")
    assert "plug the feedback in first" in talk.hear("note")["text"]


def test_what_was_measured_of_another_session_is_no_news(monkeypatch):
    told = []
    worker = Worker(Pipe()[0])
    monkeypatch.setattr(worker._line, "tell", lambda kind, m: told.append((kind, m)))
    now, gone = Session(tiny("reckon")), Session(tiny("reckon"))
    worker.session = now
    worker._found(Found(gone, 5, 0.5, 4))
    assert not told
    worker._found(Found(now, 5, 0.5, 4))
    ((kind, message),) = told
    assert kind == "accuracy" and message["held_out"] == 0.5 and message["of"] == 4


def test_what_cannot_be_built_leaves_what_was(talk, tmp_path):
    talk.say("new", task="cue-acumulation")
    assert "did you mean 'cue-accumulation'" in talk.hear("note")["text"]
    assert talk.hear("status")["state"] == "failed"
    talk.say("new", task="cue-accumulation", settings=TINY)
    number = talk.hear("session")["id"]
    talk.say("open", folder=str(tmp_path))
    assert "not a run folder" in talk.hear("note")["text"]
    talk.say("new", task="cue-accumulation", rule="bptt", settings=TINY)
    assert "learns sample by sample" in talk.hear("note")["text"]
    talk.say("step")
    assert talk.hear("ticks")["n"] == 1
    talk.say("reset")
    assert talk.hear("session")["id"] == number + 1


def test_a_pace_is_kept_and_what_cannot_be_kept_is_lost(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace, done = Pace(), 0
    for _ in range(250):  # ten seconds at a thousand ticks a second
        now[0] += 0.04
        done += pace.due(1e-3, 40)
    assert 9900 <= done <= 10000
    now[0] += 5.0
    assert pace.due(1e-3, 40) <= 500
    now[0] += 0.04
    assert pace.due(1e-3, 40) <= 80
