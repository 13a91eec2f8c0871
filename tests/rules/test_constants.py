"""Learnt constants of neurons: exact where e-prop is, held by devices, and useful."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    ALIF,
    DEXAT,
    LIF,
    CubaLIF,
    Fixed,
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
from onspike.devices import Ideal, Mismatch, Nearest, SoftBound
from onspike.engine import Chunked
from onspike.experiment import measure
from onspike.learners import DFC
from onspike.losses import SquaredError
from onspike.rules import EveryTick, Predictive, RateTarget, Terms, eprop, reckon
from onspike.rules.base import rates_of
from onspike.types import Params
from oracle import (
    READOUT,
    FixedSpikes,
    Ledger,
    assert_same,
    assert_spikes,
    begin,
    draw,
    gradient_of,
    learn,
    tasklet,
    weigh,
    wired,
)

TAU = jnp.array([8e-3, 20e-3, 50e-3])
THETA = jnp.array([0.6, 0.7, 0.9])
KEEP, DETACH = SubtractReset(gradient=True), SubtractReset()
SMALL = dict(normalised=True, v_threshold=0.06 * THETA)
ALL = ("tau_mem", "tau_adapt", "beta", "v_threshold")
TWICE = ("tau_mem", "tau_fast", "tau_slow", "beta_fast", "beta_slow", "v_threshold")
MAKE = {
    "LIF": (LIF(TAU, THETA, KEEP), ("tau_mem", "v_threshold"), 0.25),
    "ALIF": (ALIF(TAU, 30e-3, 0.3, THETA, DETACH, Refractory(3e-3)), ALL, 0.5),
    "CubaLIF": (
        CubaLIF(TAU, 5e-3, reset=ZeroReset(gradient=True), **SMALL),
        ("tau_mem", "tau_syn", "v_threshold"),
        0.12,
    ),
    "DEXAT": (DEXAT(TAU, 10e-3, 40e-3, 0.4, 0.7, THETA, DETACH), TWICE, 0.5),
}


def every_neuron():
    """A population of each kind that learns all it can, and a readout that does."""
    populations, projections = {}, {}
    for name, (neuron, learns, gain) in MAKE.items():
        populations[name] = Population(neuron, 3, learns)
        projections |= {
            f"in {name}": Projection("input", name, gain=gain),
            f"rec {name}": Projection(name, name, 1, 0.5, ~jnp.eye(3, dtype=bool)),
            f"out {name}": Projection(name, "out"),
        }
    populations["out"] = Population(LeakyIntegrator(10e-3), 2, ("tau_mem",))
    return Network(4, populations, projections, output="out")


def tiny(learns):
    gains = (0.3, 0.5, 1.0)
    return recurrent(
        3, LIF(20e-3, 0.7), 4, 2, gains=gains, readout=READOUT, learns=learns
    )


def constants(gradient):
    return {name: g for name, g in gradient.items() if "." in name}


def elsewhere(state, network):
    """The state with the constants of hidden neurons off their nominal values."""
    rng, params = np.random.default_rng(0), state.shared.store.die.params
    moved = {
        name: jnp.asarray(rng.normal(scale=0.2, size=(wire.n_post, 1)))
        for name, wire in network.wiring.constants
        if wire.post != network.output
    }
    params = params._replace(weights=params.weights | moved)
    store = state.shared.store
    store = store._replace(die=store.die._replace(params=params))
    return state._replace(shared=state.shared._replace(store=store))


@cache
def everything():
    """A network of all neurons, e-prop's gradient of all constants, the exact one."""
    network, task = every_neuron(), tasklet(n_in=4)
    episodes = draw(task, 2, rate=0.4)
    learner = Learner(network, eprop({"*": None, "*.*": 1.0}), Ledger())
    state = elsewhere(begin(learner, 2), network)
    after, record = learn(learner, task, state, episodes)
    gradient = {n: -g for n, g in constants(after.shared.store.die.total).items()}
    params = learner.params(state)
    return network, task, episodes, params, gradient, record


def test_equals_autodiff_without_gradient_through_recurrent_spikes():
    network, task, episodes, params, gradient, record = everything()
    assert_spikes(record, least=10, most=170)
    assert len(gradient) == 2 + 4 + 3 + 6 + 1
    exact = constants(gradient_of(network, task, params, episodes, True))
    assert_same(gradient, exact, 1e-10)


def test_the_membranes_time_constant_by_hand():
    r"""One trace per neuron: epsilon <- alpha epsilon + v of the tick before.

    In numpy, of LIF neurons with unit gain and a detached reset.
    """
    network, task = tiny(("tau_mem",)), tasklet()
    episodes = draw(task, 1, rate=0.4)
    learner = Learner(network, eprop({"*": None, "*.*": 1.0}), Ledger())
    state = elsewhere(begin(learner), network)
    after, record = learn(learner, task, state, episodes)
    assert_spikes(record, least=10, most=100)

    w = {n: np.asarray(a) for n, a in learner.params(state).weights.items()}
    tau = 20e-3 * np.exp(w["hidden.tau_mem"][:, 0])
    alpha, kappa, theta = np.exp(-1e-3 / tau), np.exp(-1e-3 / 10e-3), 0.7
    v, z, trace, smooth, total = np.zeros((5, 4))
    y, target = np.zeros(2), np.eye(2)[int(episodes.label[0])]
    spikes = 0
    for x, mask in zip(
        np.asarray(episodes.content[0]), np.asarray(task.mask()), strict=True
    ):
        trace = alpha * trace + v
        v = alpha * v + w["in"] @ x + w["rec"] @ z - theta * z
        z = (v >= theta).astype(float)
        y = kappa * y + w["out"] @ z
        psi = 0.3 / theta * np.maximum(0, 1 - np.abs(v - theta) / theta)
        smooth = kappa * smooth + psi * trace
        p = np.exp(y) / np.exp(y).sum()
        total = total + mask * (w["out"].T @ (p - target)) * smooth
        spikes = spikes + z
    assert np.array_equal(record.spikes["hidden"], spikes)
    total = total * alpha * 1e-3 / tau  # d alpha / d log tau
    found = -after.shared.store.die.total["hidden.tau_mem"]
    assert_same({"tau": found[:, 0]}, {"tau": total}, 1e-10)


def test_differs_from_the_gradient_of_a_recurrent_network():
    network, task, episodes, params, gradient, _ = everything()
    exact = constants(gradient_of(network, task, params, episodes))
    for name in ("LIF.tau_mem", "LIF.v_threshold", "ALIF.v_threshold"):
        size = np.linalg.norm(exact[name])
        assert np.linalg.norm(gradient[name] - exact[name]) > 1e-2 * size, name


def test_chunked_engine_gives_the_same():
    task = tasklet(ticks=30)
    episodes = draw(task, 2, rate=0.4)
    network = tiny(("tau_mem", "v_threshold"))
    rule = eprop({"*": None, "*.*": 1.0}, regulariser=RateTarget(0.1, 5.0))
    booked = []
    for engine in ({}, {"engine": Chunked(block=10)}):
        learner = Learner(network, rule, Ledger(), **engine)
        after, record = learn(learner, task, begin(learner, 2), episodes)
        assert_spikes(record, least=10, most=170)
        booked.append(after.shared.store.die.total)
    assert_same(constants(booked[1]), constants(booked[0]), 1e-10)


def test_integers_hold_constants_and_mismatch_gives_them_no_gain():
    network, device = tiny(("tau_mem",)), Mismatch(Fixed(8, Nearest()), 0.2)
    key = jax.random.key(0)

    def fabricated(network):
        params = weigh(network)
        nominal = {n: jnp.zeros_like(w) for n, w in constants(params.weights).items()}
        params = params._replace(weights=params.weights | nominal)
        return device.fabricate(params, network.wiring, key)

    die, name = fabricated(network), "hidden.tau_mem"
    wish = jnp.array([[0.1], [-0.1], [1e-3], [5.0]])
    after = device.write(die, {name: wish}, key)
    codes = after.stored.codes[name]
    assert codes.dtype == jnp.int8 and codes[:, 0].tolist() == [6, -6, 0, 127]
    value = device.read(after).weights[name]
    assert np.allclose(value, np.asarray(codes) * (2 / 127))  # from e^-2 to e^2
    # The gains of synapses are those of the same die without learnt constants.
    gains = fabricated(tiny(())).own
    assert gains.keys() == die.own.keys() == {"in", "rec", "out"}
    assert all(np.array_equal(die.own[n], gains[n]) for n in gains)
    bits = [
        measure.memory(Learner(one, reckon(), device), tasklet())
        for one in (network, tiny(()))
    ]
    assert bits[0]["weights"] - bits[1]["weights"] == 4 * 8
    traces = [one["learning_detail"]["traces"] for one in bits]
    assert traces[0] - traces[1] == 4 * 64  # one value per neuron


def test_a_soft_bound_is_of_weights_only():
    weights = {"in": jnp.array([[0.5]]), "hidden.tau_mem": jnp.array([[0.0]])}
    device = SoftBound(Ideal())
    die = device.fabricate(Params(weights, {}), wired(weights), jax.random.key(0))
    change = {name: jnp.array([[0.1]]) for name in weights}
    after = device.read(device.write(die, change, jax.random.key(0))).weights
    assert np.allclose(after["in"], 0.55) and np.allclose(after["hidden.tau_mem"], 0.1)


class Regression(FixedSpikes):
    """The target is a number that comes with the sample, due at its last tick."""

    def block(self, episode, start, length):
        return jax.lax.dynamic_slice_in_dim(episode.content[0], start, length)

    def target(self, episode):
        return episode.content[1]


def answers(network, params, x):
    """The outputs after inputs (batch, time, channel)."""

    @jax.jit
    @jax.vmap
    def last(x):
        def tick(state, x):
            state, _, y = network.step(params, state, x, {}, jnp.zeros((), int))
            return state, y

        return jax.lax.scan(tick, network.init(), x)[1][-1]

    return last(x)


def test_time_constants_find_those_that_made_the_data():
    """Spiking neurons of 10 ms learn from the same ones with 20 ms, by e-prop."""
    task = Regression(sizes=(6, 3), ticks=40, window=1, loss=SquaredError())
    populations = {
        "hidden": Population(LIF(10e-3, 0.7), 3, ("tau_mem",)),
        "out": Population(LeakyIntegrator(20e-3), 3),
    }
    projections = {
        "in": Projection("input", "hidden", gain=0.4),
        "out": Projection("hidden", "out", gain=0.0, mean=jnp.eye(3)),
    }
    network = Network(6, populations, projections, output="out")
    learner = Learner(network, eprop({"*": None, "*.*": 1e-3}))
    state = begin(learner, 32, seed=1)
    mine, name = learner.params(state), "hidden.tau_mem"
    made = mine.weights | {name: jnp.full((3, 1), np.log(2.0))}
    episodes = draw(task, 32, rate=0.3)
    x, theirs = episodes.content, mine._replace(weights=made)
    episodes = episodes._replace(content=(x, answers(network, theirs, x)))
    for _ in range(50):
        state, record = learn(learner, task, state, episodes)
    assert_spikes(record, least=1000, most=3000)
    found = learner.params(state).weights
    assert np.all(np.abs(found[name] - np.log(2.0)) < 0.06)
    assert np.array_equal(found["in"], mine.weights["in"])


def test_rates_name_constants():
    wiring = tiny(("tau_mem", "v_threshold")).wiring
    every = {"in", "rec", "out", "hidden.tau_mem", "hidden.v_threshold"}
    assert rates_of(0.1, wiring).keys() == rates_of({"*": 0.1}, wiring).keys() == every
    mixed = rates_of({"*": 1.0, "*.*": None, "hidden.tau_mem": 2.0}, wiring)
    assert mixed == {"in": 1.0, "rec": 1.0, "out": 1.0, "hidden.tau_mem": 2.0}
    assert rates_of({"out": 1.0}, wiring) == {"out": 1.0}
    with pytest.raises(ValueError, match=r"'hidden.tau_men'; did you mean 'hidden.tau"):
        rates_of({"hidden.tau_men": 1.0}, wiring)


def test_what_cannot_be_learnt_is_refused():
    with pytest.raises(ValueError, match=r"LIF \(Population.learns\) 'tau'"):
        Population(LIF(), 3, ("tau",))
    for name in ("euler", "surrogate", "floor"):
        with pytest.raises(ValueError, match=f"unknown constant of LIF .* '{name}'"):
            Population(LIF(), 3, (name,))
    with pytest.raises(ValueError, match="LIF.bias must be positive, .*; got 0.0"):
        Population(LIF(), 3, ("bias",))
    with pytest.raises(ValueError, match="LIF.floor must be zero or positive"):
        Population(LIF(floor=-1.0), 3, ("floor",))
    network = tiny(("tau_mem",))
    for rule in (Predictive(1e-3), Terms([eprop(gate=EveryTick()), Predictive(1.0)])):
        with pytest.raises(ValueError, match="Predictive cannot learn 'hidden"):
            Learner(network, rule)
    Learner(network, Predictive({"*": 1e-3, "*.*": None}))
    graded = {"out": Population(LeakyIntegrator(), 2, ("tau_mem",))}
    only = {"in": Projection("input", "out")}
    with pytest.raises(ValueError, match="DFC cannot learn 'out.tau_mem'"):
        DFC(Network(2, graded, only, output="out"))
    with pytest.raises(ValueError, match="may have a dot, .*; got 'in.1'"):
        Network(2, graded, {"in.1": only["in"]}, output="out")
