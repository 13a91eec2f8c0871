"""What holds for whatever the catalogue can put together, a new row included.

Each combination is compiled once, for two seeds side by side.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import catalog
from onspike.devices import Bistable
from onspike.engine import infer
from onspike.experiment import build
from onspike.experiment.spec import SECTIONS, kind_of, resolve
from tinyrun import listed

TASK = listed(n=4, ticks=50, n_in=5, rate=0.4)
EPISODES = jax.vmap(lambda i: TASK.sample("train", i, jax.random.key(0)))(
    jnp.arange(2, dtype=jnp.int32)
)
# Small, excitable and quick to learn: given to whatever has the option.
SETTINGS = {
    "network.hidden": 4,
    "network.gain_in": 1.5,
    "network.gain_rec": 0.2,
    "network.tau_out": 10e-3,
    "neuron.tau_mem": 15e-3,
    "neuron.v_threshold": 0.5,
    "rule.rate": 0.05,
    "rule.rate_out": 0.05,
    "rule.control_weight": 8.0,
    "rule.control_tau": 0.2,
    "rule.target_high": 200.0,
    "rule.strength": 1.0,
    "train.batch": 2,
    "train.optimiser": "sgd",
}
# Pairs of spikes: neurons on both sides of every projection must fire.
PAIRS = {"neuron.bias": 0.2, "network.mean_out": 0.2}
# Potentials of double exponentials are small: threshold 0, as in the source, and a
# memory as short as the sample.
OTHERS = {
    "stdp": PAIRS,
    "rstdp": PAIRS,
    "hebb": PAIRS,
    "decolle": {"neuron.v_threshold": 0.0, "network.tau_mem": 20e-3},
}

# A chip with all faults at once, and limits that hold all the same.
NOISE = {
    "device.noise": 0.1,
    "device.spike_loss": 0.1,
    "device.spike_jitter": 1,
    "device.readout_noise": 0.02,
}
FAULTS = {
    "device.shadow": True,
    "device.write": "nearest",
    "device.fan_in": 6,
    "device.dale": 0.8,
    "device.mismatch": 0.2,
    "device.dead": 0.2,
    "device.stuck": 0.1,
    "device.drift": 0.05,
    "device.drift_tau": 0.1,
    "network.gain_in": 3.0,
}
WORST = {"worst": FAULTS | NOISE, "worst-quiet": FAULTS}
COARSE = {"fixed4", "odin", "dynapse", "bistable"}
REFUSES_NOISE = {"dfc", "strong-dfc"}
OWN_DEVICE = {"reckon-chip": "reckon"}  # a chip is on no other


def fitting(kinds, settings):
    """The settings that those tables have."""
    return {
        path: value
        for path, value in settings.items()
        if path.split(".")[1] in kinds[path.split(".")[0]].__struct_fields__
    }


def neuron_of(rule):
    """What the rule was made for, or else LIF."""
    return catalog.RULES[rule].neuron or "lif"


# Rules that another one differs from in an option, or in one factor.
KIN = {
    *(
        "reckon-random",
        "eprop-random",
        "eprop-adaptive",
        "frozen-hidden",
        "three-factor",
    ),
    *("fa", "sdfa", "drtp", "stdp", "hebb", "rtrl"),
    *("feedback-control", "frozen-feedback-control", "tug-of-war", "strong-dfc"),
}


def combinations():
    """A rule of each kind on few bits, every device, every neuron.

    And, where there is time, every rule on every device, the worst included.
    """
    rules, devices = [*catalog.RULES], [*catalog.DEVICES]
    quick = [
        (rule, neuron_of(rule), OWN_DEVICE.get(rule, "fixed8"))
        for rule in rules
        if rule not in KIN
    ]
    quick += [("reckon", "lif", device) for device in devices]
    quick += [("eprop", neuron, "ideal") for neuron in catalog.NEURONS]
    quick += [("reckon", "lif", "worst")]
    free = [rule for rule in rules if rule not in OWN_DEVICE]
    rest = [(rule, neuron_of(rule), d) for rule in free for d in devices]
    rest += [(rule, neuron_of(rule), worst_for(rule)) for rule in free]
    quick = [*dict.fromkeys(quick)]
    slow = [names for names in dict.fromkeys(rest) if names not in quick]
    return quick + [pytest.param(names, marks=pytest.mark.slow) for names in slow]


def worst_for(rule):
    """The worst chip that a rule can learn on."""
    return "worst-quiet" if rule in REFUSES_NOISE else "worst"


def specified(rule, neuron, device):
    faults = WORST.get(device, {})
    names = {"rule": rule, "neuron": neuron, "device": "fixed8" if faults else device}
    kinds = {s: kind_of(s, names.get(s)) for s in SECTIONS if s != "task"}
    chosen = fitting(kinds, SETTINGS | OTHERS.get(rule, {}) | faults)
    return resolve("cue-accumulation", **names, settings=chosen)


def forms(tree):
    """Names, shapes and types of all that a state holds."""
    leaves = jax.tree.leaves_with_path(tree)
    return [(jax.tree_util.keystr(path), a.shape, a.dtype) for path, a in leaves]


def strong(a):
    """An array, and not of a weak type."""
    return jnp.asarray(a, jnp.result_type(a)) if isinstance(a, float) else a


def die_of(state):
    """What the device stores, wherever a learner keeps it."""
    return getattr(state, "shared", state).store.die


def plain(tree):
    def leaf(a):
        key = jnp.issubdtype(a.dtype, jax.dtypes.prng_key)
        return np.array(jax.random.key_data(a) if key else a)

    return [leaf(a) for a in jax.tree.leaves(tree)]


def same(one, other):
    pairs = zip(plain(one), plain(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@jax.jit
def answers(network, params, episodes):
    """Inference, of one network for several weights."""
    return jax.vmap(lambda p: infer(network, TASK, p, episodes))(params)


@pytest.mark.parametrize("names", combinations(), ids="-".join)
def test_learning_keeps_the_invariants(names):
    learner = build.learner(specified(*names), TASK)
    traced = 0

    def start():
        # Not compiled: drawing weights costs more to compile than anything else.
        states = [learner.init(jax.random.key(seed), 2) for seed in (1, 2)]
        return jax.tree.map(lambda *a: jnp.stack([strong(x) for x in a]), *states)

    @jax.jit
    def learn(state):
        nonlocal traced
        traced += 1
        return jax.vmap(lambda s: learner.learn(TASK, s, EPISODES))(state)

    before = start()
    kept = plain(before)
    middle, record = learn(before)
    after, _ = learn(middle)

    # The same form for ever, so one program for ever.
    assert forms(before) == forms(middle) == forms(after)
    assert jax.tree.structure(before) == jax.tree.structure(after)
    assert traced == 1
    # A pure function: what went in is unchanged, and gives the same again.
    assert all(np.array_equal(a, b) for a, b in zip(kept, plain(before), strict=True))
    assert same(learn(before), (middle, record)) and same(start(), before)
    # It ran, it learnt, and nothing is NaN.
    assert all(
        np.all(np.isfinite(a)) for a in plain((after, record)) if a.dtype != bool
    )
    if learner.network.populations["hidden"].neuron.spiking:
        fired = np.asarray(record.spikes["hidden"]).sum(-1)
        assert np.all(fired > 10) and np.all(fired < 4 * 2 * 50)
    assert np.all(np.asarray(record.written) > 0)
    params = [jax.vmap(learner.params)(state) for state in (before, middle)]
    held = [p.weights for p in params]
    if isinstance(learner.device, Bistable):  # few steps may cross its threshold
        held = [die_of(state).x for state in (before, middle)]
    late = []
    for name in learner.rates():
        old, new = (h[name] for h in held)
        assert forms(old) == forms(new), name
        if np.array_equal(old, new):
            late.append(name)
        elif np.any(new):  # each seed goes its own way, but for all at their bound
            assert not np.array_equal(new[0], new[1])
    # A projection of few bits may wait longer than a batch for its first step, or for
    # ever if the others have learnt these samples first.
    assert len(late) < len(learner.rates()) and (not late or names[2] in COARSE), late
    state, settled = after, False
    for _ in range(100):
        if not late or settled:
            break
        state, more = learn(state)
        settled = not np.any(more.written)
        now = jax.vmap(learner.params)(state).weights
        late = [n for n in late if np.array_equal(now[n], params[0].weights[n])]
    assert not late or settled, late
    if names[2] in WORST:
        within_limits(learner, *params, record)
    else:
        for name in set(params[0].weights) - set(learner.rates()):
            assert np.array_equal(params[0].weights[name], params[1].weights[name])
    for name, w in params[1].weights.items():  # no synapse appears
        assert same(w, jax.vmap(lambda w, n=name: learner.network.masked(n, w))(w))

    # Inference: of each sample what it is alone, and no weight changes.
    weights = params[1]
    held = plain(weights)
    together = answers(learner.network, weights, EPISODES)
    assert all(np.array_equal(a, b) for a, b in zip(held, plain(weights), strict=True))
    assert int(together.written.sum()) == 0
    alone = [
        answers(
            learner.network,
            weights,
            jax.tree.map(lambda a, i=i: a[i : i + 1], EPISODES),
        )
        for i in range(2)
    ]
    assert np.array_equal(
        together.answer, np.concatenate([r.answer for r in alone], axis=-1)
    )
    for name, spikes in together.spikes.items():
        assert np.array_equal(spikes, sum(r.spikes[name] for r in alone))

    # What it costs is known, and what is counted is there.
    memory = learner.memory(TASK)
    assert all(isinstance(n, int) and n >= 0 for n in memory.values())
    assert learner.device.bits_per_weight() > 0


def within_limits(learner, first, params, record):
    """What the worst chip's wiring and its dead keep to, whoever learns."""
    wires, into, sends = learner.network.wiring.wires, {}, {}
    for name, wire in wires:
        w = np.asarray(params.weights[name])
        into[wire.post] = into.get(wire.post, 0) + (w != 0).sum(-1)
        both = np.concatenate([np.asarray(first.weights[name]), w], axis=1)
        sends.setdefault(wire.pre, []).append(both)
    assert all(n.max() <= FAULTS["device.fan_in"] for n in into.values())
    for sent in sends.values():
        signs = np.sign(np.concatenate(sent, axis=1))
        assert not np.any((signs > 0).any(1) & (signs < 0).any(1))
    for name, spikes in record.spikes.items():
        assert not np.any(spikes[np.asarray(params.alive[name]) == 0])


@pytest.mark.parametrize("rule", sorted(REFUSES_NOISE))
def test_what_cannot_learn_in_noise_says_so(rule):
    learner = build.learner(specified(rule, neuron_of(rule), "worst"), TASK)
    with pytest.raises(ValueError, match="cannot learn on a device with noise"):
        learner.init(jax.random.key(0))


NOT_FINITE = ("nan", float("nan"), float("inf"), -float("inf"))
BAD = (*NOT_FINITE, -1.0, 0, 10**9 + 0.5, "x", [])
SIGNED = {
    *("neuron.bias", "neuron.floor"),
    *("rule.plus", "rule.minus", "rule.theta_v", "rule.target_low"),
    "device.w_min",
}


@pytest.mark.parametrize("kind", ["rule", "neuron", "device"])
def test_bad_options_are_a_value_error_or_good(kind):
    common = {"name"}  # what a die has is the same in every row: tried once
    for name in catalog.KINDS[kind]:
        table = kind_of(kind, name)
        for option in set(table.__struct_fields__) - common:
            for value in BAD:
                _try(kind, name, f"{kind}.{option}", value)
        if name == "ideal":
            common |= set(table.__struct_fields__)


def _try(kind, name, path, value):
    names = {kind: name} | ({"neuron": neuron_of(name)} if kind == "rule" else {})
    try:
        spec = resolve("cue-accumulation", **names, settings={path: value})
        spec.built(kind)
        if value not in NOT_FINITE and (path in SIGNED or value >= 0):
            return
        build.learner(spec, TASK)  # the last to say so
    except ValueError as error:
        assert "\n" not in str(error), (path, value)
        return
    raise AssertionError(f"{name} takes {path}={value}")


def test_wrong_shapes_are_a_value_error():
    spec = specified("reckon", "lif", "ideal")
    learner = build.learner(spec, TASK)
    narrow = listed(n=2, ticks=50, n_in=3)
    from onspike.experiment.run import fit

    with pytest.raises(ValueError, match="input channels"):
        fit(learner, narrow)
