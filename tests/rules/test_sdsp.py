"""SDSP against a loop in plain numpy, and its teacher."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, feedforward
from onspike.devices import Bistable
from onspike.rules import SDSP, Teacher, sdsp
from onspike.types import Local, Sample
from oracle import draw, learn, tasklet

TICKS, DT = 300, 1e-3
TASK = tasklet(n_in=6, n_out=3, ticks=TICKS, window=TICKS - 40)
EPISODES = draw(TASK, 1, rate=0.15, seed=2)
NETWORK = feedforward(
    6, LIF(v_threshold=2.5), (5,), 3, readout=LIF(10e-3), gains=(0.9, 0.4), mean_out=0.3
)
STEPS = SDSP(0.11, 0.07, 0.7, 0.2, 5.0, 0.1, 8.0, tau_calcium=30e-3)
TEACHER = Teacher(0.3, 0.2)
DEVICE = Bistable(0.7, weak=0.3, theta=0.45, drift_up=3e-3, drift_down=2e-3)


def excited(state):
    """The same, but inputs excite, except those of the first neuron."""

    def sign(state):
        return state.shared.store.die.sign["in"]

    return eqx.tree_at(sign, state, sign(state).at[1:].set(1.0))


def by_hand(state, late=False):
    """The equations, tick by tick: X, spikes by population, and counts of steps.

    `late` looks at membranes after the tick's spikes have arrived.
    """
    die = state.shared.store.die
    w = {n: np.array(a) for n, a in DEVICE.read(die).weights.items()}
    x, sign = ({n: np.array(a) for n, a in t.items()} for t in (die.x, die.sign))
    e, label = STEPS, int(EPISODES.label[0])
    v, z, c = ({"in": np.zeros(5), "out": np.zeros(3)} for _ in range(3))
    tau, threshold = {"in": 20e-3, "out": 10e-3}, {"in": 2.5, "out": 1.0}
    spikes, ups, downs, asked = [], 0, 0, 0
    for t, pre in enumerate(np.asarray(EPISODES.content[0])):
        current = {"in": np.zeros(5), "out": np.zeros(3)}
        if t >= 40:
            current["out"] = np.where(np.arange(3) == label, 0.3, -0.2)
        wish = {}
        for n in ("in", "out"):
            looked = v[n]
            alpha = np.exp(-DT / tau[n])
            v[n] = alpha * v[n] - threshold[n] * z[n] + w[n] @ pre + current[n]
            looked = v[n] if late else looked
            up = (looked > e.theta_v) & (e.up_low < c[n]) & (c[n] < e.up_high)
            down = (looked <= e.theta_v) & (e.down_low < c[n]) & (c[n] < e.down_high)
            wish[n] = np.outer(e.a * up - e.b * down, pre)
            ups, downs = ups + np.sum(up), downs + np.sum(down)
            z[n] = (v[n] >= threshold[n]).astype(float)
            c[n] = np.exp(-DT / e.tau_calcium) * c[n] + z[n]
            pre = z[n]
        spikes.append((z["in"], z["out"]))
        for n in wish:
            before = x[n]
            new = np.clip(before + sign[n] * wish[n] / (0.7 * 0.7), 0, 1)
            drift = np.where(new > 0.45, 3e-3, -2e-3)
            x[n] = np.clip(new + drift, 0, 1)
            asked += np.sum((wish[n] != 0) & (x[n] != before))
            w[n] = sign[n] * np.where(x[n] > 0.45, 0.7, 0.7 * 0.3)
    return x, [np.sum(s, 0) for s in zip(*spikes, strict=True)], (ups, downs, asked)


def test_equals_the_equations_tick_by_tick():
    learner = Learner(NETWORK, sdsp(teacher=TEACHER, eligibility=STEPS), DEVICE)
    start = excited(learner.init(jax.random.key(1)))
    after, record = learn(learner, TASK, start, EPISODES)
    x, spikes, (ups, downs, asked) = by_hand(start)
    assert ups > 50 and downs > 50
    for population, fired in zip(("hidden", "out"), spikes, strict=True):
        assert np.array_equal(np.ravel(record.spikes[population]), fired)
        assert 100 < fired.sum() < 300
    late, _, _ = by_hand(start, late=True)
    for name in ("in", "out"):
        stored = after.shared.store.die.x[name]
        assert np.allclose(stored, x[name], rtol=0, atol=1e-10)
        # What a spike finds is what was there before it.
        assert np.abs(late[name] - x[name]).max() > 0.01
    assert int(np.sum(record.written)) == asked > 200
    old, new = (learner.params(state).weights["out"] for state in (start, after))
    assert np.any(old != new)


def sees(v, pre, z=0.0):
    """What one neuron's synapses see; only what the rule should look at."""
    old = LIF().init(1)._replace(v=jnp.array([v]))
    none = dict.fromkeys(Local._fields)
    return Local(**none | dict(old=old, spikes=pre, z=jnp.array([z]), dt=DT))


def test_windows_of_calcium_and_the_membrane():
    """All of (v, C), against the rule written out; learning stops beyond both."""
    rule, pre = SDSP(), jnp.array([1.0, 0.0])
    step = jax.jit(rule.step)
    found = set()
    for v in (0.0, 0.8, 0.80001, 2.0):
        for c in (0.0, 3.0, 3.5, 4.0, 8.0, 12.9, 13.0, 40.0):
            _, e = step(
                rule.init(NETWORK.wiring.wire("out"))._replace(calcium=jnp.array([c])),
                sees(v, pre),
            )
            up, down = v > 0.8 and 3 < c < 13, v <= 0.8 and 3 < c < 4
            assert e.contract().tolist() == [[0.1 * up - 0.1 * down, 0.0]]
            found.add((up, down))
    assert found == {(True, False), (False, True), (False, False)}


def test_calcium_counts_its_own_spikes_and_leaks():
    rule = SDSP(tau_calcium=20e-3)
    state = rule.init(NETWORK.wiring.wire("out"))
    state = state._replace(calcium=state.calcium[:1])
    expected = 0.0
    for t in range(30):
        fires = float(t % 3 == 0)
        state, _ = rule.step(state, sees(0.0, jnp.zeros(2), fires))
        expected = np.exp(-DT / 20e-3) * expected + fires
    assert (
        float(state.calcium[0]) == pytest.approx(expected, rel=1e-12) and expected > 5
    )
    assert jax.tree.leaves(state)[0].size == 1  # per neuron, nothing per synapse


def test_the_teacher_is_a_current_and_says_nothing_else():
    wiring = NETWORK.wiring
    sample = dict(x=None, reward=None, first=None, last=None)
    for mask in (True, False):
        given = Sample(target=jnp.array([0.0, 1, 0]), mask=jnp.array(mask), **sample)
        _, currents = TEACHER.feedback((), (), given, {}, wiring, DT)
        assert set(currents) == {"out"}
        expected = np.array([-0.2, 0.3, -0.2]) * mask
        assert np.array_equal(currents["out"], expected)
    _, credit = TEACHER.step((), (), None, {}, None, wiring)
    assert all(np.all(credit[p] == -1) for p in ("hidden", "out"))


@pytest.mark.parametrize(
    ("make", "text"),
    (
        (lambda: SDSP(a=-1.0), "SDSP.a must be zero or positive, in weight units"),
        (lambda: SDSP(up_low=5.0, up_high=4.0), "SDSP.up_high must be .* got -1.0"),
        (lambda: SDSP(tau_calcium=0.0), "SDSP.tau_calcium must be positive, in sec"),
        (lambda: Teacher(excite=-0.1), "Teacher.excite must be .* per tick; got -0.1"),
    ),
)
def test_bad_values_are_named(make, text):
    with pytest.raises(ValueError, match=text):
        make()
