"""The page of one run."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from onspike.report import energy, figures, raster, rerun, style
from onspike.report.files import slug, write_atomic
from onspike.report.load import Record, Run, named, number, populations, read_run, table
from onspike.report.render import (
    MISSING,
    Plate,
    count,
    numbered,
    percent,
    ranges,
    render,
    words,
)
from onspike.report.style import Draw

COUNTS = (
    ("spikes_per_sample", "spikes", "all neurons"),
    ("synaptic_ops_per_sample", "synaptic operations", "spikes × their synapses"),
    ("neuron_updates_per_sample", "neuron updates", "neurons × ticks"),
    ("weight_writes_per_sample", "weight writes", "of learning"),
)


def write(run_folder: Path) -> Path:
    """Makes the report of a run: `report.html`, and the files in `figures/`.

    Parts that the folder does not hold (yet) are named on the page as missing.

    Args:
        run_folder: What `onspike train` wrote.

    Returns:
        The page.

    Raises:
        ValueError: If this is no run folder.
    """
    run_folder = Path(run_folder)
    run = read_run(run_folder)

    draw = style.saver(run_folder / "figures")
    with style.look():
        plates = numbered(
            learning=_learning(run, draw),
            answers=_answers(run, draw),
            sample=_sample(run, draw),
            weights=_weights(run, draw),
            rates=_rates(run, draw),
        )
    page = run_folder / "report.html"
    html = render(
        "run.html",
        run=run,
        title=f"{run.name('task')} · {run.name('rule')}",
        headline=_headline(run),
        plates=plates,
        projections=_projections(run),
        final_rates=figures.final_rates(run.result or _last(run)),
        memory=_memory(run),
        counts=_counts(run),
        energy=energy.table(run) if run.result or run.epochs else None,
        baselines=_baselines(run),
        warnings=_warnings(run),
        environment=_flat(run.environment),
        command=rerun.command(run.spec, run.environment),
    )
    write_atomic(page, html)
    return page


def interval(share: float, samples: float) -> tuple[float, float] | None:
    """The 95 % Wilson interval of a share that was measured on some samples."""
    if not (math.isfinite(share) and samples > 0):
        return None
    z = 1.96
    scale = 1 + z**2 / samples
    middle = (share + z**2 / (2 * samples)) / scale
    spread = share * (1 - share) / samples + z**2 / (4 * samples**2)
    half = z * math.sqrt(max(spread, 0.0)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def _last(run: Run) -> Record:
    return run.epochs[-1] if run.epochs else {}


def _headline(run: Run) -> dict[str, Any]:
    result = run.result or {}
    accuracy = number(result.get("test_accuracy"))
    samples = number(result.get("test_samples"))
    planned = number(table(run.spec, "train").get("epochs"))
    validation = number(_last(run).get("validation_accuracy"))
    return {
        "accuracy": accuracy if math.isfinite(accuracy) else None,
        "samples": samples,
        "interval": interval(accuracy, samples),
        "chance": run.chance,
        "classes": run.classes,
        "broken": run.result is None and (run.folder / "result.json").is_file(),
        "epochs_done": _last(run).get("epoch", 0),
        "epochs_planned": planned if math.isfinite(planned) else None,
        "validation": validation if math.isfinite(validation) else None,
        "facts": [
            ("task", run.name("task")),
            ("rule", run.name("rule")),
            ("neuron", run.name("neuron")),
            ("device", run.name("device")),
            ("seed", result.get("seed", run.spec.get("seed", MISSING))),
            ("epochs", result.get("epochs", _last(run).get("epoch", MISSING))),
            ("training samples", count(result.get("train_samples")) + " per epoch")
            if "train_samples" in result
            else ("training samples", count(_last(run).get("samples")) + " so far"),
        ],
    }


def _learning(run: Run, draw: Draw) -> Plate | None:
    validation = figures.curve(run.epochs, "validation_accuracy")
    learning = figures.curve(run.epochs, "accuracy_while_learning")
    result = run.result or {}
    end = (number(result.get("epochs")), number(result.get("test_accuracy")))
    test = end if all(map(math.isfinite, end)) else None
    limits = figures.accuracy_limits(
        validation, learning, [test] if test else [], chance=run.chance
    )
    panels, caption = [], []
    if validation:
        figure = figures.validation_curve(validation, test, run.chance, limits)
        panels.append(draw(figure, "validation_accuracy"))
        caption.append(
            "Validation accuracy, measured with learning and feedback off"
            + ("; the diamond is the test accuracy after the final epoch." * bool(test))
            + ("." * (not test))
        )
    elif run.epochs:
        caption.append("This task has no validation split.")
    if learning:
        figure = figures.while_learning_curve(learning, run.chance, limits)
        panels.append(draw(figure, "accuracy_while_learning"))
        caption.append(
            "While learning: the share of right answers during training, with learning "
            "on. That is not a result: the weights change while they are judged."
        )
    if not panels:
        return None
    return Plate("Learning curves", " ".join(caption), panels)


def _answers(run: Run, draw: Draw) -> Plate | None:
    final = run.result is not None
    source = run.result or _last(run)
    groups = named(source.get("test_by_group" if final else "validation_by_group"))
    answered = named(source.get("answer_share"))
    counts = _square((run.result or {}).get("confusion"))
    panels = []
    if counts is not None:
        panels.append(draw(figures.confusion(counts), "confusion"))
    if groups:
        level = run.chance, "chance"
        bars = figures.shares(groups, "Accuracy by group", "group", "accuracy", level)
        panels.append(draw(bars, "accuracy_by_group"))
    if answered:
        level = run.chance, "equal"
        bars = figures.shares(
            answered, "Share of the answers", "class", "share of answers", level
        )
        panels.append(draw(bars, "answer_share"))
    if not panels:
        return None
    where = (
        "test samples"
        if final
        else f"validation samples of epoch {source.get('epoch', '?')}"
    )
    caption = [f"Answers to the {where}, learning and feedback off."]
    if counts is not None:
        caption.append(
            "In the confusion matrix a cell is the deeper, the larger its share of "
            "the label's samples; the diagonal holds the right answers."
        )
    if groups or answered:
        caption.append("Dotted: chance level; equal shares of all classes.")
    return Plate("Answers in detail", " ".join(caption), panels)


def _square(values: Any) -> np.ndarray | None:
    try:
        counts = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return None
    square = counts.ndim == 2 and counts.shape[0] == counts.shape[1] > 0
    return np.nan_to_num(counts) if square else None


def _sample(run: Run, draw: Draw) -> Plate | None:
    recordings = {"Before": run.sample_before, "After": run.sample_after}
    if not any(recordings.values()):
        return None
    limits = raster.readout_limits(*recordings.values())
    panels = []
    for when, recording in recordings.items():
        if recording is not None:
            label, answer = raster.verdict(recording)
            title = f"{when} training"
            if label is not None and answer is not None:
                right = "right" if label == answer else "wrong"
                title += f": label {label}, answer {answer} ({right})"
            figure = raster.sample(recording, title, limits)
            panels.append(draw(figure, f"sample_{when.lower()}"))
    caption = (
        "One sample, with learning off: input, spikes of the hidden populations "
        "(number of units in brackets), and readout. Shaded: the ticks in which a "
        "target is valid."
    )
    for when, recording in recordings.items():
        if recording is None:
            caption += f" {when} training, no sample was recorded."
    return Plate("One sample before and after training", caption, panels)


def _pairs(run: Run) -> list[tuple[str, np.ndarray | None, np.ndarray | None]]:
    before, after = run.weights_before or {}, run.weights_after or {}
    return [(n, before.get(n), after.get(n)) for n in dict.fromkeys([*before, *after])]


def _weights(run: Run, draw: Draw) -> Plate | None:
    taken: set[str] = set()
    panels = [
        draw(figures.weights(*pair), f"weights_{slug(pair[0], taken)}")
        for pair in _pairs(run)
    ]
    if not panels:
        return None
    caption = (
        "Weights of each projection before and after training, in equal bins; a "
        "legend counts the outliers that lie beyond its axis."
    )
    return Plate("Weights before and after training", caption, panels)


def _projections(run: Run) -> list[dict[str, Any]]:
    rows = []
    for name, before, after in _pairs(run):
        known = after if after is not None else before
        both = before is not None and after is not None and before.shape == after.shape
        rows.append(
            {
                "name": name,
                "shape": " × ".join(map(str, known.shape)) if known is not None else "",
                "before": _mean_size(before),
                "after": _mean_size(after),
                "changed": float(np.mean(before != after)) if both else None,
            }
        )
    return rows


def _mean_size(weights: np.ndarray | None) -> float | None:
    if weights is None or not np.isfinite(weights).any():
        return None
    return float(np.abs(weights[np.isfinite(weights)]).mean())


def _rates(run: Run, draw: Draw) -> Plate | None:
    taken: set[str] = set()
    panels = [
        draw(figures.rates(run.epochs, name), f"rates_{slug(name, taken)}")
        for name in populations(run.epochs)
    ]
    if not panels:
        return None
    caption = (
        "Firing rates over the epochs, from the training samples: mean of the "
        "population, and its fastest neuron."
    )
    return Plate("Firing rates", caption, panels)


def _memory(run: Run) -> dict[str, Any] | None:
    memory = table(run.result, "memory")
    if not memory:
        return None
    bits = {
        key: number(memory.get(key))
        for key in ("weights", "neuron_state", "learning_state")
    }
    total = sum(bits.values())
    return {
        "rows": [
            {"name": words(key), "bits": value, "share": value / (total or math.nan)}
            for key, value in bits.items()
        ],
        "detail": named(memory.get("learning_detail")),
        "total": total,
        "overhead": number(memory.get("learning_overhead")),
    }


def _counts(run: Run) -> dict[str, Any] | None:
    source = run.result or _last(run)
    if not source:
        return None
    if run.result is not None:
        origin = {
            "spikes_per_sample": "inference, test samples",
            "synaptic_ops_per_sample": "inference, test samples",
            "neuron_updates_per_sample": "inference, test samples",
            "weight_writes_per_sample": "learning, mean over all training samples",
        }
    else:
        where = f"training, epoch {source.get('epoch', '?')}"
        origin = dict.fromkeys((key for key, *_ in COUNTS), where)
    return {
        "rows": [
            (name, note, number(source.get(key)), origin[key])
            for key, name, note in COUNTS
        ]
        + [
            (
                f"clock cycles of {purpose}",
                "estimated; learning comes on top",
                number(cycles),
                "the chip's size, test samples",
            )
            for purpose, cycles in table(source, "clock_cycles").items()
        ],
        "ticks_per_second": number(source.get("ticks_per_second")),
        "wall_seconds": number(source.get("wall_seconds")),
    }


def _baselines(run: Run) -> list[tuple[str, str, str]]:
    own = number((run.result or {}).get("test_accuracy"))
    return [
        (
            words(name.removesuffix("_accuracy")),
            percent(value),
            f"{100 * (own - value):+.1f}" if math.isfinite(own - value) else MISSING,
        )
        for name, value in named(table(run.result, "baselines")).items()
    ]


def _warnings(run: Run) -> list[tuple[str, str]]:
    """Sentences, and when each was said."""
    said: dict[str, list[int]] = {}
    for place, line in enumerate(run.epochs, 1):
        epoch = number(line.get("epoch"))
        for sentence in _sentences(line):
            said.setdefault(sentence, []).append(
                int(epoch) if math.isfinite(epoch) else place
            )
    rows = [
        (sentence, f"epoch{'s' * (len(set(at)) > 1)} {ranges(at)}")
        for sentence, at in said.items()
    ]
    return rows + [(one, "final test") for one in _sentences(run.result)]


def _sentences(record: Record | None) -> list[str]:
    warnings = (record or {}).get("warnings")
    return list(map(str, warnings)) if isinstance(warnings, list) else []


def _flat(record: Record | None, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in (record or {}).items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key} / ")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            text = MISSING if value is None else text
            rows.append((f"{prefix}{words(str(key))}", text))
    return rows
