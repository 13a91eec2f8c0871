"""`onspike.train`: objects in, a run out, and words about what goes wrong."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onspike as ons
from onspike.tasks import CueAccumulation
from tinyrun import Listed, listed, timeless

pytestmark = [  # what is said of tiny networks
    pytest.mark.filterwarnings("ignore:population 'hidden' :UserWarning"),
    pytest.mark.filterwarnings("ignore:all validation answers go to:UserWarning"),
]
TASK = listed(6)
KEY = ons.key(3)


def learner(gain=1.0, v_threshold=1.0, rate=1e-3, n_in=8, n_out=2, dt=1e-3):
    """All of these are one compiled program, as far as the sizes are equal."""
    hidden = ons.LIF(v_threshold=v_threshold)
    network = ons.recurrent(n_in, hidden, 4, n_out, gains=(gain, 0.1, 0.5), dt=dt)
    return ons.Learner(network, ons.rules.reckon(rate))


@pytest.fixture(scope="module")
def run():
    heard = []
    run = ons.train(learner(), TASK, KEY, epochs=2, eval_batch=6, listen=heard.append)
    assert heard == run.metrics
    return run


def test_a_run_in_a_few_lines(run):
    assert [row["epoch"] for row in run.metrics] == [1, 2]
    assert run.accuracy_while_learning == run.metrics[-1]["accuracy_while_learning"]
    assert 0 <= run.test_accuracy <= 1 and run.memory["learning_overhead"] > 0
    before = learner().network.init_params(jax.random.split(KEY, 3)[0]).weights
    for name, w in run.params.weights.items():
        assert w.shape == before[name].shape
        assert np.array_equal(w, run.state.shared.store.die.weights[name])
    assert int(run.state.shared.tick) == 2 * 6 * 60


def test_the_key_is_all_the_randomness(run):
    again = ons.train(learner(), TASK, KEY, epochs=2, eval_batch=6)
    other = ons.train(learner(), TASK, ons.key(4), epochs=2, eval_batch=6)
    assert [timeless(r) for r in again.metrics] == [timeless(r) for r in run.metrics]
    for name, w in run.params.weights.items():
        assert np.array_equal(w, again.params.weights[name])
        assert not np.allclose(w, other.params.weights[name])


def warned(**options):
    run = ons.train(learner(**options), TASK, KEY, epochs=1, eval_batch=6)
    rates = run.metrics[0]["rates"]["hidden"]
    return rates, [w for w in run.metrics[0]["warnings"] if "population" in w]


def test_a_silent_population_is_named_with_its_rate_and_what_to_try(run):
    assert not [w for row in run.metrics for w in row["warnings"] if "population" in w]
    with pytest.warns(UserWarning, match="population 'hidden' is silent"):
        rates, warnings = warned(v_threshold=1e6)
    assert rates == {"mean": 0.0, "max": 0.0, "silent": 1.0}
    (warning,) = warnings
    assert warning.startswith("population 'hidden' is silent (0 Hz on average): raise ")
    assert "network.gain_in" in warning and "threshold" in warning


def test_a_saturated_population_is_named_with_its_rate_and_what_to_try():
    rates, (warning,) = warned(gain=100.0)
    assert rates["max"] > 500
    assert "population 'hidden' " in warning and "saturate" in warning
    assert f"{rates['max']:.0f} Hz" in warning and f"{rates['mean']:.0f} Hz" in warning
    assert ": lower the learning rate" in warning


class Odd(Listed):
    """Samples that nobody looked at."""


def test_bad_samples_are_named_before_anything_is_made_of_them():
    x = TASK.x.at[3, 20, 5].set(jnp.nan)
    tasks = {
        r"Odd: input channel 5 holds NaN or infinity": {"x": x},
        r"Odd: labels must lie between 0 and n_out - 1 = 1; got 2": {
            "labels": TASK.labels.at[2].set(2)
        },
    }
    fields = {f.name: getattr(TASK, f.name) for f in dataclasses.fields(TASK)}
    for message, change in tasks.items():
        with pytest.raises(ValueError, match=message):
            ons.train(learner(), Odd(**fields | change), KEY, epochs=1, eval_batch=6)


def test_weights_that_are_no_longer_finite_end_the_run():
    message = (
        r"the weights of projection '\w+' are no longer finite in epoch 1: "
        r"lower rule.rate, or set train.clamp"
    )
    with pytest.raises(ValueError, match=message):
        ons.train(learner(rate=1e308), TASK, KEY, epochs=1, eval_batch=6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_in": 7}, r"has 7 input channels \(n_in\); the task needs 8"),
        ({"n_out": 3}, r"has 3 output units \(n_out\); the task needs 2"),
        ({"dt": 2e-3}, r"has 0.002 seconds per tick \(dt\); the task needs 0.001"),
    ],
)
def test_a_network_that_does_not_fit_the_task(options, message):
    with pytest.raises(ValueError, match=message):
        ons.train(learner(**options), TASK, KEY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "train.epochs must be a whole number >= 1"),
        ({"batch": 0}, "train.batch must be a whole number >= 1"),
        ({"batch": 7}, "train.batch must be at most 6, the number of training samples"),
        ({"eval_batch": 0}, "train.eval_batch must be a whole number >= 1"),
    ],
)
def test_numbers_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        ons.train(learner(), TASK, KEY, **options)


def test_a_task_without_a_test_split():
    task = CueAccumulation(test_samples=0)
    with pytest.raises(ValueError, match="CueAccumulation has no test samples"):
        ons.train(learner(n_in=40), task, KEY)


def test_infinite_weights_of_any_kind_are_noticed():
    from onspike.experiment.measure import finite
    from onspike.types import Params

    good = {"in": jnp.ones((2, 3)), "out": jnp.zeros((1, 2))}
    assert finite(Params(good, {})) is None
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        broken = good | {"out": good["out"].at[0, 1].set(bad)}
        assert finite(Params(broken, {})) == "out"
