"""The factors on their own."""

import jax.numpy as jnp
import numpy as np
import pytest

from onspike.rules import (
    DirectFeedback,
    LinearDecay,
    RateHinge,
    RateTarget,
    Symmetric,
)
from onspike.types import Local, Params, Teaching, Wire, Wiring


def local(z, decay=0.9, psi=None, gain=1.0):
    z = jnp.asarray(z, float)
    nothing = jnp.zeros(())
    return Local(
        spikes=z,
        pre=z,
        old=None,
        new=None,
        z=z,
        psi=jnp.asarray(z if psi is None else psi, float),
        gain=jnp.full(z.shape, gain),
        jacobian=None,
        decay=jnp.asarray(decay),
        readout_decay=nothing,
        dt=1e-3,
    )


def teaching(error=(0.0, 0.0), mask=True):
    error = jnp.asarray(error, float)
    return Teaching(error, error, jnp.asarray(mask), jnp.zeros(()))


def test_hinge_pulls_above_its_bound_while_a_target_is_valid():
    rule = RateHinge(strength=2.0, bound=1.5)
    activity, trace = rule.init(3), np.zeros(3)
    for t, z in enumerate([(1, 0, 0), (1, 0, 1), (1, 0, 1), (0, 0, 1)]):
        mask = t != 2
        activity, pull = rule.step(activity, local(z), teaching(mask=mask))
        trace = 0.9 * trace + np.asarray(z)
        assert np.allclose(activity, trace, rtol=1e-15)
        assert np.allclose(pull, mask * 2.0 * np.clip(trace - 1.5, 0, None))
    assert pull[0] > 0 and pull[1] == 0 and pull[2] > 0
    assert np.all(rule.rest(activity) == 0)


def test_target_rate_pulls_both_ways_and_outlives_the_sample():
    rule = RateTarget(strength=0.5, target=50.0, tau=0.2)
    activity, fast, slow = rule.init(2), 50.0, 50.0
    for _ in range(40):
        activity, pull = rule.step(activity, local((1, 0)), teaching())
        fast, slow = fast + (1 - 1e-3 * fast) / 0.2, slow - 1e-3 * slow / 0.2
    assert np.allclose(activity, [fast, slow], rtol=1e-13)
    assert np.allclose(pull, [0.5 * (fast - 50), 0.5 * (slow - 50)])
    assert pull[0] > 0 > pull[1]  # positive asks for smaller weights
    assert np.array_equal(rule.rest(activity), activity)
    for _ in range(4000):
        activity = activity + (np.array([1.0, 0.0]) - 1e-3 * activity) / 0.2
    assert np.allclose(activity[0], 1000.0)  # a spike every tick is a kilohertz


WIRING = Wiring(
    wires=(
        ("in", Wire("input", "low", 0, 3, 2, 1)),
        ("up", Wire("low", "high", 0, 2, 2, 1)),
        ("skip", Wire("low", "out", 0, 2, 2, 1)),
        ("back", Wire("high", "low", 1, 2, 2, 1)),
        ("out", Wire("high", "out", 0, 2, 2, 1)),
    ),
    order=("low", "high", "out"),
    sizes=(("input", 3), ("low", 2), ("high", 2), ("out", 2)),
    output="out",
)


def test_symmetric_credit_takes_every_path_without_delay():
    rng = np.random.default_rng(0)
    w = {name: rng.normal(size=(2, wire.n_pre)) for name, wire in WIRING.wires}
    psi = {"low": rng.random(2), "high": rng.random(2), "out": np.ones(2)}
    see = {
        name: local(np.zeros(2), psi=psi[wire.post], gain=0.5)
        for name, wire in WIRING.wires
    }
    params = Params({n: jnp.asarray(a) for n, a in w.items()}, {})
    error = rng.normal(size=2)
    _, credit = Symmetric().step((), (), params, see, teaching(error), WIRING)
    high = w["out"].T @ (0.5 * error)
    low = w["up"].T @ (0.5 * psi["high"] * high) + w["skip"].T @ (0.5 * error)
    assert np.allclose(credit["out"], error)
    assert np.allclose(credit["high"], high, rtol=1e-14)
    assert np.allclose(credit["low"], low, rtol=1e-14)  # and nothing through "back"


def test_random_feedback_reaches_every_population_and_not_through_the_weights():
    import jax

    rule = DirectFeedback(scale=3.0)
    shared, own = rule.init(WIRING, jax.random.key(0))
    again, _ = rule.init(WIRING, jax.random.key(0))
    other, _ = rule.init(WIRING, jax.random.key(1))
    assert {"low", "high"} <= set(shared) and "out" not in shared
    assert np.array_equal(shared["low"], again["low"])
    assert not np.array_equal(shared["low"], other["low"])
    assert not np.array_equal(shared["low"], shared["high"])
    error = np.array([1.0, -2.0])
    _, credit = rule.step(shared, own, None, {}, teaching(error), WIRING)
    for population in ("low", "high"):
        assert np.allclose(credit[population], np.asarray(shared[population]) @ error)
    assert np.array_equal(credit["out"], error)


def test_random_feedback_has_the_spread_it_says():
    import jax

    wiring = WIRING._replace(sizes=(("low", 2000), ("out", 5)))
    feedback, _ = DirectFeedback(scale=0.3).init(wiring, jax.random.key(0))
    sample = np.asarray(feedback["low"]).ravel()
    assert abs(sample.std() / 0.3 - 1) < 4 / np.sqrt(2 * sample.size)
    assert abs(sample.mean()) < 4 * 0.3 / np.sqrt(sample.size)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RateHinge(strength=-1.0),
        lambda: RateHinge(bound=float("nan")),
        lambda: RateTarget(target=-1.0),
        lambda: RateTarget(tau=0.0),
        lambda: DirectFeedback(scale=0.0),
        lambda: LinearDecay(0.0),
    ],
)
def test_rejects_bad_parameters(make):
    with pytest.raises(ValueError, match=r"(Rate|Direct|Linear)\w+\.\w+ must be"):
        make()
