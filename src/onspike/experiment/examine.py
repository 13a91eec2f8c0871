"""What is wrong with a network: its activity and its weights, looked at."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import DictKey, GetAttrKey
from jaxtyping import Array

from onspike.devices import AbstractDevice, AbstractLayer, Parallel
from onspike.experiment import measure
from onspike.experiment.measure import Finding, Tally
from onspike.experiment.recordings import die_of
from onspike.experiment.run import Metrics, Seeds, Step
from onspike.experiment.spec import Spec
from onspike.learner import AbstractLearner
from onspike.types import Tree, is_constant

DEAD = 0.5  # share of neurons that never fire from which on a population is half lost
EXPLODES = 100.0  # times its first norm; readouts that learn well reach tens
EXPLODES_IN_AN_EPOCH = 10.0  # the same, per epoch that was begun
STUCK = 0.25  # share of a projection's weights that are at the bound of their device
LEVELS = 3  # sizes that a weight must have for one to be a bound
SAME = 1e-3  # share by which a soft bound is missed
LATER = 10**6  # ticks in which a die that moves by itself has moved

Weights = dict[str, Array]  # by projection


class PopulationSeen(NamedTuple):
    """A spiking population, learning and feedback off."""

    name: str
    mean: float  # hertz
    fastest: float  # hertz, of the fastest neuron
    never: float  # share of neurons that never fired


class ProjectionSeen(NamedTuple):
    """The weights of a projection or of a constant that neurons learn."""

    name: str
    plastic: bool  # the rule has a rate for it
    finite: float  # share of weights that are numbers
    # Share of weights that are not what they were at first; None where they move alone.
    changed: float | None
    moved: bool  # anything that is stored of them has changed
    growth: float | None  # norm over the first one; None if that was 0
    largest: float  # the largest size, in weight units
    at_bound: float | None  # share that can shrink and not grow; None if unknown


class Diagnosis(NamedTuple):
    """What was looked at, and what is wrong."""

    trained: str  # how long, in words
    evaluated: str  # on what, in words
    epochs: float
    answers: list[float]  # share of the answers by class
    populations: list[PopulationSeen]
    projections: list[ProjectionSeen]
    findings: list[Finding]


def examine(
    spec: Spec,
    seeds: Seeds,
    s: int,
    first: Tree,
    last: Step,
    seen: tuple[Tally, str],
    row: Metrics | None,
) -> Diagnosis:
    """What is wrong with a run.

    Args:
        spec: What was asked for.
        seeds: The runs.
        s: Which one it is.
        first: The state of all before the first sample.
        last: Where they stand.
        seen: The counts of an evaluation there, and of which split it was.
        row: The metrics of the epoch before, if one is over.
    """
    learner, task = seeds.learner, seeds.task
    network, counts = learner.network, last.tallies[s]
    (evaluated, split), done = seen, last.position
    size = task.size("train") // spec.train.batch * spec.train.batch
    epochs = done.epoch + done.samples / size
    rates, learning = measure.rates(task, evaluated), None
    if row is not None:
        learning = row["rates"]
    elif counts.seen:
        learning = measure.rates(task, counts)
    states = [seeds.of(state, s) for state in (first, last.state)]
    dies = [die_of(state) for state in states]
    whole = all(die is not None for die in dies)
    looked_at = _projections(learner, *dies) if whole else _chip(learner, *states)
    projections = list(looked_at)
    share = measure.answer_share(evaluated)
    populations = [
        PopulationSeen(name, rate["mean"], rate["max"], rate["silent"])
        for name, rate in rates.items()
    ]
    ill = measure.activity(task, network, rates)
    if learning is not None:
        named = {(f.where, f.what) for f in ill}
        ill += [
            f._replace(measured=f"{f.measured}, while learning")
            for f in measure.activity(task, network, learning)
            if (f.where, f.what) not in named
        ]
    findings = [
        *_untrained(epochs),
        *ill,
        *_dead(populations),
        *_one_answer(share, row),
        *(f for p in projections for f in _weights(p, epochs, spec, counts, row)),
    ]
    return Diagnosis(
        trained=f"{epochs:.3g} epoch{'' if epochs == 1 else 's'} of {size} samples",
        evaluated=f"{evaluated.seen} {split} samples",
        epochs=epochs,
        answers=share,
        populations=populations,
        projections=projections,
        findings=findings,
    )


def _projections(
    learner: AbstractLearner, first: Tree, last: Tree
) -> Iterator[ProjectionSeen]:
    """What became of all weights, given the die at first and at last."""
    network = learner.network
    plastic = {name for name, rate in learner.rates().items() if float(rate) > 0}
    device = learner.device
    weights = _read(device, last)
    *pushes, still = _pushes(weights, plastic)
    asked = [_read(device, _written(device, last, push)) for push in pushes]
    reads = [_read(device, first), weights, *asked]
    alone, spent = _alone(learner, last, weights, still), _spent(learner, last)
    for name, now in weights.items():
        mask = None if is_constant(name) else network.projections[name].mask
        there = np.full(now.shape, True) if mask is None else np.asarray(mask)
        if not there.any():
            continue
        read = _Course(*(np.asarray(w[name], float)[there] for w in reads))
        old, new = (dict(_kept(die, name, now.shape)) for die in (first, last))
        codes = [
            (old[path][there], leaf[there])
            for path, leaf in new.items()
            if np.issubdtype(leaf.dtype, np.integer) or GetAttrKey("weights") in path
        ]
        full = np.broadcast_to(spent.get(name, False), now.shape)[there]
        norm, now_norm = _norm(read.first), _norm(read.last)
        changed = float(np.mean(read.first != read.last))
        yield ProjectionSeen(
            name=name,
            plastic=name in plastic,
            finite=float(np.isfinite(read.last).mean()),
            changed=None if name in alone else changed,
            moved=any(np.any(old[path] != new[path]) for path in old),
            growth=now_norm / norm if norm else None,
            largest=float(np.abs(read.last).max()),
            at_bound=_bound(read, codes, full) if name in plastic else None,
        )


def _chip(
    learner: AbstractLearner, first: Tree, last: Tree
) -> Iterator[ProjectionSeen]:
    """The same of a chip that writes its weights itself: bounds are not looked at."""
    old, new = (learner.params(state).weights for state in (first, last))
    rates = learner.rates()
    for name, now in new.items():
        before, after = np.asarray(old[name], float), np.asarray(now, float)
        changed, norm = float(np.mean(before != after)), _norm(before)
        yield ProjectionSeen(
            name=name,
            plastic=float(rates.get(name, 0.0)) > 0,
            finite=float(np.isfinite(after).mean()),
            changed=changed,
            moved=changed > 0,
            growth=_norm(after) / norm if norm else None,
            largest=float(np.abs(after).max()),
            at_bound=None,
        )


class _Course(NamedTuple):
    """Weights at first, at last, and when asked to grow, and to shrink."""

    first: np.ndarray
    last: np.ndarray
    pushed: np.ndarray
    pulled: np.ndarray


@jax.jit
def _read(device: AbstractDevice, die: Tree) -> Weights:
    # One program for all dies: what is the same is so in every bit.
    return device.read(die).weights


@jax.jit
def _written(device: AbstractDevice, die: Tree, change: Weights) -> Tree:
    return device.write(die, change, jax.random.key(0))


@jax.jit
def _aged(device: AbstractDevice, die: Tree, tick: Array, dt: Any) -> Tree:
    return device.aged(die, tick, dt, jax.random.key(0))


def _pushes(now: Weights, plastic: set[str]) -> Iterator[Weights]:
    """Changes that ask plastic weights to grow by the largest, to shrink, to stay."""
    old = {name: np.asarray(now[name]) for name in now if name in plastic}
    for way in (1.0, -1.0, 0.0):
        yield {
            name: jnp.asarray(way * np.sign(w) * np.abs(w).max(), w.dtype)
            for name, w in old.items()
        }


def _alone(
    learner: AbstractLearner, die: Tree, now: Weights, still: Weights
) -> set[str]:
    """Whose weights move where nothing is written, by drift or by retention."""
    tick = jnp.asarray(2**30 + LATER, jnp.int32)  # later than any run
    aged = _aged(learner.device, die, tick, learner.network.dt)
    later = _read(learner.device, _written(learner.device, aged, still))
    return {name for name, w in now.items() if bool(jnp.any(w != later[name]))}


def _spent(learner: AbstractLearner, die: Tree) -> dict[str, np.ndarray]:
    """By projection, whose neurons have no connection left: (n_post, 1)."""
    memory = learner.device
    while isinstance(memory, AbstractLayer):
        memory = memory.device
    if not isinstance(memory, Parallel):
        return {}
    used: dict[str, Any] = {}
    wires = dict(learner.network.wiring.wires)
    connections = learner.device.read(die).connections
    for name, n in connections.items():
        post = wires[name].post
        used[post] = used.get(post, 0) + np.asarray(n).sum(1, keepdims=True)
    return {name: used[wires[name].post] >= memory.budget for name in connections}


def _kept(die: Tree, name: str, shape: tuple[int, ...]) -> Iterator[tuple[Any, Any]]:
    """All that a die stores by synapse of a projection, with its place in the die.

    Whole numbers, and what is called weights, are the weights themselves: past any
    gain that differs from synapse to synapse.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(die):
        if DictKey(name) in path and np.shape(leaf) == shape:
            yield path, np.asarray(leaf)


def _norm(w: np.ndarray) -> float:
    # What is not finite is told elsewhere.
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.linalg.norm(w))


def _bound(
    read: _Course, codes: Sequence[tuple[np.ndarray, np.ndarray]], spent: np.ndarray
) -> float | None:
    """The share of weights that can shrink and not grow; what is stuck does neither.

    Weights that never have more than two sizes are as their device wants them.

    Args:
        read: Weights as they are read.
        codes: At first and at last as they are stored.
        spent: Which have no room, although one of them alone might grow.
    """
    size = np.abs(read.last)
    each = [(read.first, read.last), *codes]
    levels = min(max(len(np.unique(np.abs(w))) for w in pair) for pair in each)
    if not np.isfinite(size).all() or not size.any() or levels < LEVELS:
        return None
    sign = np.sign(read.last)
    grew = sign * read.pushed > size * (1 + SAME)
    shrank = sign * read.pulled < size * (1 - SAME)
    return float(np.mean((size > 0) & shrank & (~grew | spent)))


def _untrained(epochs: float) -> Iterator[Finding]:
    if not epochs:
        yield Finding(
            "run",
            "has not learnt yet",
            "its last checkpoint is before the first sample",
            "go on with `onspike resume`, or call `onspike doctor` on its spec.toml, "
            "which trains a few batches",
        )


def _dead(populations: list[PopulationSeen]) -> Iterator[Finding]:
    for p in populations:
        if p.never >= DEAD and p.mean >= measure.SILENT_HZ:
            yield Finding(
                f"population '{p.name}'",
                "has dead neurons",
                f"{100 * p.never:.0f} % of its neurons never fired",
                "raise network.gain_in or lower the threshold, or let the rule "
                "regularise rates",
            )


def _one_answer(share: list[float], row: Metrics | None) -> Iterator[Finding]:
    if row is not None and max(share) == 1.0:  # before an epoch is over, it may be
        yield Finding(
            "readout",
            "gives one answer",
            f"all answers go to class {share.index(1.0)}",
            "lower rule.rate_out or rule.rate, or train longer",
        )


def _weights(
    p: ProjectionSeen, epochs: float, spec: Spec, counts: Tally, row: Metrics | None
) -> Iterator[Finding]:
    where = f"{'constant' if is_constant(p.name) else 'projection'} '{p.name}'"
    if p.finite < 1.0:
        share = f"{100 * (1 - p.finite):.0f} % of its weights are no numbers"
        remedy = "lower rule.rate, or set train.clamp"
        yield Finding(where, "is not finite", share, remedy)
        return
    if p.plastic and epochs and _never(p, counts, row):
        remedy = "see whether its synapses get spikes and an error, or raise rule.rate"
        copied = getattr(spec.device, "shadow", False)
        if getattr(spec.device, "write", None) == "nearest" and not copied:
            remedy = "set device.write=stochastic: less than half a step is lost now"
        yield Finding(
            where,
            "was never updated",
            "no weight differs from its first value, though the rule has a rate for it"
            if p.changed is not None
            else "it moves by itself, but no write changed a weight",
            remedy,
        )
    growth = 0.0 if p.growth is None else p.growth
    each = growth ** (1 / max(1.0, epochs))
    if growth >= EXPLODES or each >= EXPLODES_IN_AN_EPOCH:
        yield Finding(
            where,
            "explodes",
            f"norm {growth:.3g} times the first one, {each:.3g} times an epoch",
            "lower rule.rate, or set train.weight_decay or train.clamp",
        )
    if p.at_bound is not None and p.at_bound >= STUCK:
        range_ = "lower rule.rate"
        if spec.train.clamp is not None:
            range_ += " or raise train.clamp"
        elif hasattr(spec.device, "budget"):
            range_ += " or raise device.budget"
        elif hasattr(spec.device, "headroom"):
            range_ += " or raise device.headroom"
        yield Finding(
            where,
            "is stuck at a bound",
            f"{100 * p.at_bound:.0f} % of its weights cannot grow; the largest is "
            f"{p.largest:.4g}",
            range_,
        )


def _never(p: ProjectionSeen, counts: Tally, row: Metrics | None) -> bool:
    """Whether learning never changed it."""
    if p.changed is None:  # what moves alone is told by what was written
        return not (counts.written if row is None else row["weight_writes_per_sample"])
    on_its_way = row is None and p.moved  # a weight with a hidden state takes its time
    return p.changed == 0 and not on_its_way
