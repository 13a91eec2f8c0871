"""Measuring: accuracy with learning off, activity, operations, memory."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onspike.engine import Record, infer
from onspike.learner import AbstractLearner, bits
from onspike.network import Network
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.types import INPUT, Key, Params, is_constant

SILENT_HZ = 0.1  # a population below this mean rate teaches nobody
SATURATED = 0.5  # spikes per tick above which a neuron says the same thing always
RUNAWAY = 0.25  # the same for the mean of a population
COMPUTES = ("healthy", "runaway")  # conditions in which an accuracy says something
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of weights


class Finding(NamedTuple):
    """Something that is wrong with a network."""

    where: str
    what: str
    measured: str
    remedy: str  # one thing to try


class Tally(NamedTuple):
    """Counts over samples, as plain arrays: adding them up loses nothing."""

    seen: int
    right: int
    written: int
    arrived: np.ndarray  # (n_in,)
    spikes: dict[str, np.ndarray]  # by spiking population
    confusion: np.ndarray  # (label, answer)
    by_group: np.ndarray  # (group, [right, seen])


def tally(task: AbstractTask, records: Record) -> Tally:
    """Sums records of many samples, whatever their leading axes.

    Raises:
        ValueError: If a label is no class of the task, or an input was not finite.
    """
    answer, label, group = (
        np.asarray(a).reshape(-1)
        for a in (records.answer, records.label, records.group)
    )
    arrived, name = _total(records.arrived), type(task).__name__
    if len(strange := label[(label < 0) | (label >= task.n_out)]):
        raise ValueError(
            f"{name}: labels must lie between 0 and n_out - 1 = {task.n_out - 1}; got "
            f"{strange[0]}"
        )
    if len(broken := np.flatnonzero(~np.isfinite(arrived))):
        raise ValueError(
            f"{name}: input channel {broken[0]} holds NaN or infinity in at least one "
            f"of {answer.size} samples; clean the data, or see what the code makes"
        )
    confusion = np.zeros((task.n_out, task.n_out), np.int64)
    np.add.at(confusion, (label, answer), 1)
    by_group = np.zeros((max(1, len(task.group_names)), 2), np.int64)
    np.add.at(by_group[:, 0], group, answer == label)
    np.add.at(by_group[:, 1], group, 1)
    return Tally(
        seen=answer.size,
        right=int(np.sum(answer == label)),
        written=int(np.asarray(records.written, np.int64).sum()),
        arrived=arrived,
        spikes={name: _total(a) for name, a in records.spikes.items()},
        confusion=confusion,
        by_group=by_group,
    )


def add(a: Tally, b: Tally) -> Tally:
    """The counts of both."""
    return jax.tree.map(lambda x, y: x + y, a, b)


def nothing(task: AbstractTask, network: Network) -> Tally:
    """The counts of no sample."""
    spiking = {n: p for n, p in network.populations.items() if p.neuron.spiking}
    return Tally(
        seen=0,
        right=0,
        written=0,
        arrived=np.zeros(task.n_in),
        spikes={name: np.zeros(p.n) for name, p in spiking.items()},
        confusion=np.zeros((task.n_out, task.n_out), np.int64),
        by_group=np.zeros((max(1, len(task.group_names)), 2), np.int64),
    )


@partial(jax.jit, static_argnames=("split", "batch"))
def drawn(
    task: AbstractTask, split: Split, start: Any, batch: int, key: Key
) -> Episode:
    """Some samples of a split, from number `start` on."""
    index = start + jnp.arange(batch, dtype=jnp.int32)
    return task.samples(split, index, key)


@jax.jit
def _infer(
    subject: Network | AbstractLearner,
    task: AbstractTask,
    params: Params,
    episodes: Episode,
) -> Record:
    if isinstance(subject, AbstractLearner):
        return subject.infer(task, params, episodes)
    return infer(subject, task, params, episodes)


def at_once(size: int, batch: int) -> int:
    """How many samples are run at a time, `batch` or fewer: in equal parts.

    What is left over is run one by one more.
    """
    return size // -(-size // batch)


def evaluate(
    subject: Network | AbstractLearner,
    task: AbstractTask,
    params: Params,
    split: Split,
    key: Key,
    batch: int = 100,
    most: int | None = None,
) -> Tally:
    """Runs a split with learning and feedback off.

    Args:
        subject: What computes: a learner's `subject`, or a network.
        task: What it is asked.
        params: Its weights and constants.
        split: Which samples.
        key: The run's data key.
        batch: Samples at a time.
        most: How many of its samples, the first ones; by default all.
    """
    size = min(task.size(split), most or task.size(split))
    even = at_once(size, batch)
    chunks = size // even
    parts = [(0, chunks, even), (chunks * even, size - chunks * even, 1)]
    network = subject.network if isinstance(subject, AbstractLearner) else subject
    total = nothing(task, network.bare())
    for start, count, length in parts:
        for first in range(start, start + count * length, length):
            # Apart, so that the network is one program for all splits.
            index = jnp.asarray(first, jnp.int32)
            episodes = drawn(task, split, index, length, key)
            total = add(total, tally(task, _infer(subject, task, params, episodes)))
    return total


def accuracy(counts: Tally) -> float:
    """Share of right answers."""
    return counts.right / max(1, counts.seen)


def by_group(task: AbstractTask, counts: Tally) -> dict[str, float]:
    """Accuracy by stratum; strata without samples are left out."""
    rows = zip(task.group_names, counts.by_group, strict=False)
    return {name: float(right / seen) for name, (right, seen) in rows if seen}


def answer_share(counts: Tally) -> list[float]:
    """Share of the answers that went to each class."""
    return (counts.confusion.sum(0) / max(1, counts.seen)).tolist()


def rates(task: AbstractTask, counts: Tally) -> dict[str, dict[str, float]]:
    """Firing rates by population, in hertz."""
    seconds = max(1, counts.seen) * task.ticks * float(task.dt)
    return {
        name: {
            "mean": float(n.mean() / seconds),
            "max": float(n.max() / seconds),
            "silent": float(np.mean(n == 0)),
        }
        for name, n in counts.spikes.items()
    }


def activity(
    task: AbstractTask, network: Network, rates: Mapping[str, Mapping[str, float]]
) -> list[Finding]:
    """What is wrong with firing rates, by population: silence or saturation.

    A controller is silent when all is well: only what inference needs is looked at.
    """
    found, dt = [], float(task.dt)
    for name in network.bare().populations:
        if name not in rates:
            continue
        mean, fastest = rates[name]["mean"], rates[name]["max"]
        if mean < SILENT_HZ:
            what = "is silent"
            measured = f"{mean:.2g} Hz on average"
            remedy = "raise its input weights (network.gain_in) or lower its threshold"
        elif fastest * dt > SATURATED or mean * dt > RUNAWAY:
            what = "saturates"
            measured = f"fastest neuron {fastest:.0f} Hz, {mean:.0f} Hz on average"
            remedy = (
                "lower the learning rate or the initial weights, or regularise its "
                "rate where the rule can"
            )
        else:
            continue
        found.append(Finding(f"population '{name}'", what, measured, remedy))
    return found


def warnings(task: AbstractTask, network: Network, counts: Tally) -> list[str]:
    """What is wrong with a network's activity, and one thing to try."""
    found = activity(task, network, rates(task, counts))
    return [f"{f.where} {f.what} ({f.measured}): {f.remedy}" for f in found]


def one_answer(share: list[float]) -> list[str]:
    """A warning if all answers of a validation go to one class."""
    if share and max(share) == 1.0:
        return [f"all validation answers go to class {share.index(1.0)}"]
    return []


def no_write(counts: Tally) -> list[str]:
    """A warning if a whole epoch changed no weight."""
    if counts.written:
        return []
    return [
        "no weight was written in a whole epoch: the rule asked for no change (has it "
        "the spikes, errors or rewards that it works with? a threshold too high?), or "
        "for less than the device can store"
    ]


def condition(task: AbstractTask, network: Network, counts: Tally) -> str:
    """How a network is: what a mean over seeds must not hide.

    Returns:
        "silent" if a population is (less than a spike in ten seconds, on average), else
        "one answer" if all answers go to one class: neither computes anything. Else
        "runaway" if a population is (more than a spike in four ticks): it answers, at a
        price. Else "healthy".
    """
    needed = network.bare().populations
    means = [r["mean"] for n, r in rates(task, counts).items() if n in needed]
    if any(mean < SILENT_HZ for mean in means):
        return "silent"
    if max(answer_share(counts)) == 1.0:
        return "one answer"
    runs_away = any(mean * float(task.dt) > RUNAWAY for mean in means)
    return "runaway" if runs_away else "healthy"


def operations(
    task: AbstractTask,
    network: Network,
    counts: Tally,
    connections: Mapping[str, Any] = {},
) -> dict[str, float]:
    """Spikes, synaptic operations and neuron updates per sample, as in NeuroBench.

    A synaptic operation is one event at one existing synapse, or at each of the
    connections that it is on a device (`Params.connections`); graded inputs count as
    one event when they are not zero, and a graded neuron sends one in every tick. Every
    neuron is updated in every tick.
    """
    graded = {
        name: np.full(p.n, float(counts.seen * task.ticks))
        for name, p in network.populations.items()
        if not p.neuron.spiking
    }
    events = graded | counts.spikes | {INPUT: counts.arrived}
    operations = 0.0
    for name, wire in network.wiring.wires:
        mask = network.projections[name].mask
        mask = connections.get(name, mask)
        fan_out = wire.n_post if mask is None else np.asarray(mask).sum(0)
        if wire.pre in events:
            operations += float(np.sum(events[wire.pre] * fan_out))
    spikes = sum(float(n.sum()) for n in counts.spikes.values())
    seen = max(1, counts.seen)
    return {
        "spikes_per_sample": spikes / seen,
        "synaptic_ops_per_sample": operations / seen,
        "neuron_updates_per_sample": float(
            task.ticks * sum(p.n for p in network.populations.values())
        ),
    }


def clock_cycles(
    learner: AbstractLearner, task: AbstractTask, counts: Tally
) -> dict[str, float]:
    """Estimated clock cycles of a mean sample; empty for what has no clock."""
    spikes = sum(float(n.sum()) for n in counts.spikes.values())
    seen = max(1, counts.seen)
    return learner.clock_cycles(task, spikes / seen, float(counts.arrived.sum()) / seen)


def memory(learner: AbstractLearner, task: AbstractTask) -> dict[str, Any]:
    """Bits of one stream: what inference needs, and what learning adds."""
    network = learner.network
    synapses = 0
    for name, wire in network.wiring.wires:
        mask = network.projections[name].mask
        synapses += wire.n_pre * wire.n_post if mask is None else int(mask.sum())
    synapses += sum(wire.n_post for _, wire in network.wiring.constants)
    weights = synapses * learner.device.bits_per_weight()
    bare, whole = (jax.eval_shape(n.init) for n in (network.bare(), network))
    neurons, controllers = learner.neuron_bits(), bits(whole) - bits(bare)
    copy = synapses * learner.device.host_bits_per_weight()
    parts = {"host's copy": copy, "controllers": controllers, **learner.memory(task)}
    detail = {part: n for part, n in parts.items() if n}
    learning = sum(detail.values())
    return {
        "weights": weights,
        "neuron_state": neurons,
        "learning_state": learning,
        "learning_detail": detail,
        "learning_overhead": learning / (weights + neurons),
    }


def finite(params: Params) -> str | None:
    """The name of a projection whose weights are no longer finite, if any."""
    for name, w in params.weights.items():
        if not bool(jnp.all(jnp.isfinite(w))):
            return name
    return None


def drift(network: Network, first: Params, now: Params) -> dict[str, Any]:
    """How far the weights have gone, by projection, and by learnt constant.

    Returns:
        `quantiles` (QUANTILES) of the weights of all synapses, and `moved`: the norm of
        their change since `first`, over the norm then; None if that was 0.
    """
    found = {}
    for name, w in now.weights.items():
        mask = None if is_constant(name) else network.projections[name].mask
        there = np.full(w.shape, True) if mask is None else np.asarray(mask)
        if not there.any():
            continue
        before, after = (
            np.asarray(weights, float)[there] for weights in (first.weights[name], w)
        )
        norm = float(np.linalg.norm(before))
        found[name] = {
            "quantiles": np.quantile(after, QUANTILES).tolist(),
            "moved": float(np.linalg.norm(after - before)) / norm if norm else None,
        }
    return found


def verdict(
    task: AbstractTask, network: Network, params: Params, counts: Tally, prefix: str
) -> Mapping[str, Any]:
    """What a run says about one evaluation, with these parameters."""
    return {
        f"{prefix}_accuracy": accuracy(counts),
        f"{prefix}_by_group": by_group(task, counts),
        "answer_share": answer_share(counts),
        "confusion": counts.confusion.tolist(),
        "rates": rates(task, counts),
        **operations(task, network.bare(), counts, params.connections),
    }


def _total(a: Any) -> np.ndarray:
    a = np.asarray(a, np.float64)
    return a.reshape(-1, a.shape[-1]).sum(0)
