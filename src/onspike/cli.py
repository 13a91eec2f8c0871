"""The command line. Nothing here is slow to import: help must come at once."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from onspike import chip_commands
from onspike.terminal import complete, examples, live, results
from onspike.terminal.arguments import (
    Device,
    Folder,
    Neuron,
    Quiet,
    Rule,
    Run,
    Settings,
    Task,
    names_of,
    seeds_of,
)

app = typer.Typer(
    name="onspike",
    help="Train spiking neural networks online, on the chip's terms.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

app.add_typer(chip_commands.app, name="chip")


@app.command(epilog=examples.of("train"))
def train(
    task: Task,
    rule: Rule = None,
    neuron: Neuron = None,
    device: Device = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, data and writes.")] = 0,
    settings: Settings = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; default: runs/TASK-RULE-...")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Trains a network online; writes a run folder with a report."""
    from onspike.experiment import runs
    from onspike.experiment.spec import resolve, settings_of

    spec = resolve(
        task,
        rule=rule,
        neuron=neuron,
        device=device,
        seed=seed,
        settings=settings_of(settings or []),
    )
    names = (spec.task.name, spec.rule.name, spec.device.name, f"seed{seed}")
    name = "-".join(names).replace(":", ".")  # of names of the user's own
    folder = out or _unused(Path("runs") / name)
    say = live.printer(quiet)
    asked = "".join(f", {o} {value}" for o, value in spec.changed("device").items())
    say(
        f"{spec.task.name}: rule {spec.rule.name}, neuron {spec.neuron.name}, "
        f"device {spec.device.name}{asked}, seed {seed}"
    )
    with live.progress(quiet) as tell, _resumable(folder):
        result = runs.train([spec], [folder], lambda p: tell("", p))[0]
    results.conclude(result, folder, say)


@app.command(epilog=examples.of("resume"))
def resume(
    run: Folder,
    quiet: Quiet = False,
) -> None:
    """Goes on with a run, a comparison or a sweep that was stopped."""
    from onspike.experiment import runs
    from onspike.experiment.compare import resume as resume_comparison
    from onspike.experiment.sweep import resume as resume_sweep

    if (run / "sweep.toml").is_file():
        with live.progress(quiet) as tell, _resumable(run):
            resume_sweep(run, live.trials(tell, live.printer(quiet)))
        results.conclude_sweep(run)
        return
    if (run / "compare.toml").is_file():
        with live.progress(quiet, warn=True) as tell, _resumable(run):
            found = resume_comparison(run, tell)
        results.conclude_comparison(found, run)
        return
    with live.progress(quiet) as tell, _resumable(run):
        result = runs.resume(run, lambda p: tell("", p))
    results.conclude(result, run, live.printer(quiet))


@app.command("eval", epilog=examples.of("eval"))
def evaluate(run: Run) -> None:
    """Tests a run's last checkpoint, with learning and feedback off."""
    from onspike.experiment import runs

    found = runs.evaluate(run)
    print(
        f"test accuracy {found['test_accuracy']:.4f} on {found['test_samples']} "
        f"held-out samples after {found['epochs']} epochs (learning and feedback off)"
    )


@app.command(epilog=examples.of("compare"))
def compare(
    task: Task,
    rules: Annotated[
        str,
        typer.Option(help="Rules, separated by commas.", autocompletion=complete.rules),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the comparison.")],
    devices: Annotated[
        str | None,
        typer.Option(
            help="Devices, likewise; default: each rule's own, else ideal.",
            autocompletion=complete.devices,
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="How many seeds (3 means 0,1,2), or a list: 5,6,7.")
    ] = "3",
    neuron: Neuron = None,
    settings: Settings = None,
    quiet: Quiet = False,
) -> None:
    """Compares rules x devices over seeds; one table, one figure."""
    from onspike.experiment.compare import compare as run
    from onspike.experiment.spec import settings_of

    with live.progress(quiet, warn=True) as tell, _resumable(out):
        found = run(
            task,
            rules=names_of(rules),
            devices=None if devices is None else names_of(devices),
            seeds=seeds_of(seeds),
            out=out,
            neuron=neuron,
            settings=settings_of(settings or []),
            listen=tell,
        )
    results.conclude_comparison(found, out)


@app.command(epilog=examples.of("sweep"))
def sweep(
    task: Task,
    search: Annotated[
        list[str],
        typer.Option(
            metavar="SECTION.OPTION=RANGE",
            help="Varies an option: low:high, log:low:high, int:low:high (both ends "
            "included) or a,b,... May be repeated.",
            autocompletion=complete.ranges,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")],
    trials: Annotated[int, typer.Option(help="How many settings to try.")] = 64,
    seeds: Annotated[
        str, typer.Option(help="Seeds of every trial: a number, or a list: 5,6,7.")
    ] = "2",
    rule: Rule = None,
    neuron: Neuron = None,
    device: Device = None,
    settings: Settings = None,
    sampler: Annotated[
        str, typer.Option(help="random, or tpe (needs onspike[search]).")
    ] = "random",
    sampler_seed: Annotated[int, typer.Option(help="Seed of the choices.")] = 0,
    side: Annotated[
        int, typer.Option(help="Most trials side by side in one program.")
    ] = 8,
    quiet: Quiet = False,
) -> None:
    """Tunes options on validation samples, many trials in one program."""
    from onspike.experiment.search import space_of
    from onspike.experiment.spec import settings_of
    from onspike.experiment.sweep import sweep as run

    with live.progress(quiet) as tell, _resumable(out):
        run(
            task,
            search=space_of(search),
            trials=trials,
            seeds=seeds_of(seeds),
            out=out,
            rule=rule,
            neuron=neuron,
            device=device,
            settings=settings_of(settings or []),
            sampler=sampler,
            sampler_seed=sampler_seed,
            side=side,
            listen=live.trials(tell, live.printer(quiet)),
        )
    results.conclude_sweep(out)


@app.command("report", epilog=examples.of("report"))
def write_report(
    folder: Folder,
) -> None:
    """Writes the self-contained report.html of a run, a comparison or a sweep."""
    from onspike import report

    if (folder / "compare.json").is_file():
        for run in report.unwritten(folder):
            report.write(run)
        print(report.write_comparison(folder))
    elif (folder / "sweep.toml").is_file():
        print(report.write_sweep(folder))
    else:
        print(report.write(folder))


@app.command(epilog=examples.of("energy"))
def energy(
    run: Run,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, in joules.")
    ] = False,
) -> None:
    """Estimates a run's energy: its counts times published energies per operation."""
    results.show_energy(run, as_json)


@app.command(epilog=examples.of("doctor"))
def doctor(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|SPEC",
            help="Run folder; or a spec.toml, trained for a moment.",
            autocompletion=complete.folders,
        ),
    ],
) -> None:
    """Says why a network does not learn, and what to try; exit code 1 if it found any.

    Looks for populations that are silent, saturated or dead, and for projections that
    were never updated, are stuck at a bound, explode or are not finite.
    """
    from onspike.experiment.doctor import diagnose

    found = diagnose(path)
    results.show_diagnosis(found)
    if found.findings:
        raise typer.Exit(1)


@app.command(epilog=examples.of("lab"))
def lab(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run folder to go on with, or to follow while it trains.",
            autocompletion=complete.folders,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="Task to begin with; default: yin-yang, feedback control.",
            autocompletion=complete.tasks,
        ),
    ] = None,
    rule: Rule = None,
    neuron: Neuron = None,
    device: Device = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of weights, data and writes; default: 0."),
    ] = None,
    settings: Settings = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at; any but this machine's own asks for the token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0 picks a free one.", min=0, max=65535)
    ] = 8642,
    token: Annotated[
        str | None,
        typer.Option(
            help="What browsers must know, 8 characters at least; made up where it is "
            "needed."
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser.")
    ] = True,
) -> None:
    """Opens the lab in a browser: see a network learn, tick by tick, and meddle."""
    from onspike import catalog
    from onspike.experiment.spec import of_run, resolve, settings_of
    from onspike.lab import commands, server

    options = settings_of(settings or [])
    if run is not None:
        given = {"task": task, "rule": rule, "neuron": neuron, "device": device}
        given |= {"seed": seed, "set": options or None}
        if beside := [f"--{name}" for name, v in given.items() if v is not None]:
            raise ValueError(f"'{run}' says all of its run: leave out {beside[0]}")
        spec, first = of_run(run), commands.Open(str(run.resolve()))
    else:
        if task is None:  # where feedback steers most: the gap is plain to see
            task, rule = "yin-yang", rule or "deep-feedback-control"
        first = commands.New(task, rule, neuron, device, seed or 0, options)
        spec = resolve(
            task,
            rule=rule,
            neuron=neuron,
            device=device,
            seed=first.seed,
            settings=options,
        )
    if not catalog.row("rule", spec.rule.name).ticks:
        raise ValueError(
            f"rule '{spec.rule.name}' learns sample by sample: there is no tick of it "
            "to look at"
        )
    server.serve(first, host=host, port=port, token=token, browse=browser)


@app.command("list", epilog=examples.of("list"))
def list_names(
    what: Annotated[
        str | None,
        typer.Argument(
            help="tasks, rules, neurons, devices or chips; or one name, `network` or "
            "`train`, for all that is to be known of it.",
            autocompletion=complete.listed,
        ),
    ] = None,
) -> None:
    """Lists what there is, with sources; or all that is to be known of one name."""
    from onspike.terminal import listing

    listing.show(what)


def _unused(path: Path) -> Path:
    tries = (path.with_name(f"{path.name}-{i}") for i in range(2, 10_000))
    return path if not path.exists() else next(p for p in tries if not p.exists())


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    from onspike.experiment.runs import Stopped

    try:
        yield
    except Stopped:
        print(
            f"stopped and saved; go on with: onspike resume {folder}", file=sys.stderr
        )
        raise typer.Exit(130) from None


def _cache() -> None:
    """Keeps compiled programs between runs, in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(home) / "onspike/jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")


_UsageError: Any = typer.BadParameter.__base__  # lives elsewhere in older versions


def _version(wanted: bool) -> bool:
    if wanted:
        import onspike

        print(f"onspike {onspike.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            callback=_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Train spiking neural networks online, on the chip's terms."""
    del version


def main() -> None:
    """Entry point: a mistake of the user is one line on stderr and exit code 2."""
    _cache()
    warnings.showwarning = _show_warning
    try:
        with complete.whole_words():
            code = app(sys.argv[1:] or ["--help"], "onspike", standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    except (MemoryError, RuntimeError) as error:
        if "RESOURCE_EXHAUSTED" not in str(error) and str(error):
            raise
        _refuse(
            "out of memory: use fewer neurons, a smaller train.batch or fewer seeds; "
            "in a sweep, a smaller --side"
        )
    except _UsageError as error:
        _refuse(f"{error.format_message().rstrip('.')}; `onspike --help` helps")
    else:
        sys.exit(code)


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _refuse(text: str) -> NoReturn:
    print(f"onspike: {' '.join(text.split())}", file=sys.stderr)
    sys.exit(2)
