"""What the terminal shows while something goes on, and what it shows elsewhere."""

import io
import re
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from onspike.terminal import live


def row(validation, rate=12.3, warnings=()):
    return {
        "accuracy_while_learning": 0.75,
        "validation_accuracy": validation,
        "rates": {"hidden": {"mean": rate}},
        "wall_seconds": 10.0,
        "warnings": list(warnings),
    }


def told(epoch, metrics, samples=0, part=(1, 1)):
    """What is told of a run of 4 epochs of 100 samples."""
    return SimpleNamespace(
        position=SimpleNamespace(epoch=epoch, samples=samples),
        done=100 * epoch + samples,
        total=400,
        epochs=4,
        ticks_per_second=84213.0,
        metrics=metrics,
        engine="event",
        part=part,
    )


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_time_left_is_that_of_the_last_epoch_and_nobody_runs_ahead_of_it():
    clock = Clock()
    watched = live.Watched(clock=clock)
    clock.now = 30.0  # 20 seconds of compiling, 10 of learning
    watched.hear(told(1, [row(0.5)]))
    assert watched.spent == 30 and watched.done == 100
    assert watched.left == "0:30 left"
    clock.now = 35.0
    assert watched.done == 150 and watched.left == "0:25 left"
    clock.now = 300.0  # it is late: the next epoch, and no more
    assert watched.done == 200 and watched.left == "0:20 left"
    watched.hear(told(4, [row(0.9)]))
    assert watched.done == 400 and watched.left == "testing"
    watched.end()
    clock.now = 900.0
    assert watched.spent == 300 and watched.left == ""


def test_nothing_is_known_of_the_time_left_before_an_epoch_is_over():
    watched = live.Watched()
    watched.hear(told(0, (), samples=50))
    assert watched.left == "" and watched.done == 50


@pytest.mark.parametrize("width", [32, 40, 72, 80, 200])
@pytest.mark.parametrize("epochs", [0, 1, 4, 300])
def test_the_view_fits_and_says_all(width, epochs):
    watched = live.Watched(clock=Clock())
    for epoch in range(1, epochs + 1):
        watched.hear(told(min(epoch, 4), [row(0.8), row(0.9)], part=(2, 6)))
    console = Console(width=width, file=io.StringIO(), force_terminal=True)
    console.print(live.View("eprop-fixed8", watched))
    text = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    words = " ".join(text.split())
    if not epochs:
        assert "compiling" in words
        return
    for part in (
        "eprop-fixed8, 2 of 6",
        f"{min(epochs + 1, 4)}/4 ━",
        f"{100 * min(epochs, 4)}/400 samples",
        "0.850 learning off" + " ▅" * (width > 34),
        "0.750 while learning",
        "hidden 12.3 Hz",
        "84,213 ticks/s",
        "engine event",
    ):
        assert part in words


def test_a_sparkline_reaches_from_the_least_to_the_most():
    assert live.sparkline([0.1, 0.5, 0.9], 9) == "▁▅█"
    assert live.sparkline([0.1, 0.5, 0.9], 2) == "▁█"
    assert live.sparkline([0.5, 0.5], 9) == "▅▅"
    assert live.sparkline([], 9) == live.sparkline([0.5], 0) == ""


class Screen(io.TextIOWrapper):
    """Standard output of a terminal, or of a pipe."""

    def __init__(self, tty, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)
        self._tty = tty

    def isatty(self):
        return self._tty

    def text(self):
        return self.buffer.getvalue().decode(self.encoding)


def said_on(monkeypatch, screen, quiet=False, **environment):
    """What is said of a short run with a warning."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "80", **environment}.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        with live.progress(quiet) as tell:
            tell("", told(1, [row(0.5, warnings=["too [slow], 1 Hz"])]))
            tell("", told(2, [row(0.75, warnings=["too [slow], 2 Hz"])]))
    return screen.text()


PLAIN = [
    "epoch 1, 100/400 samples, while learning 0.750, validation 0.500, hidden 12.3 Hz, "
    "84,213 ticks/s",
    "epoch 2, 200/400 samples, while learning 0.750, validation 0.750, hidden 12.3 Hz, "
    "84,213 ticks/s",
]


@pytest.mark.parametrize(
    ("tty", "encoding", "environment"),
    [
        (False, "utf-8", {}),
        (False, "utf-8", {"FORCE_COLOR": "1"}),
        (True, "utf-8", {"TERM": "dumb"}),
        (True, "utf-8", {"COLUMNS": "20"}),
        (True, "ascii", {}),
    ],
)
def test_where_nothing_can_be_drawn_there_are_plain_lines(
    tty, encoding, environment, monkeypatch, capsys
):
    said = said_on(monkeypatch, Screen(tty, encoding), **environment)
    assert said.splitlines() == PLAIN
    assert capsys.readouterr().err == "warning: too [slow], 1 Hz\n"


def test_a_terminal_gets_a_view_that_is_drawn_in_place(monkeypatch):
    said = said_on(monkeypatch, Screen(True))
    assert "\x1b[2K" in said and "\x1b[36m" in said  # lines drawn again, in colour
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert plain.count("too [slow]") == 1 and "0.750 learning off ▁█" in plain
    assert not set(PLAIN) & set(said.splitlines())


def test_without_colour_the_view_has_none(monkeypatch):
    said = said_on(monkeypatch, Screen(True), NO_COLOR="1")
    assert "\x1b[2K" in said and not re.search(r"\x1b\[[0-9;]*3[0-9]m", said)


def test_quiet_says_nothing(monkeypatch, capsys):
    for tty in (False, True):
        assert said_on(monkeypatch, Screen(tty), quiet=True) == ""
    assert capsys.readouterr().err == ""


def test_of_several_runs_each_leaves_a_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen(True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        with live.progress(False, warn=True) as tell:
            tell("eprop-ideal", told(4, [row(0.8), row(0.9)], part=(1, 2)))
            tell("bptt-ideal", told(1, [row(0.5)], part=(2, 2)))
    plain = re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", screen.text())
    assert "eprop-ideal: validation 0.850, 0:00" in plain
    assert "eprop-ideal, 1 of 2" in plain and "0:00, testing" in plain
    assert "bptt-ideal, 2 of 2" in plain.split("eprop-ideal: validation")[1]
