"""Runs with a folder each: train, resume, evaluate."""

import concurrent.futures
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onspike.experiment import baselines, build, measure, recordings, synapse
from onspike.experiment.examine import examine
from onspike.experiment.run import (
    Diverged,
    Keys,
    Metrics,
    Position,
    Seeds,
    Step,
    beginning,
    epoch_metrics,
    fit,
    keys_of,
    nothing_yet,
    rounds,
    speed,
)
from onspike.experiment.spec import Spec
from onspike.experiment.store import RunFolder, vacant
from onspike.learner import AbstractLearner
from onspike.tasks.base import AbstractTask
from onspike.types import Params, Tree

_WAIT = 0.1  # seconds between looks at a compiled call that runs


class Progress(NamedTuple):
    """What is told about a run while it goes on."""

    position: Position
    done: int  # samples of all epochs, per seed
    total: int
    ticks_per_second: float  # of all seeds together; 0 before the first call
    metrics: Sequence[Metrics]  # one per seed at the end of an epoch, else none
    epochs: int  # of the whole run
    engine: str  # what runs the ticks
    part: tuple[int, int] = (1, 1)  # which of how many such runs


class Stopped(Exception):
    """Training was asked to stop; what is done is saved."""


Listen = Callable[[Progress], None]


def train(
    specs: Sequence[Spec], folders: Sequence[Path], listen: Listen | None = None
) -> list[dict[str, Any]]:
    """Trains runs that differ only in their seed, in one program; a folder for each.

    Args:
        specs: One per run.
        folders: Where to write; new or empty.
        listen: Called after every compiled call.

    Returns:
        The content of each run's `result.json`.

    Raises:
        ValueError: If a specification or a folder is not usable; nothing is written.
        Stopped: If SIGINT or SIGTERM asked for it; every run can be resumed.
    """
    for folder in folders:
        vacant(folder)
    seeds = seeds_of(specs)
    stores = [RunFolder(folder) for folder in folders]
    step = beginning(seeds, specs[0].train.batch)
    for store, spec in zip(stores, specs, strict=True):
        store.create(spec)
    return _go_on(seeds, specs[0], stores, step, listen)


def resume(folder: Path, listen: Listen | None = None) -> dict[str, Any]:
    """Goes on from the last checkpoint of a run.

    Raises:
        ValueError: If there is no usable checkpoint.
        Stopped: As for `train`.
    """
    return resume_all([folder], listen)[0]


def resume_all(
    folders: Sequence[Path], listen: Listen | None = None, tolerant: bool = False
) -> list[dict[str, Any]]:
    """Goes on with runs that differ only in their seed.

    Those that stand at the same place go on in one program, as they began.

    Args:
        folders: Of the runs.
        listen: Called after every compiled call.
        tolerant: Whether runs go on when one of them diverges, which then ends with
            a `result.json` that says so.

    Raises:
        ValueError: As for `resume`.
        Stopped: As for `train`.
    """
    stores = [RunFolder(folder) for folder in folders]
    results = {s.path: r for s in stores if (r := s.result()) is not None}
    going = [s for s in stores if s.path not in results]
    specs = [store.spec() for store in going]
    places: dict[Position, list[tuple[Keys, RunFolder, Step]]] = {}
    if going:
        seeds = seeds_of(specs)
        start = beginning(seeds, specs[0].train.batch)
        for s, store in enumerate(going):
            step = _restored(store, seeds, start, s)
            places.setdefault(step.position, []).append((seeds.keys[s], store, step))
        for _, some in sorted(places.items()):
            keys, these, steps = map(list, zip(*some, strict=True))
            step = steps[0]._replace(
                state=jax.tree.map(lambda *a: jnp.stack(a), *(s.state for s in steps)),
                tallies=[tally for s in steps for tally in s.tallies],
            )
            together = seeds._replace(keys=keys)
            found = _go_on(together, specs[0], these, step, listen, tolerant)
            results |= {s.path: r for s, r in zip(these, found, strict=True)}
    return [results[store.path] for store in stores]


def _restored(store: RunFolder, seeds: Seeds, start: Step, s: int) -> Step:
    """Where one run stands; at the beginning, if it was cut off before that."""
    share = _checkpoint(seeds, start, s)
    if not store.begun():
        return start._replace(state=share[0], tallies=[share[1]])
    (state, tally), position, extra = store.load(share)
    store.cut_metrics(position.epoch)
    return Step(state, [tally], position, extra["seconds"])


def ends(folder: Path) -> tuple[Spec, Seeds, Step, Step]:
    """A run as it was before its first tick, and at its last checkpoint.

    Raises:
        ValueError: If there is no usable checkpoint.
    """
    store = RunFolder(folder)
    spec = store.spec()
    seeds = seeds_of([spec])
    first = beginning(seeds, spec.train.batch)
    return spec, seeds, first, at_checkpoint(store, seeds, first)


def at_checkpoint(store: RunFolder, seeds: Seeds, first: Step) -> Step:
    """A run as its folder has it now.

    Args:
        store: The folder.
        seeds: The run.
        first: Any step of it: the form of what is stored.

    Raises:
        ValueError: If there is no usable checkpoint.
    """
    (state, tally), position, extra = store.load(_checkpoint(seeds, first, 0))
    state = jax.tree.map(lambda a: a[None], state)
    return Step(state, [tally], position, extra["seconds"])


def evaluate(folder: Path) -> dict[str, Any]:
    """Tests a run's last checkpoint with learning and feedback off.

    Raises:
        ValueError: If there is no usable checkpoint.
    """
    spec, seeds, _, last = ends(folder)
    params = seeds.params(last.state, 0)
    test = _test(seeds, params, 0, spec)
    return {
        "epochs": last.position.epoch,
        "test_samples": test.seen,
        **measure.verdict(seeds.task, seeds.learner.network, params, test, "test"),
    }


def check(specs: Iterable[Spec]) -> None:
    """Raises ValueError unless every specification can be built."""
    tasks = {}
    for spec in specs:
        if spec.task not in tasks:
            tasks[spec.task] = spec.built("task")
        _checked(spec, tasks[spec.task])


def _checked(spec: Spec, task: AbstractTask) -> AbstractLearner:
    """The learner of a run, which fits its task, as its baseline does."""
    learner = build.learner(spec, task)
    fit(learner, task)
    if spec.train.baselines and learner.network.wiring.hidden:
        fit(build.learner(baselines.control_of(spec), task), task)
    return learner


def seeds_of(specs: Sequence[Spec]) -> Seeds:
    """One program for runs that differ only in their seed."""
    task = specs[0].built("task")
    learner = _checked(specs[0], task)
    return Seeds(learner, task, [keys_of(jax.random.key(spec.seed)) for spec in specs])


def _go_on(
    seeds: Seeds,
    spec: Spec,
    stores: list[RunFolder],
    step: Step,
    listen: Listen | None,
    tolerant: bool = False,
) -> list[dict[str, Any]]:
    """Trains from `step` to the end, keeping the folders up to date."""
    options = spec.train
    segment = options.checkpoint_samples or None
    per_epoch = build.batches(spec, seeds.task) * options.batch
    total, last = options.epochs * per_epoch, step
    lost: dict[int, dict[str, Any]] = {}  # results of seeds that diverged
    begun = step.position == Position(0, 0)
    first = step.state if begun else seeds.start(options.batch)
    with stop_requests() as stop:
        if begun:
            _save(stores, seeds, step)
            for s, store in enumerate(stores):
                recordings.keep_die(seeds, step.state, s, store)
                _keep(seeds, spec, step, s, store)
        steps = rounds(seeds, step, options.epochs, options.batch, segment)
        for last in patiently(steps):
            rows = []
            if last.position.samples == 0:
                for s, store in enumerate(stores):
                    if s in lost:
                        continue
                    try:
                        row = epoch_metrics(seeds, last, s, options.eval_batch)
                    except Diverged as error:
                        if not tolerant:
                            raise
                        lost[s] = _diverged(seeds, store, str(error))
                        store.finish(lost[s])
                    else:
                        rows.append(row | _drift(seeds, first, last, s))
                        store.add_metrics(rows[-1])
                        _keep(seeds, spec, last, s, store)
            _save(stores, seeds, last)
            if listen is not None:
                done = last.position.epoch * per_epoch + last.position.samples
                at = Progress(
                    position=last.position,
                    done=done,
                    total=total,
                    ticks_per_second=speed(seeds, last),
                    metrics=rows,
                    epochs=options.epochs,
                    engine=build.engine(seeds.learner),
                )
                listen(at)
            if stop.is_set():
                raise Stopped
        found = [
            lost.get(s) or _finish(seeds, spec, first, last, s, store)
            for s, store in enumerate(stores)
        ]
        if stop.is_set():
            raise Stopped
    return found


def _drift(seeds: Seeds, first: Tree, step: Step, s: int) -> Metrics:
    """How far a run's weights have gone since the first state."""
    before, now = (seeds.params(state, s) for state in (first, step.state))
    return {"weights": measure.drift(seeds.learner.network, before, now)}


def _keep(seeds: Seeds, spec: Spec, step: Step, s: int, store: RunFolder) -> None:
    """Records what a run is like, if this is a moment to do so."""
    epoch, batch = step.position.epoch, spec.train.eval_batch
    when = recordings.moments(spec.train.epochs).get(epoch)
    if when is not None:
        params = seeds.params(step.state, s)
        recordings.keep(seeds, params, s, store, when, epoch, batch)


def _save(stores: list[RunFolder], seeds: Seeds, step: Step) -> None:
    if step.position.samples == 0:  # the next epoch has counted nothing yet
        step = step._replace(tallies=nothing_yet(seeds), seconds=0.0)
    for s, store in enumerate(stores):
        kept = {"seconds": step.seconds}
        store.save(_checkpoint(seeds, step, s), step.position, kept)


def _checkpoint(seeds: Seeds, step: Step, s: int) -> tuple[Tree, measure.Tally]:
    return seeds.of(step.state, s), jax.tree.map(np.asarray, step.tallies[s])


def _finish(
    seeds: Seeds, spec: Spec, first: Tree, step: Step, s: int, store: RunFolder
) -> dict[str, Any]:
    """Tests a run, looks at what it has become, and writes the verdict."""
    task, learner = seeds.task, seeds.learner
    params = seeds.params(step.state, s)
    filmed = synapse.film(seeds, {"before": first, "after": step.state}, s)
    if filmed is not None:
        store.add_recording("synapse", filmed)
    rows = store.metrics()
    test = _test(seeds, params, s, spec)
    samples = build.batches(spec, task) * spec.train.batch
    own = store.spec()
    found = examine(own, seeds, s, first, step, (test, "test"), rows[-1])
    result = {
        **_identity(seeds, own),
        "condition": measure.condition(task, learner.network, test),
        "epochs": spec.train.epochs,
        "train_samples": samples,
        "test_samples": test.seen,
        **measure.verdict(task, learner.network, params, test, "test"),
        "accuracy_while_learning": rows[-1]["accuracy_while_learning"],
        "validation_accuracy": rows[-1]["validation_accuracy"],
        "weight_writes_per_sample": float(
            np.mean([row["weight_writes_per_sample"] for row in rows])
        ),
        "memory": measure.memory(learner, task),
        "clock_cycles": measure.clock_cycles(learner, task, test),
        "baselines": baselines.measured(own, task, learner.network, params),
        "ticks_per_second": float(np.median([r["ticks_per_second"] for r in rows])),
        "wall_seconds": sum(row["wall_seconds"] for row in rows),
        "warnings": sorted({text for row in rows for text in row["warnings"]}),
        "findings": [finding._asdict() for finding in found.findings],
    }
    if "frozen_hidden_accuracy" in result["baselines"]:
        result["frozen_hidden_accuracy"] = result["baselines"]["frozen_hidden_accuracy"]
    store.finish(result)
    return result


def _diverged(seeds: Seeds, store: RunFolder, problem: str) -> dict[str, Any]:
    """The verdict on a run that has no accuracy."""
    return {
        **_identity(seeds, store.spec()),
        "condition": "diverged",
        "test_accuracy": None,
        "warnings": [problem],
    }


def _identity(seeds: Seeds, spec: Spec) -> dict[str, Any]:
    """Which run it is."""
    names = {section: getattr(spec, section).name for section in _NAMES}
    chosen = build.choice(spec, seeds.learner, seeds.task)
    return {
        **names,
        "seed": spec.seed,
        "engine": build.engine(seeds.learner),
        "engine_reason": chosen.reason,
    }


_NAMES = ("task", "rule", "neuron", "device")


def _test(seeds: Seeds, params: Params, s: int, spec: Spec) -> measure.Tally:
    subject, data = seeds.learner.subject, seeds.keys[s].data
    return measure.evaluate(
        subject, seeds.task, params, "test", data, spec.train.eval_batch
    )


def patiently(steps: Iterator[Step]) -> Iterator[Step]:
    """The same steps, made where they hold up no signal."""
    # A compiled call blocks the thread it runs in; signals reach only the main one.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        while True:
            call = pool.submit(next, steps, None)
            while not call.done():
                concurrent.futures.wait([call], timeout=_WAIT)
            step = call.result()
            if step is None:
                return
            yield step


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second one stops at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: Any) -> None:
        del frame
        stop.set()
        signal.signal(number, signal.SIG_DFL)
        print(
            "stopping at the next checkpoint; once more stops at once",
            file=sys.stderr,
            flush=True,
        )

    try:
        for number in before:
            signal.signal(number, ask)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
