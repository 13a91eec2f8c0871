"""The plates of a run's page: its figures, with their captions."""

import math
from typing import Any

import numpy as np

from onspike.report import die, figures, raster, synapse, weights
from onspike.report.files import slug
from onspike.report.load import MOMENTS, Arrays, Run, named, number, populations, table
from onspike.report.render import Plate
from onspike.report.style import Draw


def learning(run: Run, draw: Draw) -> Plate | None:
    """Accuracy over epochs: learning and feedback off, and while learning apart."""
    validation = figures.curve(run.epochs, "validation_accuracy")
    during = figures.curve(run.epochs, "accuracy_while_learning")
    result = run.result or {}
    end = (number(result.get("epochs")), number(result.get("test_accuracy")))
    test = end if all(map(math.isfinite, end)) else None
    limits = figures.accuracy_limits(
        validation, during, [test] if test else [], chance=run.chance
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
    if during:
        figure = figures.while_learning_curve(during, run.chance, limits)
        panels.append(draw(figure, "accuracy_while_learning"))
        caption.append(
            "While learning: the share of right answers during training, with learning "
            "on. That is not a result: the weights change while they are judged."
        )
    if not panels:
        return None
    return Plate("Learning curves", " ".join(caption), panels)


def answers(run: Run, draw: Draw) -> Plate | None:
    """Confusion, accuracy by group, and how answers are shared."""
    final = run.result is not None
    source = run.result or run.last
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


def samples(run: Run, draw: Draw) -> Plate | None:
    """The recorded samples: a row for each moment, a column for each sample."""
    every = [found for each in run.samples.values() for found in each.values()]
    if not every:
        return None
    limits, membranes = raster.readout_limits(every), raster.lanes(every)
    panels = []
    for when, each in run.samples.items():
        for name, recording in each.items():
            figure = raster.sample(
                recording, _sample_title(run, when, recording), limits, membranes
            )
            panels.append(draw(figure, f"{name}_{when}"))
    caption = (
        "Test samples with learning and feedback off: input, spikes of the populations "
        "(number of units in brackets), and readout. "
    )
    if membranes:
        caption += (
            f"Membranes of {raster.LANES} neurons or fewer, each on a scale of its own "
            "that is the same at all moments; above each its spikes. "
        )
    if any("loss" in recording for recording in every):
        caption += "Green: what the unit of the label is asked for. "
    caption += "Shaded: the ticks in which a target is valid, unless all are."
    missing = [when for when in MOMENTS if when not in run.samples]
    if missing:
        caption += f" Not recorded: {' and '.join(missing)} training."
    return Plate("Samples before, during and after training", caption, panels)


def _sample_title(run: Run, when: str, recording: dict[str, np.ndarray]) -> str:
    title = f"{when.capitalize()} training"
    if when == "during":
        epochs = number(table(run.spec, "train").get("epochs"))
        of = f" of {epochs:.0f}" if math.isfinite(epochs) else ""
        title = f"After epoch {int(recording['epoch'])}{of}"
    label, answer = raster.verdict(recording)
    if label is None or answer is None:
        return title
    right = "right" if label == answer else "wrong"
    return f"{title}: label {label}, answer {answer} ({right})"


def traces(run: Run, draw: Draw) -> Plate | None:
    """One synapse through one sample that is learnt, at both ends of training."""
    found = run.synapse
    if found is None:
        return None
    taken: set[str] = set()
    panels = []
    for one in synapse.recorded(found):
        name = slug(one.projection, taken)
        for when in ("before", "after"):
            figure = synapse.traces(found, one, when)
            panels.append(draw(figure, f"synapse_{name}_{when}"))
    unit = "pA" if run.name("neuron") == "dpi" else "threshold units"
    caption = (
        "The first training sample, learnt once from the weights before training and "
        "once from those after it, seen from the synapses that it changed most: what "
        "arrives, x; the membrane v of the neuron that it reaches, with its spikes "
        f"above and its threshold dotted, in {unit}; its pseudo-derivative ψ = "
        "dz/dv; the eligibility e, what "
        "the synapse remembers of both; the learning signal L, the share of the error "
        "that reaches the neuron; and the weight w. Shaded: the ticks in which a "
        "target is valid, unless all are."
    )
    caption += _asked(run, found)
    return Plate("One synapse while it learns", caption, panels)


def _asked(run: Run, found: Arrays) -> str:
    """What a rule asks of a weight, and what stands between that and a write."""
    if not any(key.endswith(".elig") for key in found):
        return " This rule is no product of an eligibility and a signal."
    said = " The rule asks for a change of w against the product of e and L"
    if any(synapse.pulls(found, one) for one in synapse.recorded(found)):
        said += (
            ", and against that of C, by which a regulariser pulls the neuron's "
            "rate, and e as it is before any filter of the readout"
        )
    return f"{said}.{_between(run)}"


def _between(run: Run) -> str:
    gate = table(run.spec, "rule").get("gate", "every-tick")
    train, device = table(run.spec, "train"), run.name("device")
    optimiser = train.get("optimiser", "sgd")
    found = [
        f"its gate ({gate})" if gate != "every-tick" else "",
        f"the optimiser ({optimiser})" if optimiser != "sgd" else "",
        "the weights' decay" if train.get("weight_decay") else "",
        f"the device ({device})" if device != "ideal" else "",
    ]
    found = [one for one in found if one]
    if not found:
        return ""
    *others, last = found
    said = f"{', '.join(others)} and {last}" if others else last
    return f" Between that and what is written: {said}."


def weight_course(run: Run, draw: Draw) -> Plate | None:
    """Weights at some moments, and over the epochs."""
    taken: set[str] = set()
    names = dict.fromkeys(
        [*(name for each in run.weights.values() for name in each)]
        + weights.projections(run.epochs)
    )
    panels = []
    for name in names:
        files = slug(name, taken)
        kept = {when: each[name] for when, each in run.weights.items() if name in each}
        if kept:
            panels.append(draw(weights.distribution(name, kept), f"weights_{files}"))
        if (figure := weights.course(run.epochs, name)) is not None:
            panels.append(draw(figure, f"weights_{files}_course"))
    if (figure := weights.moved(run.epochs)) is not None:
        panels.append(draw(figure, "weights_moved"))
    if not panels:
        return None
    caption = (
        "Weights of each projection in equal bins, before, during (after half of the "
        "epochs) and after training; a legend counts the outliers that lie beyond its "
        "axis."
    )
    if not run.weights:
        caption = "No weights were recorded."
    if weights.projections(run.epochs):
        caption += (
            " Over the epochs: quantiles of the weights, and how far all of them are "
            "from where they began, over their size then (norms)."
        )
    return Plate("Weights, and how they drift", caption, panels)


def die_as_drawn(run: Run, draw: Draw) -> Plate | None:
    """What chance made of constants and gains."""
    figure = die.spread(run.die) if run.die else None
    if figure is None:
        return None
    caption = (
        "Constants of neurons and gains of synapses on this die, as parts of what was "
        "designed: median, half of all values (bar) and 98 % of them (line)"
        + f"; dots where there are no more than {die.FEW}."
    )
    return Plate("The die as it was drawn", caption, [draw(figure, "die")])


def rates(run: Run, draw: Draw) -> Plate | None:
    """Firing rates over epochs."""
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
