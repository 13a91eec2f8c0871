"""What disturbs a chip as it works: its size, where it acts, whose chance it is."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.random import fold_in

from onspike import BPTT, LIF, RTRL, Ideal, LeakyIntegrator, Learner, Network
from onspike.devices import (
    CurrentNoise,
    Noisy,
    ReadoutNoise,
    SpikeJitter,
    SpikeLoss,
)
from onspike.engine import Chunked, infer
from onspike.experiment import measure
from onspike.layouts import controlled, feedforward
from onspike.network import Population
from onspike.rules import (
    Control,
    EveryTick,
    TargetRates,
    eprop,
    feedback_control,
    reckon,
)
from oracle import (
    Ledger,
    assert_same,
    assert_spikes,
    booked,
    draw,
    keyed,
    learn,
    pick,
    programmed,
    small,
    stream,
    tasklet,
    watch,
    weigh,
)
from tinyrun import listed

KEY = jax.random.key(7)
ALL = (CurrentNoise(0.2), SpikeLoss(0.1), SpikeJitter(2), ReadoutNoise(0.05))
TASK = tasklet(ticks=24, window=8)
EPISODES = keyed(draw(TASK, 2, rate=0.6))


@partial(jax.jit, static_argnums=(1, 3))
def over_time(kind, n, dt, ticks, signals=None):
    """What one kind of noise makes of signals (of silence, by default), time first."""

    def tick(memory, now):
        key, signal = now
        return kind.step(memory, signal, dt, key)

    signals = jnp.zeros((ticks, n)) if signals is None else signals
    keys = jax.random.split(KEY, ticks)
    return jax.lax.scan(tick, kind.init(n), (keys, signals))[1]


N = 20_000


def test_current_noise_is_stationary_from_the_first_tick_whatever_the_tick_is():
    sd, tau = 0.3, 5e-3
    for dt, ticks in ((1e-3, 21), (0.25e-3, 81)):
        n = np.asarray(over_time(CurrentNoise(sd, tau), N, dt, ticks))
        spread = n.std(1)
        assert np.abs(spread - sd).max() < 4 * sd / np.sqrt(2 * N)
        assert np.abs(n.mean(1)).max() < 4 * sd / np.sqrt(N)
        for lag in (1e-3, 5e-3, 10e-3):  # the same in seconds
            here, there = n[0], n[round(lag / dt)]
            found = np.mean(here * there) / sd**2
            assert abs(found - np.exp(-lag / tau)) < 4 * np.sqrt(2 / N)
        assert abs(np.corrcoef(n[3, : N // 2], n[3, N // 2 :])[0, 1]) < 4 / 100


def test_a_held_current_brings_the_membrane_to_its_own_size():
    """With either gain and any dt; and with its own memory as the closed form says."""
    n, sd = 4000, 0.3
    quiet = {"v_threshold": 1e6, "tau_mem": 4e-3}
    network = Network(
        1,
        {
            "unit": Population(LIF(**quiet), n),
            "normalised": Population(LIF(normalised=True, **quiet), n),
            "out": Population(LeakyIntegrator(), 1),
        },
        {},
        output="out",
    )

    @jax.jit
    def after(noise, dt, key):
        noisy = Network(1, network.populations, {}, "out", dt)
        params = noisy.init_params(KEY)._replace(noise=(noise,))

        def tick(state, t):
            now = fold_in(key, t)
            return noisy.step(params, state, jnp.zeros(1), {}, t, now)[0], None

        ticks = jnp.arange(300, dtype=jnp.int32)
        return jax.lax.scan(tick, noisy.init(params.noise), ticks)[0]

    for dt in (1e-3, 0.25e-3):
        held = after(CurrentNoise(sd, tau=1e15), dt, KEY)
        moving = after(CurrentNoise(sd, tau=4e-3), dt, KEY)
        alpha = np.exp(-dt / 4e-3)  # of the membrane, and of the noise
        share = (1 - alpha) / (1 + alpha) * (1 + alpha**2) / (1 - alpha**2)
        for name in ("unit", "normalised"):
            v, current = held.neurons[name].v, held.noise[name][0].n
            assert np.allclose(v, current, rtol=0, atol=1e-7)
            assert abs(np.std(v) - sd) < 4 * sd / np.sqrt(2 * n)
            v = moving.neurons[name].v
            assert np.std(v) == pytest.approx(sd * share**0.5, rel=4 / np.sqrt(2 * n))


def test_spikes_are_lost_at_the_rate_that_was_asked_for():
    sent = jnp.tile(jnp.asarray([[0.0, 1.0, 3.0]]), (1, 20_000))
    heard = np.asarray(over_time(SpikeLoss(0.1), 60_000, 1e-3, 1, sent))[0]
    assert np.all((heard == 0) | (heard == np.asarray(sent[0])))
    lost = 1 - np.mean(heard[np.asarray(sent[0]) > 0] > 0)
    assert abs(lost - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 40_000)
    assert np.array_equal(over_time(SpikeLoss(0.0), 60_000, 1e-3, 1, sent), sent)
    assert not np.any(over_time(SpikeLoss(1.0), 60_000, 1e-3, 1, sent))


def test_late_spikes_are_conserved_and_all_delays_equally_likely():
    most, ticks = 3, 9
    sent = np.zeros((ticks, N))
    sent[0], sent[1, : N // 2], sent[4] = 1.0, 2.0, 1.0
    heard = np.asarray(over_time(SpikeJitter(most), N, 1e-3, ticks, jnp.asarray(sent)))
    assert np.array_equal(heard.sum(0), sent.sum(0))
    assert np.all(heard[:4].sum(0) <= sent[:2].sum(0)) and not heard[8:].any()
    error = 4 * np.sqrt(0.25 * 0.75 / N)
    assert np.abs(heard[4:8].sum(0) + heard[:4].sum(0) - sent.sum(0)).max() == 0
    late = heard[:4, N // 2 :].mean(1)  # where nothing else is on its way
    assert np.abs(late - 0.25).max() < error * np.sqrt(2)
    both = heard[2, : N // 2] == 3.0  # what arrives together adds up
    assert abs(both.mean() - 1 / 16) < 4 * np.sqrt(1 / 16 / (N // 2))
    none = over_time(SpikeJitter(0), N, 1e-3, ticks, jnp.asarray(sent))
    assert np.array_equal(none, sent)


@jax.jit
def seen_of(network, params, x):
    """Three ticks of the same input, time first."""

    def tick(state, t):
        state, local, y = network.step(params, state, x, {}, t, fold_in(KEY, t))
        return state, (state, {n: (one.spikes, one.z) for n, one in local.items()}, y)

    ticks = jnp.arange(3, dtype=jnp.int32)
    return jax.lax.scan(tick, network.init(params.noise), ticks)[1]


def test_noise_acts_where_it_belongs():
    network = feedforward(2, LIF(v_threshold=0.1), (3,), 2, gains=(2.0, 1.0))
    params, x = weigh(network), jnp.ones(2)
    quiet, _, y = seen_of(network, params, x)
    readout, local, heard = seen_of(
        network, params._replace(noise=(ReadoutNoise(0.1),)), x
    )
    assert float(quiet.neurons["hidden"].z.sum()) > 2
    for name in ("hidden", "out"):  # nothing comes back into the network
        assert np.array_equal(quiet.neurons[name].v, readout.neurons[name].v)
    assert np.array_equal(readout.sent["hidden"], quiet.neurons["hidden"].z)
    assert np.all(np.asarray(local["in"][0]) == 1.0)
    assert np.all(np.asarray(y != heard)) and np.abs(y - heard).max() < 0.6
    deaf, local, y = seen_of(network, params._replace(noise=(SpikeLoss(1.0),)), x)
    assert not np.any(local["in"][0]) and not np.any(y)  # input spikes are lost too
    assert not np.any(deaf.neurons["hidden"].v)


def test_a_neuron_resets_by_its_own_spike_even_if_none_hears_it():
    network = feedforward(2, LIF(v_threshold=0.1, bias=1.0), (3,), 2, gains=(2.0, 1.0))
    params, x = weigh(network), jnp.zeros(2)
    own, *_ = seen_of(network, params, x)
    deaf, local, _ = seen_of(network, params._replace(noise=(SpikeLoss(1.0),)), x)
    assert np.array_equal(deaf.neurons["hidden"].v, own.neurons["hidden"].v)
    assert np.all(np.asarray(local["in"][1]) == 1) and not np.any(local["out"][0])


def test_controllers_whose_spikes_are_lost_control_nothing():
    cell, task = LIF(tau_mem=10e-3, v_threshold=0.5), tasklet(ticks=24, window=24)
    network = controlled(feedforward(3, cell, (), 2, readout=cell))
    rule = feedback_control(1.0, control=Control(TargetRates(200.0), weight=8.0))

    def asked(*noise):
        found = booked(Learner(network, rule, Noisy(Ledger(), noise)), task, EPISODES)
        assert float(found[2].spikes["more"].sum()) > 3
        return np.asarray(found[1]["out"])

    assert np.abs(asked(SpikeLoss(0.0))).max() > 0.1
    # Input spikes too are lost; what a controller sends is not, in its own book.
    assert not np.any(asked(SpikeLoss(1.0)))


def test_noise_of_no_size_is_no_noise():
    """In every bit of spikes, outputs and learnt weights."""
    none = (CurrentNoise(0.0), SpikeLoss(0.0), SpikeJitter(0), ReadoutNoise(0.0))
    some = (CurrentNoise(0.2), SpikeLoss(0.1), SpikeJitter(0), ReadoutNoise(0.1))
    samples, seen = stream(TASK, EPISODES), []
    for device in (Ideal(), Noisy(Ideal(), none), Noisy(Ideal(), some)):
        learner = Learner(small(), reckon(0.1, gate=EveryTick()), device)
        state, ticks = watch(learner, TASK, programmed(learner, 2), samples)
        seen.append((learner.params(state).weights, ticks))
    (weights, ticks), exact, (different, noisy) = seen
    assert 20 < float(ticks.z["hidden"].sum()) < 150 and int(ticks.written.sum()) > 99
    assert jax.tree.all(jax.tree.map(np.array_equal, (weights, ticks), exact))
    assert not np.array_equal(ticks.z["hidden"], noisy.z["hidden"])
    assert not np.array_equal(weights["in"], different["in"])


def moved(learner, episodes):
    """By how much learning moves the weights, and the record."""
    start = programmed(learner, episodes.label.shape[0])
    state, book = learn(learner, TASK, start, episodes)
    before, after = learner.params(start).weights, learner.params(state).weights
    return {name: after[name] - before[name] for name in before}, book


def test_a_sample_meets_its_own_noise_in_any_batch_and_engine():
    slow = Learner(small(), eprop(0.1), Noisy(Ideal(), ALL))
    fast = Learner(small(), eprop(0.1), Noisy(Ideal(), ALL), engine=Chunked(5))
    change, book = moved(slow, EPISODES)
    assert_spikes(book, least=20, most=150)
    # In blocks of ticks.
    same, other = moved(fast, EPISODES)
    assert np.array_equal(book.spikes["hidden"], other.spikes["hidden"])
    assert np.array_equal(book.answer, other.answer)
    assert_same(same, change)
    # One by one: a batch asks for the sum.
    each = [moved(slow, pick(EPISODES, slice(i, i + 1))) for i in range(2)]
    total = sum(np.asarray(alone.spikes["hidden"]) for _, alone in each)
    assert np.array_equal(book.spikes["hidden"], total)
    assert np.array_equal(book.answer, [int(alone.answer[0]) for _, alone in each])
    assert_same({n: each[0][0][n] + each[1][0][n] for n in change}, change, 1e-12)
    # With other keys other noise.
    elsewhere, other = moved(slow, keyed(EPISODES, seed=1))
    assert not np.array_equal(book.spikes["hidden"], other.spikes["hidden"])
    assert not np.array_equal(change["in"], elsewhere["in"])


def test_a_measurement_is_noisy_and_says_the_same_each_time():
    network, task = small(n_in=8), listed(n=4, ticks=24)
    key, params = jax.random.key(3), weigh(network)
    params = params._replace(noise=ALL[:2])

    def measured(batch, key=key):
        return measure.evaluate(network, task, params, "test", key, batch)

    together = measured(4)
    assert float(together.spikes["hidden"].sum()) > 100
    for other in (measured(4), measured(2)):
        assert jax.tree.all(jax.tree.map(np.array_equal, together, other))
    elsewhere = measured(4, jax.random.key(4))  # another run's
    assert not np.array_equal(together.spikes["hidden"], elsewhere.spikes["hidden"])


def test_every_sample_of_every_split_and_epoch_has_its_own_key():
    task = listed(n=5)

    def key_of(split, index, seed=0):
        episode = task.sample(split, jnp.asarray(index), jax.random.key(seed))
        return tuple(np.asarray(jax.random.key_data(episode.key)).tolist())

    assert key_of("test", 2) == key_of("test", 2)
    # A second epoch of training counts on.
    places = [("train", 2), ("train", 7), ("test", 2), ("validation", 2), ("test", 3)]
    keys = {key_of(*place) for place in places} | {key_of("test", 2, seed=1)}
    assert len(keys) == 6


def test_offline_learners_differentiate_the_noisy_chip():
    """The same noise, forwards and backwards in time."""
    device = Noisy(Ledger(), (CurrentNoise(0.2), SpikeJitter(2)))
    oracle, forward = BPTT(small(), device=device), RTRL(small(), device=device)
    _, gradient, book = booked(oracle, TASK, EPISODES)
    _, same, other = booked(forward, TASK, EPISODES)
    assert_spikes(book, least=20, most=150)
    assert np.array_equal(book.spikes["hidden"], other.spikes["hidden"])
    assert_same(same, gradient)


def test_a_noisy_chip_needs_keys():
    learner = Learner(small(), eprop(), Noisy(Ideal(), (SpikeLoss(0.1),)))
    state, silent = programmed(learner), draw(TASK, 1)
    with pytest.raises(ValueError, match="needs a key .* `task.sample`"):
        jax.eval_shape(lambda s, e: learner.learn(TASK, s, e), state, silent)
    with pytest.raises(ValueError, match="needs a key .* `task.sample`"):
        infer(small(), TASK, learner.params(state), silent)


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match=r"CurrentNoise.sd .* membrane .* got -1"):
        CurrentNoise(-1.0)
    with pytest.raises(ValueError, match=r"CurrentNoise.tau must be positive.* got 0"):
        CurrentNoise(0.1, 0.0)
    with pytest.raises(ValueError, match=r"SpikeLoss.probability .* got 1.5"):
        SpikeLoss(1.5)
    with pytest.raises(ValueError, match=r"SpikeJitter.most .* in ticks; got -1"):
        SpikeJitter(-1)
    with pytest.raises(ValueError, match=r"ReadoutNoise.sd .* output units; got -0.1"):
        ReadoutNoise(-0.1)
