"""The silicon neuron: closed forms, another integrator, and e-prop."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from onspike import DPINeuron, Learner, Population
from onspike.neurons import jacobian
from onspike.rules import eprop
from oracle import (
    Ledger,
    assert_same,
    assert_spikes,
    booked,
    draw,
    drive,
    gradient_of,
    small,
    tasklet,
)

DT = 1e-3
Q = 1.5 * 25e-3 / 0.7  # pA s, of the default constants
TAU, TAU_SYN, TAU_AHP = Q / 2.7, 25e-3 / 0.7 / 3.6, 3 * 25e-3 / 0.7
LINEAR = DPINeuron(I_a=0.0, I_spk=1e9)


def at(neuron, **state):
    """Neurons in a given state."""
    (n,) = next(iter(state.values())).shape
    return neuron.init(n)._replace(**state)


@jax.jit
def free(neuron, state, dt, ticks):
    """The state after some ticks without input."""
    nothing = jnp.zeros(state.v.shape)
    return jax.lax.fori_loop(0, ticks, lambda _, s: neuron.step(s, nothing, dt), state)


@jax.jit
def derivatives(neuron, state):
    return jacobian(neuron, state, jnp.zeros(state.v.shape), DT)


def off_low_pass(i_th, dt):
    """How far 30 ms far above I_th are from the closed form, relative to it."""
    bias = jnp.asarray([0.0, 2.0, 5.0]) / i_th * 2.7 * 100
    neuron = dataclasses.replace(LINEAR, I_th=i_th, bias=bias, substeps=1)
    v0 = np.array([300.0, 100.0, 200.0])
    v = free(neuron, at(neuron, v=jnp.asarray(v0)), dt, round(30e-3 / dt)).v
    fixed = i_th / 2.7 * np.maximum(bias, 0.5)
    expected = fixed + (v0 - fixed) * np.exp(-30e-3 / TAU)
    assert expected.min() > 50
    return np.abs(v / expected - 1).max()


def test_far_above_its_gain_current_it_is_a_low_pass():
    """Off by I_th / I, and by (dt / tau)^2 / 24."""
    wide, narrow = off_low_pass(1e-2, 1e-5), off_low_pass(1e-3, 1e-5)
    assert narrow < 1e-3 / 50 and 9.5 < wide / narrow < 10.5
    coarse, fine = off_low_pass(1e-7, DT), off_low_pass(1e-7, DT / 2)
    assert coarse < 1.1 * (DT / TAU) ** 2 / 24 and 3.9 < coarse / fine < 4.1


def test_decay_and_gain_are_those_of_the_low_pass():
    neuron = dataclasses.replace(LINEAR, I_th=1e-4, bias=jnp.asarray([1e6, 3e6]))
    state = at(neuron, v=jnp.asarray([100.0, 200.0]))
    own = derivatives(neuron, state)
    assert np.allclose(own.recur[0, 0], neuron.decay(DT), rtol=1e-4)
    more = free(neuron.inject(jnp.ones(2)), state, DT, 1).v
    added = more - free(neuron, state, DT, 1).v
    assert np.allclose(added, neuron.gain(DT), rtol=1e-3)
    assert np.allclose(neuron.decay(DT), np.exp(-DT / TAU), rtol=1e-12)
    assert np.allclose(neuron.gain(DT), 1e-4 / 2.7 * (1 - np.exp(-DT / TAU)))


def slopes(neuron, bias, v, i_syn, i_ahp):
    """The equations as they are published, for the currents themselves."""
    tau, i_in = Q / neuron.I_tau, np.maximum(i_syn + bias, neuron.I_0)
    i_a = neuron.I_a / (1 + np.exp(-(v - neuron.I_a_th) / neuron.I_a_norm))
    fixed = neuron.I_th / neuron.I_tau * (i_in - i_ahp - neuron.I_tau)
    fixed = fixed + i_a / neuron.I_tau * (v + neuron.I_th)
    dv = (fixed - v * (1 + i_ahp / neuron.I_tau)) / (tau * (1 + neuron.I_th / v))
    return [dv, -i_syn / TAU_SYN, -i_ahp / TAU_AHP]


def test_converges_to_the_published_equations():
    neuron = DPINeuron(I_a=8.0, I_spk=1e9, bias=30.0, substeps=1)
    start, off = dict(v=3.0, i_syn=60.0, i_ahp=2.0), []
    exact = solve_ivp(
        lambda t, y: slopes(neuron, 30.0, *y),
        (0, 32e-3),
        list(start.values()),
        rtol=1e-11,
        atol=1e-11,
    ).y[:, -1]
    state = at(neuron, **{k: jnp.full(1, a) for k, a in start.items()})
    for halvings in range(5):
        dt = DT / 2**halvings
        end = free(neuron, state, dt, 32 * 2**halvings)
        off.append(abs(end.v[0] / exact[0] - 1))
        assert np.allclose([end.i_syn[0], end.i_ahp[0]], exact[1:], rtol=1e-8)
    assert exact[0] > 20 and off[0] < 0.1
    rates = np.array(off[:-1]) / np.array(off[1:])
    assert np.all((rates > 1.6) & (rates < 2.4))
    # Substeps are shorter ticks, where nothing arrives.
    fine = dataclasses.replace(neuron, substeps=4)
    assert np.allclose(free(fine, state, DT, 32).v, free(neuron, state, DT / 4, 128).v)


def test_first_spike_is_within_a_tick_of_the_equations():
    bias, neuron = 80.0, DPINeuron(bias=80.0)

    def fires(t, y):
        return y[0] - 100.0

    fires.terminal = True
    exact = solve_ivp(
        lambda t, y: slopes(neuron, bias, *y),
        (0, 1),
        [0.5, 0, 0],
        events=fires,
        rtol=1e-10,
    ).t[-1]
    assert 10e-3 < exact < 40e-3
    for dt in (1e-3, 5e-4, 1.25e-4):
        z = drive(neuron, jnp.zeros((int(50e-3 / dt), 1)), dt).z[:, 0]
        assert abs((np.flatnonzero(z)[0] + 1) * dt - exact) < 1.1 * dt


def test_a_pulse_adds_its_closed_form_and_decays():
    width, w = 100e-6, jnp.asarray([1.0, -0.5, 3.0])
    states = drive(LINEAR, jnp.zeros((5, 3)).at[1].set(w))
    jump = 2000 * 36 / 3.6 * (1 - np.exp(-width / TAU_SYN))
    tail = np.exp(-np.arange(1, 5)[:, None] * DT / TAU_SYN)
    assert np.allclose(states.i_syn[1:], jump * tail * np.asarray(w), rtol=1e-12)
    assert not np.any(states.i_syn[0])
    # The pulse itself, step by step; it is short against the tick.
    current, steps = 0.0, 10_000
    for _ in range(steps):
        current += width / steps / TAU_SYN * (2000 * 36 / 3.6 - current)
    assert abs(jump / current - 1) < 1e-5
    assert np.all(states.v[:, 1] == 0.5)  # inhibited: the dark current is left
    one = drive(DPINeuron(), jnp.zeros((40, 1)).at[0].set(1.0))
    assert one.z.sum() == 1  # what weight 1 does, from rest


def test_rate_grows_with_the_current_up_to_the_refractory_period():
    current = jnp.asarray([2.0, 10.0, 45.0, 60.0, 100.0, 300.0, 1e3, 1e4, 1e6])
    for dt, per_second in ((1e-4, 1 / 2e-3), (DT, 1 / 3e-3)):
        neuron = DPINeuron(bias=current)
        states = drive(neuron, jnp.zeros((int(0.5 / dt), 9)), dt)
        rate = np.asarray(states.z.sum(0)) / 0.5
        assert np.all(rate[:2] == 0) and np.all(np.diff(rate[1:]) >= 0)
        assert np.all(np.diff(rate[1:7]) > 5)
        assert 0.95 * per_second < rate[-1] <= per_second + 2
        assert np.all(np.isfinite(states.v)) and np.all(states.v >= 0.5)
    ticks = np.flatnonzero(states.z[:, 4])
    for wait in (1, 2):  # two refractory ticks at dt = 1 ms
        assert np.all(states.v[ticks[:-1] + wait, 4] == 1.0)


def test_adaptation_lengthens_intervals():
    weights = jnp.asarray([0.0, 200.0, 1000.0])
    neuron = DPINeuron(bias=100.0, I_w_ahp=weights)
    states = drive(neuron, jnp.zeros((600, 3)))
    trains = [np.flatnonzero(states.z[:, i]) for i in range(3)]
    assert len({train[0] for train in trains}) == 1  # nothing before a spike
    gaps = [np.diff(train) for train in trains]
    assert np.ptp(gaps[0]) <= 1
    for some, more in zip(gaps, gaps[1:], strict=False):
        assert more[0] >= some[0] and more[-1] > some[-1]
    assert gaps[2][-1] > gaps[2][0]
    jump = 1000 * 10 / 1.0 * (1 - np.exp(-100e-6 / TAU_AHP))
    after = states.i_ahp[trains[2][0] + 1, 2]
    assert np.isclose(after, jump * np.exp(-DT / TAU_AHP), rtol=1e-12)


def test_eprop_equals_autodiff_without_gradient_through_recurrent_spikes():
    taus, weights = jnp.asarray([2.0, 2.7, 4.0, 6.0]), jnp.asarray([0, 300, 0, 600.0])
    neuron = DPINeuron(I_tau=taus, I_w_ahp=weights, bias=30.0, substeps=2)
    network, task = small(neuron), tasklet()
    episodes = draw(task, 2, rate=0.4)
    learner = Learner(network, eprop(), Ledger())
    params, gradient, record = booked(learner, task, episodes)
    assert_spikes(record, least=20, most=150)
    assert_same(gradient, gradient_of(network, task, params, episodes, True), 1e-10)


def test_derivatives_where_currents_are_cut_off():
    neuron = DPINeuron()
    v = jnp.asarray([0.5, 20.0, 60.0])
    own = derivatives(neuron, at(neuron, v=v, i_syn=jnp.full(3, -10.0)))
    assert np.all(own.drive[0] == 0) and np.all(own.drive[1] > 0)
    assert own.recur[0, 0, 0] == 0  # at the dark current
    assert own.recur[0, 0, 2] > 1 > own.recur[0, 0, 1] > 0  # feedback exceeds the leak


def test_rejects_what_no_circuit_has():
    for field, unit in (("I_tau", "pA"), ("C_syn", "pF"), ("U_T", "V")):
        with pytest.raises(
            ValueError, match=rf"DPINeuron\.{field} .* in {unit}; got 0"
        ):
            DPINeuron(**{field: 0.0})
    with pytest.raises(
        ValueError, match=r"DPINeuron\.I_spk - I_reset must be positive"
    ):
        DPINeuron(I_spk=0.5)
    with pytest.raises(ValueError, match=r"DPINeuron\.I_a .* scalar or \(4,\)"):
        Population(DPINeuron(I_a=jnp.ones(3)), 4)
