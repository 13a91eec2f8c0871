"""Tuning: many trials side by side, scored on validation samples."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import jax
import msgspec
import numpy as np
import tomli_w

from onspike import checks
from onspike.experiment import build
from onspike.experiment.run import (
    Diverged,
    Metrics,
    Seeds,
    Step,
    beginning,
    epoch_metrics,
    fit,
    form,
    keys_of,
    rounds,
    side_by_side,
    speed,
)
from onspike.experiment.runs import Progress, Stopped, patiently, stop_requests
from onspike.experiment.search import SAMPLERS, Range, Settings, Space
from onspike.experiment.spec import Spec, resolve
from onspike.experiment.store import (
    environment,
    read_lines,
    vacant,
    write_json,
    write_lines,
    write_text,
)
from onspike.learner import AbstractLearner
from onspike.tasks.base import AbstractTask

Row = dict[str, Any]  # a line of trials.jsonl
_MEANS = (  # of a trial's last epoch, over its seeds
    "accuracy_while_learning",
    "spikes_per_sample",
    "weight_writes_per_sample",
)
Listen = Callable[[str, Progress, Sequence[Row]], None]


class Sweep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked: `sweep.toml`. All trials follow from it."""

    task: str
    rule: str
    neuron: str
    device: str
    sampler: str
    sampler_seed: int
    trials: int
    side: int  # most trials in one program
    seeds: tuple[int, ...]  # of every trial
    settings: dict[str, Any]  # what no trial changes, by "section.option"
    search: dict[str, Range]

    def __post_init__(self) -> None:
        checks.known("sampler", self.sampler, SAMPLERS)
        checks.at_least("sweep", "trials", 1, trials=self.trials, side=self.side)
        checks.at_least("sweep", "1 (a number)", 0, sampler_seed=self.sampler_seed)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                "--seeds must name at least one, and none twice; got "
                f"{list(self.seeds)}"
            )
        if not self.search:
            raise ValueError("nothing to search: --search section.option=RANGE")
        for option in self.search:
            if option in self.settings:
                raise ValueError(f"'{option}' is both set and searched")

    def spec(self, settings: Mapping[str, Any], seed: int | None = None) -> Spec:
        """A trial's specification; by default with the first seed."""
        return resolve(
            self.task,
            rule=self.rule,
            neuron=self.neuron,
            device=self.device,
            seed=self.seeds[0] if seed is None else seed,
            settings={**self.settings, **settings},
        )


class Trial(NamedTuple):
    """One point of the space, ready to run."""

    number: int
    settings: Settings
    spec: Spec
    learner: AbstractLearner
    task: AbstractTask


def sweep(
    task: str,
    *,
    search: Space,
    trials: int,
    seeds: Sequence[int],
    out: Path,
    rule: str | None = None,
    neuron: str | None = None,
    device: str | None = None,
    settings: Mapping[str, Any] | None = None,
    sampler: str = "random",
    sampler_seed: int = 0,
    side: int = 8,
    listen: Listen | None = None,
) -> list[Row]:
    """Tries settings of a task on its validation samples; test samples stay unseen.

    A trial's score is its validation accuracy after the final epoch, learning and
    feedback off, mean over its seeds. Trials that differ only in numbers, and their
    seeds, are one program. A trial whose weights diverge gets no score.

    Args:
        task: Catalogue name.
        search: What may vary, by "section.option".
        trials: How many settings to try.
        seeds: The seeds of every trial.
        out: Folder of the sweep; new or empty.
        rule: Catalogue name; by default the recipe's.
        neuron: The same.
        device: The same.
        settings: Values by "section.option", the same in every trial.
        sampler: Who chooses: independent draws, or draws that learn from scores.
        sampler_seed: All choices derive from it.
        side: Most trials in one program; also how many `tpe` chooses at a time.
        listen: Called after every compiled call, and with the rows of those trials
            that it brought to their end.

    Returns:
        The content of `trials.jsonl`.

    Raises:
        ValueError: If an option, a range or a trial is not usable; nothing is written.
        Stopped: If SIGINT or SIGTERM asked for it; `resume` goes on.
    """
    vacant(out)
    base = resolve(task, rule=rule, neuron=neuron, device=device, settings=settings)
    table = base.table()
    given = (path.split(".", 1) for path in settings or {})
    asked = Sweep(
        task=task,
        rule=base.rule.name,
        neuron=base.neuron.name,
        device=base.device.name,
        sampler=sampler,
        sampler_seed=sampler_seed,
        trials=trials,
        side=side,
        seeds=tuple(seeds),
        settings={f"{s}.{option}": table[s].get(option, "null") for s, option in given},
        search=dict(search),
    )
    _check(asked)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "environment.json", environment())
    write_text(out / "sweep.toml", tomli_w.dumps(msgspec.to_builtins(asked)))
    return resume(out, listen)


def resume(out: Path, listen: Listen | None = None) -> list[Row]:
    """Goes on with a sweep; programs that came to their end are not run again.

    Raises:
        ValueError: If `sweep.toml` or `trials.jsonl` is not usable.
        Stopped: As for `sweep`.
    """
    path = out / "sweep.toml"
    try:
        asked = msgspec.toml.decode(path.read_bytes(), type=Sweep)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"'{path}' cannot be read: {error}") from None
    rows = _read(out)
    sampler = SAMPLERS[asked.sampler](asked.search, asked.sampler_seed)
    with stop_requests() as stop:
        for numbers in _batches(asked):
            chosen = dict(zip(numbers, sampler.ask(len(numbers)), strict=True))
            for number in rows.keys() & chosen.keys():
                _check_same(out, rows[number], chosen[number])
            if not chosen.keys() <= rows.keys():
                _try(asked, chosen, rows, out, listen, stop)
            # A trial without a score counts as the worst, so that its like is avoided.
            sampler.tell([rows[number]["score"] or 0.0 for number in numbers])
    found = [rows[number] for number in sorted(rows)]
    winner = best(found)
    if winner is not None:
        write_text(out / "best.toml", asked.spec(winner["settings"]).toml())
    return found


def _try(
    asked: Sweep,
    chosen: Mapping[int, Settings],
    rows: dict[int, Row],
    out: Path,
    listen: Listen | None,
    stop: Event,
) -> None:
    """Adds the rows of some trials, program by program."""
    tasks: dict[Any, AbstractTask] = {}
    trials = []

    def keep(more: Sequence[Row]) -> None:
        rows.update({row["trial"]: row for row in more})
        write_lines(out / "trials.jsonl", [rows[number] for number in sorted(rows)])

    for number, settings in chosen.items():
        try:
            trials.append(_trial(asked, number, settings, tasks))
        except ValueError as error:  # a choice that nobody could know before
            keep([_failed(number, settings, str(error))])
    for program in _programs(trials, asked.side):
        if all(trial.number in rows for trial in program):
            continue
        name = f"{len(program)} trials, {len(rows)} of {asked.trials} done"
        keep(_run(program, asked.seeds, name, listen, stop))
        if stop.is_set():
            raise Stopped


def best(rows: Sequence[Row]) -> Row | None:
    """The trial with the highest score, the first of equals; None if none has one."""
    scored = [row for row in rows if row["score"] is not None]
    return max(scored, key=lambda row: row["score"], default=None)


def _check(asked: Sweep) -> None:
    """Raises ValueError unless all that is known before the first tick is usable."""
    for option, each in asked.search.items():
        for value in each.examples():
            asked.spec({option: value})
    sampler = SAMPLERS[asked.sampler](asked.search, asked.sampler_seed)
    tasks: dict[Any, AbstractTask] = {}
    numbers = _batches(asked)[0]
    for number, settings in zip(numbers, sampler.ask(len(numbers)), strict=True):
        _trial(asked, number, settings, tasks)


def _batches(asked: Sweep) -> list[range]:
    """The trials whose settings are chosen together."""
    step = asked.side if SAMPLERS[asked.sampler].learns else asked.trials
    return [
        range(first, min(first + step, asked.trials + 1))
        for first in range(1, asked.trials + 1, step)
    ]


def _trial(
    asked: Sweep, number: int, settings: Settings, tasks: dict[Any, AbstractTask]
) -> Trial:
    """A trial, built. Those with the same options of the task share it."""
    spec = asked.spec(settings)
    try:
        if spec.task not in tasks:
            tasks[spec.task] = spec.built("task")
        task = tasks[spec.task]
        learner = build.learner(spec, task)
        fit(learner, task)
    except ValueError as error:
        raise ValueError(f"trial {number} ({_written(settings)}): {error}") from None
    if not task.size("validation"):
        raise ValueError(f"task '{asked.task}' has no validation samples to score with")
    return Trial(number, settings, spec, learner, task)


def _programs(trials: Sequence[Trial], side: int) -> list[list[Trial]]:
    """Trials that one program can run, at most `side` and as even as can be."""
    groups: dict[Any, list[Trial]] = {}
    for trial in trials:
        train = trial.spec.train
        steps = train.epochs, train.batch, train.eval_batch, train.checkpoint_samples
        groups.setdefault((form(trial.learner, trial.task), steps), []).append(trial)
    return [
        list(part)
        for group in groups.values()
        for part in _split(group, -(-len(group) // side))
    ]


def _split(group: list[Trial], parts: int) -> list[list[Trial]]:
    edges = np.linspace(0, len(group), parts + 1).round().astype(int)
    return [group[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def _run(
    program: list[Trial],
    seeds: Sequence[int],
    name: str,
    listen: Listen | None,
    stop: Event,
) -> list[Row]:
    """Trains and scores the trials of one program."""
    began, spec, task = time.perf_counter(), program[0].spec, program[0].task
    keys = [keys_of(jax.random.key(seed)) for seed in seeds]
    runs = [(trial.learner, trial.task) for trial in program for _ in seeds]
    together = side_by_side(runs, keys * len(program))
    train = spec.train
    per_epoch = build.batches(spec, task) * train.batch
    try:
        start = last = beginning(together, train.batch)
    except ValueError as error:  # one trial's learning cannot work; whose?
        if len(program) == 1:
            return [_failed(program[0].number, program[0].settings, str(error))]
        each = (_run([trial], seeds, name, listen, stop) for trial in program)
        return [row for rows in each for row in rows]
    total, segment = train.epochs * per_epoch, train.checkpoint_samples or None

    def tell(rows: Sequence[Row]) -> None:
        if listen is not None:
            done = last.position.epoch * per_epoch + last.position.samples
            at = Progress(
                position=last.position,
                done=done,
                total=total,
                ticks_per_second=speed(together, last),
                metrics=(),
                epochs=train.epochs,
                engine=build.engine(program[0].learner),
            )
            listen(name, at, rows)

    for last in patiently(rounds(together, start, train.epochs, train.batch, segment)):
        tell(())
        if stop.is_set() and last.position.epoch < train.epochs:
            raise Stopped
    rows = [_row(trial, t, together, last, seeds) for t, trial in enumerate(program)]
    seconds = (time.perf_counter() - began) / len(program)
    rows = [{**row, "seconds": seconds} for row in rows]
    tell(rows)
    return rows


def _row(
    trial: Trial, place: int, together: Seeds, last: Step, seeds: Sequence[int]
) -> Row:
    """What came of a trial, whose runs stand together in their program."""
    found: list[Metrics] = []
    for s, seed in enumerate(seeds, place * len(seeds)):
        try:
            metrics = epoch_metrics(together, last, s, trial.spec.train.eval_batch)
        except Diverged as error:
            return _failed(trial.number, trial.settings, f"seed {seed}: {error}")
        found.append(metrics)

    def mean(key: str) -> float:
        return float(np.mean([metrics[key] for metrics in found]))

    return {
        "trial": trial.number,
        "settings": trial.settings,
        "score": mean("validation_accuracy"),
        "validation_accuracies": [m["validation_accuracy"] for m in found],
        **{key: mean(key) for key in _MEANS},
        "seconds": 0.0,
        "warnings": sorted({text for m in found for text in m["warnings"]}),
        "problem": None,
    }


def _failed(number: int, settings: Settings, problem: str) -> Row:
    """A trial without a score."""
    return {
        "trial": number,
        "settings": settings,
        "score": None,
        "validation_accuracies": [],
        **dict.fromkeys(_MEANS),
        "seconds": 0.0,
        "warnings": [],
        "problem": problem,
    }


def _written(settings: Settings) -> str:
    return ", ".join(f"{option}={value}" for option, value in settings.items())


def _read(out: Path) -> dict[int, Row]:
    path = out / "trials.jsonl"
    remedy = f"delete the file and call `onspike resume {out}`"
    return {row["trial"]: row for row in read_lines(path, remedy)}


def _check_same(out: Path, row: Row, settings: Settings) -> None:
    if row["settings"] != settings:
        raise ValueError(
            f"trial {row['trial']} of '{out / 'trials.jsonl'}' has other settings than "
            f"sweep.toml leads to: {_written(row['settings'])} and not "
            f"{_written(settings)}; sweep again into another folder"
        )
