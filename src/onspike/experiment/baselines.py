"""Reference methods on the same data: what a result must be held against."""

import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from jaxtyping import Array, Float

from onspike import catalog
from onspike.engine import infer
from onspike.experiment import build
from onspike.experiment.run import keys_of, train
from onspike.experiment.spec import Spec, resolve
from onspike.network import Network
from onspike.tasks.base import AbstractTask, Split
from onspike.types import Key, Params

_BINS = 10  # time bins of the linear readers


def measured(
    spec: Spec, task: AbstractTask, network: Network, params: Params
) -> dict[str, float]:
    """Test accuracies of a run's reference methods, on its own data seed.

    With `train.baselines`, `frozen_hidden_accuracy`: the same network with only the
    readout learning, with the rates of the task's own recipe for it; not for a network
    of one layer. With `train.readers` too,
    `logistic_regression`: on each input channel's total.
    `mlp_on_input`: a multilayer perceptron on the same, the ceiling of the input code.
    `ridge_on_bins`: ridge regression on the square roots of ten time bins per channel.
    `logistic_on_hidden`: logistic regression on the spike counts of the run's own
    hidden neurons, with learning and feedback off, if there are any: what its readout
    could have been.
    """
    found: dict[str, float] = {}
    if not (spec.train.readers or spec.train.baselines):
        return found
    key = jax.random.key(spec.seed)
    keys = keys_of(key)
    if spec.train.baselines and network.wiring.hidden:
        found["frozen_hidden_accuracy"] = _frozen_hidden(spec, task, key)
    x, label = features(task, "train", keys.data)
    x_test, label_test = features(task, "test", keys.data)
    found |= {
        "logistic_regression": _logistic(x.sum(1), label, x_test.sum(1), label_test),
        "mlp_on_input": _mlp(x.sum(1), label, x_test.sum(1), label_test),
        "ridge_on_bins": _ridge(
            np.sqrt(np.abs(x)).reshape(len(x), -1),
            label,
            np.sqrt(np.abs(x_test)).reshape(len(x_test), -1),
            label_test,
        ),
    }
    if any(network.populations[name].neuron.spiking for name in network.wiring.hidden):
        x, x_test = (
            np.asarray(hidden_counts(network, task, params, split, keys.data))
            for split in ("train", "test")
        )
        found["logistic_on_hidden"] = _logistic(x, label, x_test, label_test)
    return found


def features(
    task: AbstractTask, split: Split, key: Key
) -> tuple[np.ndarray, np.ndarray]:
    """Input totals (samples, time bins, channels) of a split, and its labels."""
    bins = next(n for n in range(min(_BINS, task.ticks), 0, -1) if not task.ticks % n)
    length = task.ticks // bins

    def one(index):
        episode = task.episode(split, index, key)
        starts = length * jnp.arange(bins)
        totals = jax.lax.map(lambda s: task.block(episode, s, length).sum(0), starts)
        return totals, episode.label

    index = jnp.arange(task.size(split), dtype=jnp.int32)
    x, label = jax.jit(lambda i: jax.lax.map(one, i, batch_size=64))(index)
    return np.asarray(x, np.float64), np.asarray(label)


@partial(jax.jit, static_argnames="split")
def hidden_counts(
    network: Network, task: AbstractTask, params: Params, split: Split, key: Key
) -> Float[Array, "samples n"]:
    """Spikes of all hidden neurons in each sample, with learning and feedback off."""

    def one(index):
        alone = task.samples(split, index[None], key)
        spikes = infer(network, task, params, alone).spikes
        hidden = [spikes[name] for name in network.wiring.hidden if name in spikes]
        return jnp.concatenate(hidden)

    index = jnp.arange(task.size(split), dtype=jnp.int32)
    return jax.lax.map(one, index, batch_size=64)


def control_of(spec: Spec) -> Spec:
    """The same run with a frozen hidden layer, under the task's recipe for it."""
    fields = msgspec.structs.asdict(spec.task)
    frozen = resolve(
        fields.pop("name"),
        rule=catalog.row("rule", spec.rule.name).control,
        neuron=spec.neuron.name,
        settings={f"task.{option}": value for option, value in fields.items()},
    )
    kept = {
        option: getattr(spec.train, option)
        for option in ("clamp", "clamp_low", "batch")
    }
    options = msgspec.structs.replace(frozen.train, **kept)
    return msgspec.structs.replace(spec, rule=frozen.rule, train=options)


def _frozen_hidden(spec: Spec, task: AbstractTask, key: Key) -> float:
    control = control_of(spec)
    learner, options = build.learner(control, task), control.train
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = train(learner, task, key, epochs=options.epochs, batch=options.batch)
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        warnings.warn(f"frozen-hidden control: {text}", stacklevel=2)
    return run.test_accuracy


def _logistic(x: Any, label: Any, x_test: Any, label_test: Any) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(model.fit(x, label).score(x_test, label_test))


def _mlp(x: Any, label: Any, x_test: Any, label_test: Any) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    mlp = MLPClassifier((100, 100), alpha=1e-3, max_iter=100, random_state=0)
    model = make_pipeline(StandardScaler(), mlp)
    with warnings.catch_warnings():  # a hundred epochs are its budget
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(model.fit(x, label).score(x_test, label_test))


def _ridge(x: Any, label: Any, x_test: Any, label_test: Any) -> float:
    from sklearn.linear_model import RidgeClassifierCV

    model = RidgeClassifierCV(alphas=np.logspace(-1, 5, 13))
    return float(model.fit(x, label).score(x_test, label_test))
