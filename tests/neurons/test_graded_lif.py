"""Graded spikes: binary in a limit, whole steps otherwise, and counted as events."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    LIF,
    CubaLIF,
    GradedLIF,
    LeakyIntegrator,
    Network,
    Population,
    Projection,
    Refractory,
    SubtractReset,
    ZeroReset,
)
from onspike.engine import infer
from onspike.experiment import measure
from onspike.neurons import jacobian
from oracle import draw, drive, tasklet, weigh

KEEP = SubtractReset(gradient=True)


def noise(ticks=200, n=3, top=0.5, seed=0):
    return jnp.asarray(np.random.default_rng(seed).random((ticks, n)) * top)


@pytest.mark.parametrize(
    "how",
    [
        dict(reset=KEEP, refractory=Refractory(3e-3)),
        dict(reset=ZeroReset(), normalised=True, v_threshold=0.1, floor=-1.0),
    ],
)
def test_one_bit_of_size_one_is_a_lif_bit_for_bit(how):
    graded = GradedLIF(bits=1, quantum=1.0, **how)
    states, plain = drive(graded, noise()), drive(LIF(**how), noise())
    assert plain.z.sum() >= 20
    assert np.array_equal(states.z, plain.z) and np.array_equal(states.v, plain.v)

    @jax.jit
    def slopes(neuron, states):
        old = jax.tree.map(lambda a: a[:-1], states)
        return jax.vmap(lambda o, i: jacobian(neuron, o, i, 1e-3))(old, noise()[1:])

    found, expected = slopes(graded, states), slopes(LIF(**how), plain)
    assert np.any(expected.emit > 0)
    assert np.allclose(found.emit, expected.emit, rtol=1e-12, atol=0)
    assert np.allclose(found.recur, expected.recur, rtol=1e-12, atol=0)


def test_payload_is_the_membrane_in_whole_steps():
    neuron = GradedLIF(v_threshold=0.5, bits=3, quantum=0.2)
    states = drive(neuron, noise(top=0.9))
    v, z = np.asarray(states.v), np.asarray(states.z)
    assert np.array_equal(z != 0, v >= 0.5)
    expected = (v >= 0.5) * 0.2 * np.clip(np.round(v / 0.2), 1, 7)
    assert np.array_equal(z, expected)
    assert {int(k) for k in np.round(z / 0.2).flat} > {0, 3, 4, 5, 6}
    # Only the event resets.
    after = np.exp(-1e-3 / 20e-3) * v[:-1] + np.asarray(noise(top=0.9))[1:]
    assert np.allclose(v[1:], after - 0.5 * (z[:-1] > 0))


def test_derivative_is_the_events_times_the_payload_and_straight_through():
    """dz/dv = psi payload + 1[spike, payload in range], from v on a grid."""
    v = np.linspace(0.03, 1.97, 98)  # three bits of 0.2 reach from 0.2 to 1.4
    for theta in (0.12, 0.9):  # the first fires below the least payload
        neuron = GradedLIF(v_threshold=theta, bits=3, quantum=0.2)
        rest = neuron.init(len(v))
        found = jacobian(neuron, rest, jnp.asarray(v), 1e-3).emit[0]
        event = v >= theta
        payload = 0.2 * np.clip(np.round(v / 0.2), 1, 7)
        psi = 0.3 / theta * np.maximum(0, 1 - np.abs(v - theta) / theta)
        within = event & (v > 0.2) & (v < 1.4)
        assert 0 < within.sum() < event.sum() and np.any(psi[~event] > 0)
        assert np.allclose(found, psi * payload + within, rtol=1e-12, atol=1e-12)


def test_a_graded_spike_counts_as_one():
    task = tasklet()
    networks = [
        Network(
            3,
            {
                "hidden": Population(neuron, 4),
                "out": Population(LeakyIntegrator(10e-3), 2),
            },
            {
                "in": Projection("input", "hidden", gain=0.3),
                "out": Projection("hidden", "out"),
            },
            output="out",
        )
        for neuron in (LIF(v_threshold=0.5), GradedLIF(v_threshold=0.5, quantum=0.1))
    ]
    episodes, found = draw(task, 2, rate=0.4), []
    for network in networks:
        record = jax.jit(infer)(network, task, weigh(network), episodes)
        counts = measure.tally(task, record)
        found.append((counts.spikes, measure.operations(task, network, counts)))
    (plain, costs), (graded, same) = found
    assert plain["hidden"].sum() >= 20
    assert np.array_equal(graded["hidden"], plain["hidden"]) and same == costs


def test_rejects_bad_payloads():
    with pytest.raises(ValueError, match="GradedLIF.bits must be a whole number >= 1"):
        GradedLIF(bits=0)
    with pytest.raises(ValueError, match="GradedLIF.bits must be at most 16"):
        GradedLIF(bits=17)
    with pytest.raises(ValueError, match="GradedLIF.quantum must be positive"):
        GradedLIF(quantum=0.0)
    for kind in (LIF, CubaLIF, GradedLIF):
        with pytest.raises(ValueError, match="LIF.floor must be finite, .*; got nan"):
            kind(floor=float("nan"))
