"""What the page is told, as docs/reference/lab.md describes it."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from onspike import catalog
from onspike.experiment import measure
from onspike.experiment.spec import chosen
from onspike.lab import film
from onspike.lab.film import Shot
from onspike.lab.knobs import knobs
from onspike.lab.session import Change, Session
from onspike.rules.parts.control import LESS, MORE
from onspike.types import Params

BINS = 40
FEWEST = 10  # samples that a share of unplugged ones is told of: it starts anew
PICTURE = 64  # most rows and columns of a picture of weights

Message = dict[str, Any]


def session(now: Session, number: int, run: Path | None, follows: bool) -> Message:
    """What has been built."""
    network, task = now.learner.network, now.task
    wiring, plastic = network.wiring, now.learner.rates()
    role = {network.output: "output", MORE: "controller", LESS: "controller"}
    return {
        "id": number,
        **{kind: getattr(now.spec, kind).name for kind in catalog.KINDS},
        "seed": now.spec.seed,
        "settings": chosen(now.spec),
        "dt": float(task.dt),
        "ticks": task.ticks,
        "batch": now.batch,
        "n_in": task.n_in,
        "n_out": task.n_out,
        "chance": 1 / task.n_out,
        "held_out": now.held_out,
        "populations": [
            {
                "name": name,
                "n": p.n,
                "spiking": p.neuron.spiking,
                "role": role.get(name, "hidden"),
                "shown": film.shown(p.n).tolist(),
                "threshold": _threshold(p.neuron),
            }
            for name, p in network.populations.items()
        ],
        "projections": [
            {
                "name": name,
                "pre": wire.pre,
                "post": wire.post,
                "n_pre": wire.n_pre,
                "n_post": wire.n_post,
                "plastic": name in plastic,
            }
            for name, wire in wiring.wires
        ],
        "injects": MORE in network.populations,
        "knobs": [knob._asdict() for knob in knobs(now.spec, now.start)],
        "spec": now.spec.toml(),
        "run": None if run is None else str(run),
        "follows": follows,
        "synapse": now.synapse._asdict(),
    }


def ticks(now: Session, seen: int, shots: Sequence[Shot], plugged: bool) -> Message:
    """Consecutive ticks of one sample."""
    frames = jax.tree.map(lambda *a: np.concatenate(a), *(s.frames for s in shots))
    shown = {n: film.shown(p.n) for n, p in now.learner.network.populations.items()}
    return {
        "seen": seen,
        "start": shots[0].start,
        "n": len(frames.mask),
        "label": shots[-1].label,
        "answer": shots[-1].answer,
        "plugged": plugged,
        "x": _events(frames.x),
        "z": {name: _events(z) for name, z in frames.z.items()},
        "shown": {name: rows.tolist() for name, rows in shown.items()},
        "v": {name: _lines(v) for name, v in frames.v.items()},
        "y": _lines(frames.y),
        "target": _lines(frames.target),
        "mask": frames.mask.astype(int).tolist(),
        "signal": {name: _lines(s) for name, s in frames.signal.items()},
        "synapse": {
            "pre": _line(frames.pre),
            "post": _line(frames.post),
            "elig": None if frames.elig is None else _line(frames.elig),
            "signal": None if frames.learning is None else _line(frames.learning),
            "w": _line(frames.w),
        },
    }


def weights(first: Params, params: Params) -> Message:
    """The weights of each projection: how many are how large, and a picture."""
    return {
        name: _projection(np.asarray(first.weights[name]), np.asarray(w))
        for name, w in params.weights.items()
    }


def _projection(first: np.ndarray, now: np.ndarray) -> Message:
    both = np.stack([first, now])
    both = both[np.isfinite(both)]
    low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    bins = {"bins": BINS, "range": (low, high)}
    picture = _pooled(_pooled(now, PICTURE).T, PICTURE).T
    scale = float(np.abs(picture).max(initial=0.0)) or 1.0
    return {
        "low": low,
        "high": high,
        "counts": np.histogram(now, **bins)[0].tolist(),
        "first": np.histogram(first, **bins)[0].tolist(),
        "mean": float(now.mean()),
        "spread": float(now.std()),
        "changed": float(np.mean(now != first)),
        "rows": picture.shape[0],
        "columns": picture.shape[1],
        "scale": scale,
        "image": np.rint(100 * picture / scale).astype(int).ravel().tolist(),
    }


def _pooled(matrix: np.ndarray, most: int) -> np.ndarray:
    """Means of blocks of neighbouring rows, so that there are at most so many."""
    if len(matrix) <= most:
        return matrix
    return np.stack([block.mean(0) for block in np.array_split(matrix, most)])


def _threshold(neuron: Any) -> float | None:
    value = getattr(neuron, "v_threshold", None)
    return None if value is None or np.ndim(value) else float(value)


def _events(a: np.ndarray) -> list[int]:
    """Tick and place of all that is not zero, one after the other."""
    return np.stack(np.nonzero(a), axis=1).ravel().tolist()


def _lines(a: np.ndarray) -> list[list[float]]:
    """Time last."""
    return [_line(row) for row in a.T]


def _line(a: np.ndarray) -> list[float]:
    # What cannot be drawn (infinite, NaN) is no JSON either.
    plain = np.nan_to_num(np.asarray(a, np.float64))
    return [float(f"{value:.5g}") for value in plain]


def point(now: Session) -> Message:
    """A point of the curves: what is known without a measurement."""
    tally = now.tally
    rates = measure.rates(now.task, tally) if tally.seen else {}
    return _POINT | {
        "seen": now.clock,
        "while_learning": _share(now.right) if now.plugged else None,
        "streaming": None if now.plugged else _share(now.free.right, FEWEST),
        "rates": {name: rate["mean"] for name, rate in rates.items()},
        "writes": float(tally.written / tally.seen) if tally.seen else None,
    }


def evaluation(seen: int, accuracy: float, of: int) -> Message:
    """A point of the curves: a measurement on held-out samples."""
    return _POINT | {"seen": seen, "held_out": accuracy, "of": of}


def point_of_row(row: Message, size: int) -> Message:
    """A point of the curves: an epoch's line of metrics."""
    return _POINT | {
        "seen": row["epoch"] * size,
        "held_out": row["validation_accuracy"],
        "while_learning": row["accuracy_while_learning"],
        "rates": {name: rate["mean"] for name, rate in row["rates"].items()},
        "writes": row["weight_writes_per_sample"],
    }


_POINT: Message = {
    "held_out": None,
    "of": None,
    "while_learning": None,
    "streaming": None,
    "rates": {},
    "writes": None,
}


def mark(change: Change) -> Message:
    """What was changed, and when."""
    return {"seen": change.seen, "text": f"{change.path} = {change.value}"}


def _share(right: Collection[bool], fewest: int = 1) -> float | None:
    return sum(right) / len(right) if len(right) >= fewest else None
