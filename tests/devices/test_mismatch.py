"""Static mismatch: its statistics, and that a die stays what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    LIF,
    CubaLIF,
    DPINeuron,
    Fixed,
    Ideal,
    LeakyIntegrator,
    Learner,
    Refractory,
    controlled,
    feedforward,
)
from onspike.devices import Mismatch
from onspike.experiment import build
from onspike.experiment.spec import resolve
from onspike.neurons import SpikeResponse
from onspike.rules import feedback_control
from onspike.types import Params
from oracle import begin, draw, learn, tasklet, wired

KEY = jax.random.key(3)
N = 100_000


def params(n):
    neurons = {
        "a": CubaLIF(bias=0.5, refractory=Refractory(4e-3)),
        "out": LeakyIntegrator(),
    }
    return Params({"w": jnp.full((n // 100, 100), 0.3)}, neurons)


def die(device, n=400, key=KEY):
    p = params(n)
    return device.fabricate(p, wired(p.weights, {"a": n, "out": 3}), key)


def test_the_coefficient_of_variation_is_what_was_asked_for():
    device = Mismatch(Ideal(), cv=0.2)
    read = device.read(die(device, N))
    neuron = read.neurons["a"]
    found = {
        "tau_mem": (neuron.tau_mem, 20e-3),
        "tau_syn": (neuron.tau_syn, 10e-3),
        "v_threshold": (neuron.v_threshold, 1.0),
        "bias": (neuron.bias, 0.5),
        "tau_ref": (neuron.refractory.tau_ref, 4e-3),
        "injected": (read.inlets["a"], 1.0),
        "weights": (read.weights["w"].reshape(-1), 0.3),
    }
    drawn = [np.asarray(values) / nominal for values, nominal in found.values()]
    for factors in drawn:
        assert factors.shape == (N,) and factors.min() > 0
        assert factors.mean() == pytest.approx(1.0, abs=4 * 0.2 / N**0.5)
        assert factors.std() == pytest.approx(0.2, rel=0.02)
    # Lognormal, and each constant on its own.
    skew = np.mean(((np.log(drawn[0]) - np.log(drawn[0]).mean()) / 0.198) ** 3)
    assert abs(skew) < 0.05
    assert np.abs(np.corrcoef(drawn) - np.eye(7)).max() < 0.02
    assert read.neurons["out"].tau_mem.shape == (3,)  # no threshold, and none needed


def test_a_key_is_a_die():
    device = Mismatch(Ideal(), cv=0.3)
    dies = [die(device, key=k) for k in (KEY, KEY)]
    other = die(device, key=jax.random.key(4))
    one, same, different = (
        np.asarray(device.read(d).neurons["a"].tau_mem) for d in (*dies, other)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, different)


def test_writes_go_through_the_synapses_own_gain():
    device = Mismatch(Fixed(bits=8), cv=0.2)
    stored = die(device)
    step = 3 * stored.stored.lsb["w"]  # whole LSBs: no chance in the write
    after = device.write(stored, {"w": jnp.full((4, 100), 0.0)}, KEY)
    assert np.array_equal(after.stored.codes["w"], stored.stored.codes["w"])
    moved = stored._replace(
        stored=stored.stored._replace(codes={"w": stored.stored.codes["w"] + 3})
    )
    change = device.read(moved).weights["w"] - device.read(stored).weights["w"]
    assert np.allclose(change, step * stored.own["w"], rtol=1e-12)
    assert device.bits_per_weight() == 8
    smooth = Mismatch(Ideal(), {"tau_mem": 0.2})
    stored = die(smooth)
    assert np.array_equal(smooth.read(stored).weights["w"], np.full((4, 100), 0.3))


def test_without_spread_it_is_the_device_itself_and_with_it_controllers_vary_too():
    task = tasklet(n_in=6, n_out=3, ticks=60, window=60)
    cell = CubaLIF(normalised=True, floor=-1.0, bias=0.9)
    net = controlled(feedforward(6, cell, (), 3, readout=cell, mean_out=0.3))
    episodes = draw(task, 1, rate=0.4, seed=2)

    def run(device):
        learner = Learner(net, feedback_control(1e-2), device)
        state, record = learn(learner, task, begin(learner), episodes)
        return learner.params(state), record

    (exact, spikes), (none, same) = run(Ideal()), run(Mismatch(Ideal(), cv=0.0))
    assert spikes.spikes["out"].sum() > 5 and spikes.spikes["more"].sum() > 0
    assert all(np.array_equal(same.spikes[n], z) for n, z in spikes.spikes.items())
    assert np.array_equal(exact.weights["out"], none.weights["out"])
    varied, other = run(Mismatch(Ideal(), cv=0.3))
    assert not np.array_equal(other.spikes["out"], spikes.spikes["out"])
    assert len(set(np.asarray(varied.neurons["more"].tau_mem).tolist())) == 3


def test_it_refuses_what_nothing_has():
    with pytest.raises(ValueError, match="Mismatch.cv.*-0.1"):
        Mismatch(Ideal(), cv=-0.1)
    odd = Mismatch(Ideal(), {"tau_mem": 0.1, "temperature": 0.1})
    with pytest.raises(ValueError, match="unknown what varies.*temperature"):
        die(odd)


@pytest.mark.parametrize(
    ("neuron", "field"), [(SpikeResponse(), "tau_ref"), (DPINeuron(), "I_tau")]
)
def test_a_neuron_of_any_kind_varies_in_what_it_has(neuron, field):
    params = Params({}, {"a": neuron})
    wiring = wired({}, {"a": 5000})
    for device in (Mismatch(Ideal(), 0.2), Mismatch(Ideal(), {field: 0.2})):
        seen = device.read(device.fabricate(params, wiring, KEY)).neurons["a"]
        factor = np.asarray(getattr(seen, field)) / getattr(neuron, field)
        assert factor.std() / factor.mean() == pytest.approx(0.2, rel=0.05)
    with pytest.raises(ValueError, match="unknown what varies.*'tau_ref'"):
        other = Params({}, {"a": LIF()})  # that has none
        Mismatch(Ideal(), {"tau_ref": 0.2}).fabricate(other, wiring, KEY)


@pytest.mark.parametrize("neuron", ["lif", "alif", "cuba-lif"])
def test_the_usual_constants_are_those_that_a_neuron_has(neuron):
    settings = {"device.mismatch": 0.2, "train.clamp": 0.5}
    spec = resolve("digits", rule="reckon", neuron=neuron, settings=settings)
    learner = build.learner(spec, spec.built("task"))
    assert isinstance(learner.device, Mismatch)
    die = learner.init(jax.random.key(0)).shared.store.die
    params = learner.device.read(die)
    assert len(set(np.asarray(params.neurons["hidden"].tau_mem).tolist())) == 100
    # The bound holds for what is stored, whatever the gain of a synapse.
    wish = {name: jnp.full_like(w, 9.0) for name, w in params.weights.items()}
    stored = learner.device.write(die, wish, KEY).stored.stored.weights
    for name, w in stored.items():
        if name in wish:
            assert np.allclose(w, 0.5, rtol=0, atol=1e-12)


def test_what_varies_can_be_named_and_layers_multiply():
    wiring = wired({"w": jnp.ones((4, 100))}, {"a": 400, "out": 3})
    p = params(400)

    def read(device):
        return device.read(device.fabricate(p, wiring, KEY))

    named = read(Mismatch(Ideal(), {"tau_mem": 0.2, "injected": 0.1}))
    assert named.neurons["a"].tau_mem.shape == (400,)
    assert named.neurons["out"].tau_mem.shape == (3,)
    assert named.neurons["a"].v_threshold == 1.0 and named.neurons["a"].bias == 0.5
    assert set(named.inlets) == {"a", "out"}
    assert np.array_equal(named.weights["w"], p.weights["w"])
    apart = read(Mismatch(Ideal(), 0.2, only=("out",)))
    assert apart.neurons["a"] == p.neurons["a"] and set(apart.inlets) == {"out"}
    assert apart.neurons["out"].tau_mem.shape == (3,)
    assert np.array_equal(apart.weights["w"], p.weights["w"])  # into "a"
    with pytest.raises(ValueError, match="population in Mismatch.only 'b'"):
        read(Mismatch(Ideal(), 0.2, only=("b",)))
    with pytest.raises(ValueError, match="unknown what varies.*'surrogate'"):
        read(Mismatch(Ideal(), {"surrogate": 0.2}))
    # A die inside a die: each with its own chance, and their factors multiply.
    inner, outer = 0.2, 0.1
    both = Mismatch(Mismatch(Ideal(), inner), outer)
    n, wide = N, wired({"w": jnp.ones((N // 100, 100))}, {"a": N, "out": 3})
    found = both.read(both.fabricate(params(n), wide, KEY))
    cv = np.sqrt((1 + inner**2) * (1 + outer**2) - 1)
    for factors in (
        found.neurons["a"].tau_mem / 20e-3,
        found.weights["w"] / 0.3,
        found.inlets["a"],
    ):
        assert np.mean(factors) == pytest.approx(1.0, abs=4 * cv / N**0.5)
        assert np.std(factors) == pytest.approx(cv, rel=0.02)


def test_a_population_of_dies_is_one_die_at_a_time():
    device, keys = Mismatch(Fixed(bits=8), 0.2), jax.random.split(KEY, 3)
    read = jax.jit(lambda key: device.read(die(device, key=key)))
    together = jax.jit(jax.vmap(read))(keys)
    for i, key in enumerate(keys):
        one = jax.tree.map(lambda a, i=i: a[i], together)
        assert jax.tree.all(jax.tree.map(np.array_equal, one, read(key)))
    taus = np.asarray(together.neurons["a"].tau_mem)
    assert len({*taus[:, 0].tolist()}) == 3


def test_a_compiled_program_makes_the_same_die():
    device = Mismatch(Ideal(), cv=0.2)
    plain = device.read(die(device))
    # Constants of neurons are arguments of the program, as in every run.
    wiring = wired(params(400).weights, {"a": 400, "out": 3})
    compiled = jax.jit(lambda p: device.read(device.fabricate(p, wiring, KEY)))
    made = compiled(params(400))
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(made), strict=True):
        assert np.allclose(one, other, rtol=1e-12)
