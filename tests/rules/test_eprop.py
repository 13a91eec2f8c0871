"""E-prop against autodiff: exact where it says so, and different elsewhere."""

import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    ALIF,
    BPTT,
    DEXAT,
    LIF,
    CubaLIF,
    GradedLIF,
    LeakyIntegrator,
    Learner,
    Network,
    Population,
    Projection,
    Refractory,
    SubtractReset,
    ZeroReset,
    recurrent,
)
from onspike.rules import PreTrace, eprop
from oracle import (
    Ledger,
    assert_same,
    assert_spikes,
    booked,
    by_hand,
    draw,
    gradient_of,
    pick,
    small,
    tasklet,
)


def apart(got, expected, name):
    """How far two gradients are from each other, relative to the second."""
    reference = np.asarray(expected[name])
    return np.linalg.norm(np.asarray(got[name]) - reference) / np.linalg.norm(reference)


TAU = jnp.array([8e-3, 20e-3, 50e-3])
WAIT = Refractory(3e-3)
MAKE = {
    "LIF": lambda **how: LIF(tau_mem=TAU, **how),
    "ALIF": lambda **how: ALIF(tau_adapt=30e-3, beta=0.3, refractory=WAIT, **how),
    "CubaLIF": lambda **how: CubaLIF(tau_mem=TAU, tau_syn=5e-3, **how),
    "DEXAT": lambda **how: DEXAT(TAU, 10e-3, 60e-3, 3.0, 2.0, **how),
    "GradedLIF": lambda **how: GradedLIF(TAU, bits=4, quantum=0.3, **how),
}
GAIN = {"LIF": 0.25, "ALIF": 0.5, "CubaLIF": 0.12, "DEXAT": 0.5, "GradedLIF": 0.25}


PAIRS = (  # reset, its gradient kept, gain normalised: each pair of choices once
    (SubtractReset, True, False),
    (SubtractReset, False, True),
    (ZeroReset, True, True),
    (ZeroReset, False, False),
)
FEWER = dict.fromkeys(("DEXAT", "GradedLIF"), PAIRS[::3])


def every_variant(kind):
    """Two or four recurrent populations of a kind, and a normalised readout."""
    populations, projections = {}, {}
    for reset, gradient, normalised in FEWER.get(kind, PAIRS):
        kept, gain = ("keep", "detach")[not gradient], ("unit", "normal")[normalised]
        name = f"{reset.__name__}-{kept}-{gain}"
        neuron = MAKE[kind](
            v_threshold=0.06 if normalised else 0.7,
            reset=reset(gradient=gradient),
            normalised=normalised,
        )
        populations[name] = Population(neuron, 3)
        strength = GAIN[kind]
        projections |= {
            f"in {name}": Projection("input", name, gain=strength),
            f"rec {name}": Projection(
                name, name, 1 + 2 * gradient, 0.5, ~jnp.eye(3, dtype=bool)
            ),
            f"out {name}": Projection(name, "out"),
        }
    populations["out"] = Population(LeakyIntegrator(10e-3, normalised=True), 2)
    return Network(4, populations, projections, output="out")


@pytest.mark.parametrize("kind", MAKE)
def test_equals_autodiff_without_gradient_through_recurrent_spikes(kind):
    network, task = every_variant(kind), tasklet(n_in=4)
    episodes = draw(task, 2, rate=0.4)
    learner = Learner(network, eprop(), Ledger())
    params, gradient, record = booked(learner, task, episodes)
    assert_spikes(record, least=10, most=170)
    exact = gradient_of(network, task, params, episodes, True)
    assert_same(gradient, exact, 1e-10)


def test_equals_the_long_form_in_numpy():
    network, task = small(), tasklet()
    episodes = draw(task, 1, seed=1)
    learner = Learner(network, eprop(), Ledger())
    params, gradient, record = booked(learner, task, episodes)
    kappa = np.exp(-task.dt / 10e-3)
    expected, z = by_hand(network, params, task, pick(episodes, 0), kappa=kappa)
    assert_spikes(record, least=15, most=90)
    assert np.array_equal(record.spikes["hidden"], z.sum(0))
    assert_same(gradient, expected, 1e-12)


def test_differs_from_the_gradient_of_a_recurrent_network():
    network, task = small(), tasklet()
    episodes = draw(task, 1, seed=1)
    learner = Learner(network, eprop(), Ledger())
    params, gradient, _ = booked(learner, task, episodes)
    exact = gradient_of(network, task, params, episodes)
    assert apart(gradient, exact, "rec") > 1e-2
    assert_same({"out": gradient["out"]}, {"out": exact["out"]}, 1e-10)


def test_one_trace_per_presynaptic_neuron_is_enough_for_lif():
    """PreTrace equals EProp for LIF that subtract and detach, and no other neuron."""
    task = tasklet(n_in=4)
    episodes = draw(task, 2, rate=0.4)
    populations = {
        "unit": Population(LIF(30e-3, 0.8), 3),
        "normal": Population(LIF(10e-3, 0.1, normalised=True), 3),
        "kept": Population(LIF(30e-3, 0.8, SubtractReset(gradient=True)), 3),
        "adaptive": Population(ALIF(30e-3, 20e-3, 0.5, 0.8), 3),
        "out": Population(LeakyIntegrator(10e-3), 2),
    }
    hidden = list(populations)[:-1]
    projections = {f"in {p}": Projection("input", p, gain=0.25) for p in hidden}
    projections |= {f"rec {p}": Projection(p, p, delay=1) for p in hidden}
    projections |= {f"out {p}": Projection(p, "out") for p in hidden}
    network = Network(4, populations, projections, output="out")
    dense = Learner(network, eprop(), Ledger())
    thrifty = Learner(network, eprop(eligibility=PreTrace()), Ledger())
    _, full, record = booked(dense, task, episodes)
    _, cheap, _ = booked(thrifty, task, episodes)
    assert_spikes(record, least=15, most=170)
    same = [n for n in full if n.split()[1] in ("unit", "normal")]
    assert_same({n: cheap[n] for n in same}, {n: full[n] for n in same}, 1e-12)
    for name in ("in kept", "rec kept", "in adaptive", "rec adaptive"):
        assert apart(cheap, full, name) > 1e-2


def test_one_trace_per_presynaptic_neuron_needs_one_time_constant():
    network = small(LIF(tau_mem=jnp.array([5e-3, 1e-2, 2e-2, 3e-2])))
    learner = Learner(network, eprop(eligibility=PreTrace()), Ledger())
    task = tasklet()
    with pytest.raises(ValueError, match="one tau_mem for all postsynaptic neurons"):
        booked(learner, task, draw(task, 1))


def test_readout_filter_needs_one_time_constant():
    network = recurrent(
        3, LIF(), 4, 2, readout=LeakyIntegrator(jnp.array([5e-3, 1e-2]))
    )
    task = tasklet()
    with pytest.raises(ValueError, match="one tau_mem for all readout units"):
        booked(Learner(network, eprop(), Ledger()), task, draw(task, 1))


def two_layers(tau, tau_out):
    first = LIF(20e-3, 0.6, SubtractReset(gradient=True))
    populations = {
        "first": Population(first, 4),
        "second": Population(LIF(tau, 0.6), 4),
        "out": Population(LeakyIntegrator(tau_out), 2),
    }
    projections = {
        "in": Projection("input", "first", gain=0.3),
        "in up": Projection("first", "second", gain=0.6),
        "out": Projection("second", "out"),
    }
    return Network(3, populations, projections, output="out")


def test_credit_through_layers_is_exact_only_without_memory_downstream():
    task = tasklet()
    episodes = draw(task, 2, rate=0.4)

    def both(tau, tau_out):
        network = two_layers(tau, tau_out)
        learner = Learner(network, eprop(), Ledger())
        _, gradient, record = booked(learner, task, episodes)
        _, exact, _ = booked(BPTT(network, 1.0, Ledger()), task, episodes)
        assert_spikes(record, least=20, most=200)
        return gradient, exact

    assert_same(*both(1e-5, 1e-5), 1e-10)
    online, exact = both(20e-3, 1e-5)
    assert apart(online, exact, "in") > 1e-2
    online, exact = both(1e-5, 20e-3)  # a leaky readout alone: the filter's account
    assert_same({"in up": online["in up"]}, {"in up": exact["in up"]}, 1e-10)
