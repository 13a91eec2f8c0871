"""From a specification to the objects that it describes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax

from onspike.devices import AbstractDevice, AbstractLayer, Clamped
from onspike.engine import AbstractEngine, Choice, Chunked, Event, Scan, fastest
from onspike.experiment.spec import Spec
from onspike.learner import PLAIN, AbstractLearner, Learner
from onspike.network import Network
from onspike.neurons import SubtractReset
from onspike.rules import (
    AbstractGate,
    AbstractRule,
    Constant,
    IntegerTraces,
    LinearDecay,
    PreTrace,
    Terms,
    ThreeFactor,
)
from onspike.rules.parts.control import MORE
from onspike.tasks.base import AbstractTask
from onspike.types import Sample


def learner(spec: Spec, task: AbstractTask) -> AbstractLearner:
    """The learner of a specification, for a task built from the same one."""
    network = spec.built("network", task=task, neuron=spec.built("neuron"))
    device = spec.built("device")
    if spec.train.clamp is not None:
        device = clamped(device, spec.train.clamp, spec.train.clamp_low)
    if getattr(spec.device, "mismatch_control", 0) and MORE not in network.populations:
        raise ValueError(
            "device.mismatch_control is mismatch of controllers, and the network of "
            f"rule '{spec.rule.name}' has none: choose feedback-control or its kin, or "
            "set device.mismatch"
        )
    rule = spec.built("rule")
    rate_neurons = getattr(spec.rule, "rate_neurons", None)
    if rate_neurons is not None and not spec.network.learns:
        raise ValueError(
            "rule.rate_neurons is the rate of constants that neurons learn, and there "
            f"are none: set network.learns, to tau_mem for one; got {rate_neurons}"
        )
    if (
        isinstance(rule, Terms)
        and not rule.weighed
        and (spec.train.optimiser != "sgd" or spec.train.weight_decay)
    ):
        raise ValueError(
            "a rule of several terms without a rate of their sum weighs them by their "
            "rates, which an optimiser or a weight decay would not respect: set "
            "train.optimiser=sgd and train.weight_decay=0"
        )
    common: dict[str, Any] = {
        "device": device,
        "transform": transform(spec),
        "weight_decay": spec.train.weight_decay,
    }
    if not isinstance(rule, AbstractRule):  # a learner of its own
        if spec.train.engine != "auto":
            raise ValueError(
                f"train.engine '{spec.train.engine}' cannot run rule "
                f"'{spec.rule.name}', which has a loop of its own: leave it at auto"
            )
        total = batches(spec, task) * spec.train.epochs
        return rule(network, schedule=_schedule(spec, total), **common)
    _check_factored(rule, network)
    total = batches(spec, task) * spec.train.epochs * writes(rule.gate, task)
    common["schedule"] = _schedule(spec, total)
    made = Learner(network=network, rule=rule, **common)
    return dataclasses.replace(made, engine=choice(spec, made, task).engine)


def choice(spec: Spec, learner: AbstractLearner, task: AbstractTask) -> Choice:
    """What is to run a learner's ticks, and why.

    Raises:
        ValueError: If the engine that is asked for cannot.
    """
    wanted = spec.train.engine
    if not isinstance(learner, Learner):
        own: Any = learner
        return Choice(own, "it has a loop of its own")
    if wanted == "auto":
        return fastest(learner, task, spec.train.batch)
    engine = _ENGINES[wanted]()
    reason = engine.refuses(learner, task)
    if reason is not None:
        raise ValueError(f"train.engine '{wanted}' cannot run this: {reason}")
    return Choice(engine, "it was asked for")


def engine(learner: AbstractLearner) -> str:
    """The name of what runs a learner's ticks: an engine, or the learner itself."""
    return type(getattr(learner, "engine", learner)).__name__.lower()


_ENGINES: dict[str, Callable[[], AbstractEngine]] = {
    "scan": Scan,
    "chunked": Chunked,
    "event": Event,
}


def clamped(
    device: AbstractDevice, bound: float, lower: float | None
) -> AbstractDevice:
    """Bounds what is stored: faults of the die are none of the writer's business."""
    if isinstance(device, AbstractLayer) and device.of_the_die:
        inner = clamped(device.device, bound, lower)
        return eqx.tree_at(lambda layer: layer.device, device, inner)
    return Clamped(device, bound, lower)


def _check_factored(rule: AbstractRule, network: Network) -> None:
    """Raises ValueError where one trace per neuron was meant to be exact and is not."""
    if not isinstance(rule, ThreeFactor) or rule.readout_filter is None:
        return  # the decoupled rules are what they are with any neuron
    for name, wire in network.wiring.wires:
        population = network.populations[wire.post]
        neuron = population.neuron
        reset = getattr(neuron, "reset", SubtractReset())
        shared = (
            not neuron.decay(network.dt).ndim and "tau_mem" not in population.learns
        )
        plain = (
            shared and isinstance(reset, SubtractReset) and len(neuron.continuous) == 1
        )
        elig = rule.eligibility_of(name, network.wiring)
        elig = elig.eligibility if isinstance(elig, IntegerTraces) else elig
        factored = isinstance(elig, PreTrace)
        if factored and not plain:
            raise ValueError(
                f"rule.eligibility 'pre-trace' equals e-prop only for LIF neurons that "
                f"share one tau_mem and reset by subtraction, and '{wire.post}' has "
                "others; use --set rule.eligibility=e-prop"
            )


def transform(spec: Spec) -> optax.GradientTransformation:
    """What stands between gate and device."""
    kind = _OPTIMISERS[spec.train.optimiser]
    return kind(spec.train.beta1, spec.train.beta2)


# Optax makes new closures at each call, and other closures are another program.
_OPTIMISERS: dict[str, Callable[[float, float], optax.GradientTransformation]] = {
    "sgd": lambda beta1, beta2: PLAIN,
    "adam": functools.cache(optax.scale_by_adam),
    "adamax": functools.cache(optax.scale_by_adamax),
}


def batches(spec: Spec, task: AbstractTask) -> int:
    """Batches per epoch; samples that fill no batch wait for another epoch's order.

    Raises:
        ValueError: If a batch is larger than the training split.
    """
    size = task.size("train")
    if spec.train.batch > size:
        raise ValueError(
            f"train.batch must be at most {size}, the number of training samples; got "
            f"{spec.train.batch}"
        )
    return size // spec.train.batch


def writes(gate: AbstractGate, task: AbstractTask) -> int:
    """How often a gate opens in one sample."""
    ticks = np.arange(task.ticks)
    nothing: Any = None
    sample = Sample(
        x=nothing,
        target=nothing,
        mask=jnp.asarray(task.mask()),
        reward=nothing,
        first=jnp.asarray(ticks == 0),
        last=jnp.asarray(ticks == task.ticks - 1),
    )
    return int(np.broadcast_to(gate.when(sample).write, ticks.shape).sum())


def _schedule(spec: Spec, total: int) -> Constant | LinearDecay:
    return LinearDecay(float(total)) if spec.train.decay == "linear" else Constant()
