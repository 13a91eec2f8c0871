"""What goes on: a live view on a terminal, plain lines elsewhere."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from onspike.experiment.runs import Progress

_NARROWEST = 32  # columns that the view needs
_WIDE = 72  # columns from which what belongs together shares a line
_BAR = 40  # columns that its bar takes at most
_LEVELS = "▁▂▃▄▅▆▇█"

Tell = Callable[[str, "Progress"], None]


def printer(quiet: bool) -> Callable[[str], None]:
    """What says the things that quiet runs leave out."""
    return (lambda text: None) if quiet else print


@contextmanager
def progress(quiet: bool, warn: bool = False) -> Iterator[Tell]:
    """How progress is told: a live view on a terminal, a line per epoch elsewhere.

    What is wrong is told once for each name; when quiet, if it is to `warn`.
    """
    from rich.console import Console

    console = Console()
    if not quiet and drawable(console):
        with _live(console) as tell:
            yield tell
        return
    told = _Told()

    def line(name: str, p: "Progress") -> None:
        where = f"{name}: " if name else ""
        if p.metrics and not quiet:
            print(f"{where}{_summary(p)}", flush=True)
        if warn or not quiet:
            for text in told.new(name, p):
                print(f"warning: {where}{text}", file=sys.stderr, flush=True)

    yield line


def drawable(console: "Console") -> bool:
    """Whether lines can be drawn again: a terminal that is neither dumb nor narrow."""
    return (
        sys.stdout.isatty()
        and console.is_terminal
        and not console.is_dumb_terminal
        and console.width >= _NARROWEST
        and console.encoding.startswith("utf")
    )


def trials(tell: Tell, say: Callable[[str], None]) -> Callable[..., None]:
    """Tells the progress of a program of trials, and its best trial at the end."""

    def heard(name: str, p: "Progress", rows: Sequence[dict[str, Any]]) -> None:
        tell(name, p)
        if rows:
            numbers = ", ".join(str(row["trial"]) for row in rows)
            scored = [row for row in rows if row["score"] is not None]
            best = max(scored, key=lambda row: row["score"], default=None)
            what = "no score"
            if best is not None:
                what = f"best validation {best['score']:.3f} in trial {best['trial']}"
            say(f"trials {numbers}: {what}")

    return heard


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as bars from their smallest to their largest."""
    some = values[-width:] if width > 0 else ()
    low, high = min(some, default=0.0), max(some, default=0.0)
    top = len(_LEVELS) - 1
    steps = ((v - low) / (high - low) if high > low else 0.5 for v in some)
    return "".join(_LEVELS[round(top * step)] for step in steps)


class Watched:
    """What is known of a run, or of runs side by side, while it goes on."""

    def __init__(
        self,
        after: "Watched | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._began = self._heard = clock() if after is None else after._heard
        self._per_sample: float | None = None  # seconds, in the last whole epoch
        self.now: Progress | None = None
        self.metrics: Sequence[Mapping[str, Any]] = ()  # of the last whole epoch
        self.validation: list[float] = []  # by epoch
        self.ended: float | None = None

    def hear(self, p: "Progress") -> None:
        """Takes note of what is told."""
        self.now, self._heard = p, self._clock()
        if p.metrics:
            self.metrics = p.metrics
            self._per_sample = p.metrics[0]["wall_seconds"] / (p.total / p.epochs)
            seen = _mean(p.metrics, "validation_accuracy")
            self.validation += [] if seen is None else [seen]

    @property
    def spent(self) -> float:
        """Seconds since it began, until it ended."""
        return (self.ended or self._clock()) - self._began

    def end(self) -> None:
        """Stops its clock."""
        self.ended = self._clock()

    @property
    def done(self) -> float:
        """Samples that are done; since the last call an estimate, an epoch at most."""
        p = self.now
        if p is None:
            return 0.0
        if self._per_sample is None:
            return float(p.done)
        since = (self._clock() - self._heard) / self._per_sample
        return min(p.done + min(since, p.total / p.epochs), float(p.total))

    @property
    def left(self) -> str:
        """Time until the last sample, by the last whole epoch; unknown before that."""
        if self.now is None or self._per_sample is None or self.ended:
            return ""
        if self.now.done == self.now.total:
            return "testing"
        return f"{_clock((self.now.total - self.done) * self._per_sample)} left"


class View:
    """The picture of what goes on, drawn anew from time to time."""

    def __init__(self, name: str, watched: Watched) -> None:
        self._name, self._watched = name, watched

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "RenderResult":
        del options
        from rich.table import Table

        wide = console.width >= _WIDE
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="dim")
        for what, text in self._rows(console.width, "  " if wide else "\n"):
            table.add_row(what, text)
        yield table

    def _rows(self, width: int, between: str) -> Iterator[tuple[str, str]]:
        from rich.markup import escape

        it, p = self._watched, self._watched.now
        if self._name:
            number, of = (1, 1) if p is None else p.part
            yield "run", escape(self._name) + (f", {number} of {of}" if of > 1 else "")
        if p is None:
            yield "epoch", f"1, compiling and learning{between}{_clock(it.spent)}"
            return
        epoch = min(p.position.epoch + 1, p.epochs)
        yield (
            "epoch",
            f"{epoch}/{p.epochs} {_bar(it.done / p.total, width)}{between}"
            f"{p.done}/{p.total} samples{between}"
            + ", ".join(filter(None, (_clock(it.spent), it.left))),
        )
        if it.metrics:
            while_learning = _mean(it.metrics, "accuracy_while_learning")
            parts = [f"{while_learning:.3f} while learning"]
            if it.validation:
                trend = sparkline(it.validation, min(20, width - 34))
                off = f"[bold]{it.validation[-1]:.3f}[/] learning off {trend}"
                parts.insert(0, off)
            yield "accuracy", between.join(parts)
            yield "firing", _rates(it.metrics)
        yield "speed", f"{p.ticks_per_second:,.0f} ticks/s{between}engine {p.engine}"


@contextmanager
def _live(console: "Console") -> Iterator[Tell]:
    from rich.live import Live
    from rich.markup import escape

    heard: dict[str, Watched] = {}
    told, first = _Told(), Watched()
    with Live(View("", first), console=console, refresh_per_second=4) as live:

        def tell(name: str, p: "Progress") -> None:
            if name not in heard:
                other, last = next(reversed(heard.items()), ("", None))
                if last is not None and last.validation:
                    seen = f"validation {last.validation[-1]:.3f}, {_clock(last.spent)}"
                    console.print(f"{escape(other)}: {seen}", highlight=False)
                heard[name] = first if last is None else Watched(last)
                live.update(View(name, heard[name]))
            heard[name].hear(p)
            for text in told.new(name, p):
                where = f"{escape(name)}: " if name else ""
                line = f"[yellow]warning:[/] {where}{escape(text)}"
                console.print(line, highlight=False)
            live.refresh()

        try:
            yield tell
        finally:
            for one in (first, *heard.values()):
                one.end()


def _bar(share: float, width: int) -> str:
    beside = 56 if width >= _WIDE else 20  # what else is on the line
    cells = min(_BAR, width - beside)
    full = round(share * cells)
    return f"[cyan]{'━' * full}[/][dim]{'─' * (cells - full)}[/]"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Told:
    """Warnings that have been told: with other numbers they are no news."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def new(self, name: str, p: "Progress") -> Iterator[str]:
        for text in (w for row in p.metrics for w in row["warnings"]):
            gist = name, re.sub(r"\d[\d.,]*", "#", text)
            if gist not in self._seen:
                self._seen.add(gist)
                yield text


def _summary(p: "Progress") -> str:
    seen = _mean(p.metrics, "validation_accuracy")
    parts = [
        f"epoch {p.position.epoch}",
        f"{p.done}/{p.total} samples",
        f"while learning {_mean(p.metrics, 'accuracy_while_learning'):.3f}",
        "" if seen is None else f"validation {seen:.3f}",
        _rates(p.metrics),
        f"{p.ticks_per_second:,.0f} ticks/s",
    ]
    return ", ".join(part for part in parts if part)


def _mean(metrics: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [row[key] for row in metrics]
    return None if None in values else sum(values) / len(values)


def _rates(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Mean firing rates by population, over runs side by side."""
    means = {
        name: sum(row["rates"][name]["mean"] for row in metrics) / len(metrics)
        for name in metrics[0]["rates"]
    }
    return ", ".join(f"{name} {hertz:.3g} Hz" for name, hertz in means.items())
