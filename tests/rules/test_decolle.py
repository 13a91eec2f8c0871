"""DECOLLE against autodiff: exact where layers and resets pass no gradient on."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LeakyIntegrator, Learner, feedforward
from onspike.losses import CrossEntropy
from onspike.neurons import SpikeResponse
from onspike.rules import (
    AdaptiveThreshold,
    LocalReadouts,
    MembraneBounds,
    Terms,
    ThreeFactor,
    Threshold,
    decolle,
)
from onspike.synapses import DoubleExponential
from onspike.types import Local, Params, Teaching
from oracle import Ledger, assert_same, assert_spikes, begin, booked, draw, tasklet

ALPHA, BETA, RHO, KAPPA = np.exp(-1e-3 / np.array([9e-3, 4e-3, 2.5e-3, 10e-3]))
TASK = tasklet(ticks=40, window=30, n_in=4, n_out=3)
EPISODES = draw(TASK, 1, rate=0.4, seed=3)
BURN_IN, STRENGTH = 15, 0.05


def network(*sizes, bias=-0.1):
    return feedforward(
        4,
        SpikeResponse(tau_ref=2.5e-3, bias=bias),
        sizes,
        3,
        readout=LeakyIntegrator(10e-3),
        gains=(1.0,) + (4.0,) * (len(sizes) - 1) + (1.0,),
        synapse=DoubleExponential(9e-3, 4e-3),
    )


BOUNDS = MembraneBounds(STRENGTH)


def asked(net, bounds=BOUNDS):
    """The summed updates, the weights, the readouts and the record."""
    rule = decolle(1.0, readouts=LocalReadouts(burn_in=BURN_IN), bounds=bounds)
    learner = Learner(net, rule, Ledger())
    params, gradient, record = booked(learner, TASK, EPISODES)
    shared = begin(learner).shared.rule
    readouts = {n: g[0] for n, g in shared[0].items()}
    return gradient, params.weights, readouts, record


def spike(u):
    slope = 1 / (1 + 10 * jnp.abs(u)) ** 2
    hard = jnp.where(u >= 0, 1.0, 0.0)
    return jax.lax.stop_gradient(hard) + jax.lax.stop_gradient(slope) * (
        u - jax.lax.stop_gradient(u)
    )


@partial(jax.jit, static_argnames=("own", "between"))
def exact(weights, readouts, own=True, between=True, bias=-0.1, silence=0.003):
    """The gradient of all losses, and the spikes; written from the equations.

    `own` and `between` say whether own resets and spikes between layers are detached.
    """
    cut = jax.lax.stop_gradient
    layers = list(readouts)
    names, valid = ["in", "w2"][: len(layers)], TASK.mask()
    target = TASK.target(jax.tree.map(lambda a: a[0], EPISODES))

    def losses(weights):
        def tick(state, now):
            (p, q, r, z), y = state
            x, answer, bounded = now
            arrives, error, bound, p, q, r, z = x, 0.0, 0.0, [*p], [*q], [*r], [*z]
            for i, (layer, name) in enumerate(zip(layers, names, strict=True)):
                p[i] = ALPHA * p[i] + (1 - ALPHA) * q[i]
                q[i] = BETA * q[i] + (1 - BETA) * arrives
                r[i] = RHO * r[i] - (1 - RHO) * z[i]
                r[i] = cut(r[i]) if own else r[i]
                u = weights[name] @ p[i] + bias + r[i]
                z[i] = spike(u)
                gap = jnp.abs(readouts[layer] @ z[i] - target)
                error += jnp.where(gap < 1, gap**2 / 2, gap - 0.5).sum()
                bound += STRENGTH * jnp.maximum(u + 0.01, 0).mean()
                low = jnp.maximum((0.1 - jax.nn.sigmoid(u)).mean(), 0)
                bound += silence * STRENGTH * low
                arrives = cut(z[i]) if between else z[i]
            y = KAPPA * y + weights["out"] @ cut(arrives)
            error -= target @ jax.nn.log_softmax(y)
            return ((p, q, r, z), y), (answer * error + bounded * bound, z)

        ticks = jnp.arange(TASK.ticks)
        x = EPISODES.content[0]
        sizes = [readouts[layer].shape[1] for layer in layers]
        pre = [jnp.zeros(n) for n in (x.shape[1], *sizes[:-1])]
        post = [jnp.zeros(n) for n in sizes]
        start = (pre, pre, post, post), jnp.zeros(3)
        open_ = [jnp.where(m, 1.0, 0.0) for m in (valid & (ticks >= BURN_IN), valid)]
        _, (each, z) = jax.lax.scan(tick, start, (x, *open_))
        return each.sum(), z

    (_, z), gradient = jax.value_and_grad(losses, has_aux=True)(weights)
    return gradient, dict(zip(layers, z, strict=True))


def apart(got, expected, name):
    reference = np.asarray(expected[name])
    return np.linalg.norm(np.asarray(got[name]) - reference) / np.linalg.norm(reference)


def test_two_layers_equal_autodiff_with_layers_and_resets_detached():
    gradient, weights, readouts, record = asked(network(6, 5))
    assert list(readouts) == ["hidden1", "hidden2"]
    expected, z = exact(weights, readouts)
    assert_spikes(record, least=20, most=150)
    for name, fired in z.items():
        assert np.array_equal(record.spikes[name], fired.sum(0))
    assert_same(gradient, expected, 1e-10)
    through, _ = exact(weights, readouts, between=False)
    assert apart(gradient, through, "in") > 1e-2
    assert_same({"w2": gradient["w2"]}, {"w2": through["w2"]}, 1e-10)


def test_one_layer_equals_backpropagation_through_time_but_for_its_resets():
    gradient, weights, readouts, record = asked(network(6))
    assert_spikes(record, least=20, most=150)
    through_time, _ = exact(weights, readouts, between=False)
    assert_same({"in": gradient["in"]}, {"in": through_time["in"]}, 1e-10)
    resets, _ = exact(weights, readouts, own=False)
    assert apart(gradient, resets, "in") > 1e-2


def test_a_layer_that_is_nearly_silent_is_raised_as_autodiff_says():
    """All but one neuron are far from their threshold: silence counts at times."""
    bias = jnp.asarray([-0.2, *[-5.0] * 5])
    bounds = MembraneBounds(STRENGTH, silence=20.0)
    gradient, weights, readouts, record = asked(network(6, bias=bias), bounds)
    spikes = np.asarray(record.spikes["hidden"])
    assert 5 < spikes[0] < 35 and not np.any(spikes[1:])
    expected, _ = exact(weights, readouts, bias=bias, silence=20.0)
    assert_same(gradient, expected, 1e-10)
    without, _ = exact(weights, readouts, bias=bias, silence=0.0)
    assert apart(gradient, without, "in") > 0.1


NET = network(6, 5)
YES = jnp.asarray(True)


RNG = np.random.default_rng(5)
Z = {p: (RNG.random((4, n)) < 0.5).astype(float) for p, n in NET.wiring.sizes}
TEACHING = Teaching(jnp.eye(3)[1], jnp.asarray([0.4, -0.7, 0.3]), YES, jnp.zeros(()))


def seen(z):
    """What the synapses see, as far as these signals look."""
    nothing = Local(**dict.fromkeys(Local._fields))
    return {n: nothing._replace(z=jnp.asarray(z[w.post])) for n, w in NET.wiring.wires}


def heard(signal):
    """The readouts, L of four ticks by population, and the signal's last memory."""
    readouts, own = signal.init(NET.wiring, jax.random.key(0))
    ticks = []
    for t in range(4):
        local, params = seen({p: z[t] for p, z in Z.items()}), Params({}, {})
        own, credit = signal.step(readouts, own, params, local, TEACHING, NET.wiring)
        ticks.append(credit)
    return readouts, {p: np.stack([c[p] for c in ticks]) for p in ticks[0]}, own


@pytest.mark.parametrize("transposed", [True, False])
def test_each_layer_hears_its_own_readout_after_the_burn_in(transposed):
    signal = LocalReadouts(CrossEntropy(), 3.0, burn_in=2, transposed=transposed)
    readouts, credit, _ = heard(signal)
    for name, matrices in readouts.items():
        assert len(matrices) == (1 if transposed else 2)
        there, back = matrices[0], matrices[-1]
        for t in range(4):
            error = jax.nn.softmax(there @ Z[name][t]) - jnp.eye(3)[1]
            expected = back.T @ error if t >= 2 else np.zeros(there.shape[1])
            assert np.allclose(credit[name][t], expected, rtol=0, atol=1e-12)
        assert np.abs(credit[name][2:]).max() > 0.1
    assert np.array_equal(
        np.asarray(credit["out"]) != 0, [[t >= 2] * 3 for t in range(4)]
    )


def test_each_layer_has_a_threshold_of_its_own():
    _, plain, _ = heard(LocalReadouts())
    _, fine, _ = heard(LocalReadouts(trigger=Threshold(1e-12)))
    for name, credit in plain.items():
        assert np.allclose(fine[name], credit, rtol=0, atol=1e-10)
    *_, own = heard(LocalReadouts(trigger=AdaptiveThreshold(0.01, gain=0.5)))
    last = {name: float(state.theta) for name, state in own.triggers.items()}
    assert set(last) == {"hidden1", "hidden2", "out"} and len(set(last.values())) == 3
    kept = LocalReadouts().rest(own)
    assert own.tick == 4 and kept.tick == 0 and kept.triggers is own.triggers


def test_assembly():
    assert isinstance(decolle(1e-3), ThreeFactor)
    rule = decolle({"*": 1e-3, "out": 1e-2}, bounds=MembraneBounds())
    assert isinstance(rule, Terms) and rule.weighed
    assert Learner(NET, rule).rates() == {"in": 1e-3, "w2": 1e-3, "out": 1e-2}


def test_bad_fields():
    with pytest.raises(ValueError, match=r"LocalReadouts\.scale .*spike; got 0"):
        LocalReadouts(scale=0.0)
    with pytest.raises(ValueError, match=r"LocalReadouts\.burn_in .*ticks; got -1"):
        LocalReadouts(burn_in=-1)
    with pytest.raises(ValueError, match=r"MembraneBounds\.strength .*loss; got -1"):
        MembraneBounds(strength=-1.0)
    with pytest.raises(ValueError, match=r"MembraneBounds\.silence .*factor.*got -1"):
        MembraneBounds(silence=-1.0)
