"""The tables of a run's page."""

import json
import math
from typing import Any

import numpy as np

from onspike.report import die
from onspike.report.load import Record, Run, named, number, table
from onspike.report.render import MISSING, percent, ranges, words

COUNTS = (
    ("spikes_per_sample", "spikes", "all neurons"),
    ("synaptic_ops_per_sample", "synaptic operations", "spikes × their synapses"),
    ("neuron_updates_per_sample", "neuron updates", "neurons × ticks"),
    ("weight_writes_per_sample", "weight writes", "of learning"),
)


def projections(run: Run) -> list[dict[str, Any]]:
    """Projections: sizes, mean sizes of weights, and how many changed."""
    rows = []
    before, after = (run.weights.get(when, {}) for when in ("before", "after"))
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        known = new if new is not None else old
        both = old is not None and new is not None and old.shape == new.shape
        rows.append(
            {
                "name": name,
                "shape": " × ".join(map(str, known.shape)) if known is not None else "",
                "before": _mean_size(old),
                "after": _mean_size(new),
                "changed": float(np.mean(old != new)) if both else None,
            }
        )
    return rows


def _mean_size(weights: np.ndarray | None) -> float | None:
    if weights is None or not np.isfinite(weights).any():
        return None
    return float(np.abs(weights[np.isfinite(weights)]).mean())


def memory(run: Run) -> dict[str, Any] | None:
    """Bits by part; None before the end of a run."""
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


def counts(run: Run) -> dict[str, Any] | None:
    """Operations per sample; None if none were counted."""
    source = run.result or run.last
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
        "engine": source.get("engine"),
        "reason": source.get("engine_reason", "the reason is not recorded"),
        "wall_seconds": number(source.get("wall_seconds")),
    }


def baselines(run: Run) -> list[tuple[str, str, str]]:
    """Reference methods: name, accuracy, and by how many points this run is better."""
    own = number((run.result or {}).get("test_accuracy"))
    return [
        (
            words(name.removesuffix("_accuracy")),
            percent(value),
            f"{100 * (own - value):+.1f}" if math.isfinite(own - value) else MISSING,
        )
        for name, value in named(table(run.result, "baselines")).items()
    ]


def warnings(run: Run) -> list[tuple[str, str]]:
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


def findings(run: Run) -> list[dict[str, str]] | None:
    """What `onspike doctor` found at the end; None if it was not asked."""
    found = (run.result or {}).get("findings")
    if not isinstance(found, list):
        return None
    keys = ("where", "what", "measured", "remedy")
    return [
        {key: str(one.get(key, MISSING)) for key in keys}
        for one in found
        if isinstance(one, dict)
    ]


def die_rows(run: Run) -> list[dict[str, Any]] | None:
    """What chance made of the die; None if it is not recorded."""
    return None if run.die is None else die.rows(run.die)


def _sentences(record: Record | None) -> list[str]:
    warnings = (record or {}).get("warnings")
    return list(map(str, warnings)) if isinstance(warnings, list) else []


def flat(record: Record | None, prefix: str = "") -> list[tuple[str, str]]:
    """A nested record as rows of name and text."""
    rows = []
    for key, value in (record or {}).items():
        if isinstance(value, dict):
            rows += flat(value, f"{prefix}{key} / ")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            text = MISSING if value is None else text
            rows.append((f"{prefix}{words(str(key))}", text))
    return rows
