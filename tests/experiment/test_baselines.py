"""Reference methods beside a run, with an optimiser that has a state of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.experiment import baselines, build, measure, runs
from onspike.experiment.run import keys_of
from onspike.experiment.store import RunFolder
from onspike.types import Params
from tinyrun import assert_same_run, final_arrays, tiny

# The control is as tiny as the run.
pytestmark = pytest.mark.filterwarnings("ignore:frozen-hidden control. :UserWarning")
ADAM = {
    "train.optimiser": "adam",
    "train.batch": 2,
    "train.checkpoint_samples": 2,
    "train.baselines": True,
    "task.train_samples": 8,
    "task.validation_samples": 0,
}


@pytest.fixture(scope="module", autouse=True)
def lenient():
    """Adam of optax relies on promotion that the other tests forbid."""
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    yield
    jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines") / "whole"
    (result,) = runs.train([tiny("eprop", settings=ADAM)], [folder])
    return folder, result


def test_moments_survive_a_break(whole, tmp_path):
    def fail(progress):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        runs.train([tiny("eprop", settings=ADAM)], [tmp_path / "run"], fail)
    runs.resume(tmp_path / "run")
    moments = [a for name, a in final_arrays(whole[0]).items() if ".nu[" in name]
    assert moments and all(np.any(a > 0) for a in moments)
    assert_same_run(whole[0], tmp_path / "run")


def test_the_frozen_control_is_the_run_of_that_name(whole, tmp_path):
    folder, result = whole
    control = baselines.control_of(RunFolder(folder).spec())
    assert control.rule.name == "frozen-hidden" and control.seed == 0
    assert control.task == RunFolder(folder).spec().task
    (alone,) = runs.train([control], [tmp_path / "run"])
    assert result["baselines"]["frozen_hidden_accuracy"] == alone["test_accuracy"]
    assert result["frozen_hidden_accuracy"] == alone["test_accuracy"]
    before, after = (
        np.load(tmp_path / f"run/recordings/weights_{when}.npz")
        for when in ("before", "after")
    )
    assert np.array_equal(before["in"], after["in"])
    assert not np.array_equal(before["out"], after["out"])


def test_linear_readers_see_the_input_in_bins(whole):
    folder, result = whole
    task = RunFolder(folder).spec().built("task")
    key = keys_of(jax.random.key(0)).data
    x, label = baselines.features(task, "test", key)
    assert x.shape == (5, 10, 8)
    for i in range(5):
        episode = task.episode("test", jnp.asarray(i, jnp.int32), key)
        stream = np.asarray(task.block(episode, jnp.zeros((), jnp.int32), 60))
        assert stream.sum() > 50
        assert np.array_equal(x[i], stream.reshape(10, 6, 8).sum(1))
        assert label[i] == episode.label
    for name in ("logistic_regression", "ridge_on_bins", "mlp_on_input"):
        assert result["baselines"][name] in np.arange(6) / 5


def test_a_reader_of_hidden_counts_sees_what_inference_counts(whole):
    folder, result = whole
    spec = RunFolder(folder).spec()
    task = spec.built("task")
    network = build.learner(spec, task).network
    weights = dict(np.load(folder / "recordings/weights_after.npz"))
    neurons = {name: p.neuron for name, p in network.populations.items()}
    params = Params({n: jnp.asarray(w) for n, w in weights.items()}, neurons)
    key = keys_of(jax.random.key(0)).data
    seen = baselines.hidden_counts(network, task, params, "test", key)
    total = measure.evaluate(network, task, params, "test", key).spikes["hidden"]
    assert seen.shape == (5, network.wiring.size("hidden")) and total.sum() > 20
    assert np.array_equal(seen.sum(0), total)
    assert result["baselines"]["logistic_on_hidden"] in np.arange(6) / 5
