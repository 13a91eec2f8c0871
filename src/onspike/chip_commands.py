"""`onspike chip ...`: twins of chips. Nothing here is slow to import."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from onspike.terminal import complete, examples

app = typer.Typer(help="Twins of chips: run, verify, export and import programs.")
reckon = typer.Typer(
    help="ReckOn, bit for bit. A program is NAME.npz (thresholds, weights, ...) with "
    "its registers in NAME.json beside it."
)
app.add_typer(reckon, name="reckon")

Program = Annotated[Path, typer.Argument(help="Program, NAME.npz.")]


@reckon.command("run", epilog=examples.of("run"))
def run(
    program: Program,
    events: Annotated[
        Path, typer.Argument(help="Dataset file: lines of `NEURON, TIME`.")
    ],
    supervised: Annotated[
        int,
        typer.Option(
            "--from", help="Tick from which answers count, and errors if it learns."
        ),
    ],
    learn: Annotated[
        bool, typer.Option("--learn", help="Learn as DO_EPROP says; else it is 0.")
    ] = False,
    epochs: Annotated[int, typer.Option(help="How often to go through the file.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Keep what was learnt as a program, NAME.npz.")
    ] = None,
    answers: Annotated[
        bool, typer.Option("--answers", help="Print each sample's label and answer.")
    ] = False,
) -> None:
    """Runs a program on a file of events, and says how many answers were right."""
    from onspike import checks
    from onspike.chips.reckon import dataset, programs
    from onspike.chips.reckon.recorded import go_through
    from onspike.chips.reckon.vectors import learning

    checks.at_least("chip reckon run", "epochs", 1, epochs=epochs)
    checks.at_least("chip reckon run", "ticks", 0, supervised=supervised)
    loaded = programs.load(program)
    if out is not None:
        programs.writable(out)
    r, state = loaded.chip.registers, loaded.start()
    if int(r.regression):
        raise ValueError(f"{program}: a program for regression; the file has labels")
    recorded = dataset.read(events, r.n_inp, r.n_out)
    if not recorded:
        raise ValueError(f"{events}: no samples")
    chip = loaded.chip if learn else learning(loaded.chip, 0)
    if learn and not int(r.do_eprop):
        raise ValueError(f"{program}: DO_EPROP is 0: nothing can be learnt")
    for epoch in range(1, epochs + 1):
        state, seen = go_through(chip, state, recorded, supervised)
        if answers:
            for label, answer in zip(seen.labels, seen.answers, strict=True):
                print(f"{label} {answer}")
        name = "accuracy while learning" if learn else "accuracy"
        print(
            f"epoch {epoch}: {name} {seen.share_right:.4f} on {len(recorded)} samples, "
            f"{seen.spikes.mean():.1f} spikes per sample, "
            f"{seen.ticks / seen.seconds:.0f} ticks per second"
        )
    if out is not None:
        programs.save(programs.snapshot(loaded, state), out)
        print(out)


@reckon.command("verify", epilog=examples.of("verify"))
def verify(
    files: Annotated[
        list[Path], typer.Argument(help="Files of what the hardware did, NAME.npz.")
    ],
) -> None:
    """Compares the twin with files, bit by bit.

    Exit code 1 if it differs from one, and 2 if one cannot be compared; the others
    are compared all the same.
    """
    from onspike.chips.reckon.vectors import verify as compare

    code = 0
    for file in files:
        try:
            samples, ticks, difference = compare(file)
        except (ValueError, OSError) as error:
            print(f"onspike: {' '.join(str(error).split())}", file=sys.stderr)
            code = 2
            continue
        code = max(code, int(difference is not None))
        same = f"bit-exact in {samples} samples, {ticks} ticks"
        same = same if samples else "inputs alone, nothing to compare"
        print(f"{file}: {same if difference is None else difference}")
    if code:
        raise typer.Exit(code)


@reckon.command("export", epilog=examples.of("export"))
def export(
    program: Program,
    folder: Annotated[Path, typer.Argument(help="Where to write the files.")],
) -> None:
    """Writes a program as SPI transactions, and as memory images in plain hex."""
    from onspike.chips.reckon import images, programs

    for path in images.export(programs.load(program), folder):
        print(path)


@reckon.command("import", epilog=examples.of("import"))
def import_(
    source: Annotated[
        Path, typer.Argument(help="File of SPI transactions, or folder of images.")
    ],
    program: Program,
) -> None:
    """Reads transactions or memory images back as a program."""
    from onspike.chips.reckon import images, programs

    programs.writable(program)
    programs.save(images.read(source), program)
    print(program)


@reckon.command("calibrate", epilog=examples.of("calibrate"))
def calibrate(
    run_folder: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Run folder, of any rule.",
            autocompletion=complete.folders,
        ),
    ],
    program: Program,
    span: Annotated[
        float,
        typer.Option(help="Largest weight, a power of two; not for rule reckon-chip."),
    ] = 1.0,
) -> None:
    """Makes a program of a trained network, and says what was clipped or rounded.

    Of a run with the rule reckon-chip it is the chip itself; of any other, its network
    in the chip's integers.
    """
    from onspike.chips.reckon import ReckOn, programs
    from onspike.experiment import runs

    programs.writable(program)
    _, seeds, _, last = runs.ends(run_folder)
    learner, _ = seeds.one(0)
    if isinstance(learner, ReckOn):
        state = seeds.of(last.state, 0).chip
        made, notes = programs.program(learner.chip, state), learner.notes
    else:
        weights = seeds.params(last.state, 0).weights
        made, notes = programs.of_network(learner.network, weights, span=span)
    programs.save(made, program)
    for note in notes:
        print(note)
    print(program)
