"""The event-driven engine: what the reference gives, from native code."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from onspike import ALIF, LIF, Fixed, Ideal, Learner, Refractory, feedforward, recurrent
from onspike.devices import Nearest, PlusMinusLSB, SoftBound, StochasticRounding
from onspike.devices.fixed import AbstractWrite
from onspike.engine import Event
from onspike.experiment import build, spec
from onspike.losses import SquaredError
from onspike.neurons import CubaLIF, SubtractReset, ZeroReset
from onspike.rules import (
    Coincidence,
    DirectFeedback,
    EndOfSample,
    EveryTick,
    LinearDecay,
    NoSignal,
    PreTrace,
    RateHinge,
    RateTarget,
    TargetWindow,
    ThreeFactor,
    eprop,
    frozen_hidden,
    reckon,
)
from onspike.surrogates import Arctan, Box
from oracle import (
    READOUT,
    assert_close,
    assert_learn_alike,
    assert_spikes,
    begin,
    draw,
    learn,
    plain,
    small,
    tasklet,
)

# Three blocks, of which the first has no target and the last but a part.
TASK = tasklet(ticks=600, window=300)
RATE = {"*": 1e-3, "out": 1e-2}
NET = recurrent(3, LIF(v_threshold=0.8), 20, 2, readout=READOUT, gains=(0.2, 0.1, 1.0))
HINGE = RateHinge(0.01, 2.0)


FORMS = {
    "summed, hinge": (NET, reckon(RATE, gate=EndOfSample(), regulariser=HINGE), {}),
    "summed, with momentum, random feedback, resets to zero, box, feed-forward": (
        feedforward(
            3,
            LIF(v_threshold=0.8, reset=ZeroReset(), surrogate=Box(1.0), bias=0.01),
            (6,),
            2,
            readout=READOUT,
        ),
        reckon(RATE, gate=EndOfSample(), signal=DirectFeedback()),
        {"transform": optax.trace(0.9)},
    ),
    "written each tick, hinge, decays": (
        NET,
        reckon(RATE, gate=TargetWindow(), regulariser=HINGE),
        {"schedule": LinearDecay(1200.0), "weight_decay": 0.1},
    ),
    "written each tick, refractory, readout alone": (
        small(LIF(v_threshold=0.6, refractory=Refractory(2e-3, clamp=True))),
        frozen_hidden(1e-2),
        {},
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_events_give_what_ticks_give(name):
    network, rule, more = FORMS[name]
    task = dataclasses.replace(TASK, loss=SquaredError()) if more else TASK
    slow = Learner(network, rule, **more)
    fast = Learner(network, rule, engine=Event(shares=2), **more)
    first, second = (draw(task, 3, rate=0.1, seed=seed) for seed in range(2))
    second = second._replace(content=second.content > 0)  # spikes may be bytes
    assert_learn_alike(slow, fast, task, (first, second), least=100, most=20000)


@pytest.mark.parametrize(
    ("gate", "mode", "decay"),
    [
        (EndOfSample(), PlusMinusLSB(), 0.0),
        (TargetWindow(), PlusMinusLSB(), 0.0),
        (TargetWindow(), StochasticRounding(), 0.1),
        (TargetWindow(), Nearest(), 0.0),
    ],
)
def test_few_bits_are_written_bit_for_bit(gate, mode, decay):
    rates = {name: 30 * rate for name, rate in RATE.items()}
    rule, device = reckon(rates, gate=gate), Fixed(6, mode)
    slow, fast = (
        Learner(NET, rule, device, weight_decay=decay, **more)
        for more in ({}, {"engine": Event()})
    )
    start, episodes = begin(slow, 2), draw(TASK, 2, rate=0.1)
    expected, record = learn(slow, TASK, start, episodes)
    found, seen = learn(fast, TASK, start, episodes)
    assert_spikes(record, least=100, most=20000)
    assert_close(found, expected)
    assert int(seen.written) == int(record.written) > 0
    before, after = start.shared.store.die.codes, expected.shared.store.die.codes
    assert all(np.any(before[name] != after[name]) for name in slow.rates())


def test_threads_change_no_bit(monkeypatch):
    learner = Learner(NET, FORMS["summed, hinge"][1], engine=Event(shares=3))
    start, episodes, seen = begin(learner, 3), draw(TASK, 3, rate=0.1), []
    for cores in (1, 2, 3):
        monkeypatch.setattr("onspike.engine.event.engine.cores", lambda c=cores: c)
        jax.clear_caches()
        seen.append(learn(learner, TASK, start, episodes))
    for other in seen[1:]:
        for a, b in zip(jax.tree.leaves(seen[0]), jax.tree.leaves(other), strict=True):
            assert np.array_equal(plain(a), plain(b))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32])
def test_input_of_any_kind_of_number_is_the_same(kind):
    learner = Learner(NET, reckon(RATE), engine=Event())
    episodes = draw(TASK, 1, rate=0.1)
    other = episodes._replace(content=episodes.content.astype(kind))
    start = begin(learner)
    expected, found = (learn(learner, TASK, start, some) for some in (episodes, other))
    assert_close(found, expected)


def test_random_bits_of_another_generator_are_refused():
    rule = reckon(RATE, gate=TargetWindow())
    learner = Learner(NET, rule, Fixed(), engine=Event())
    state = learner.init(jax.random.key(0, impl="rbg"))
    with pytest.raises(
        ValueError, match="threefry2x32, and the learner's key is of rbg"
    ):
        learner.learn(TASK, state, draw(TASK, 1, rate=0.1))


class Never(AbstractWrite):
    """A write mode that no native code knows: nothing is written."""

    def __call__(self, steps, key):
        return jnp.zeros_like(steps)


def test_an_input_that_is_not_finite_shows():
    learner = Learner(NET, reckon(RATE), engine=Event())
    episodes = draw(TASK, 1, rate=0.1)
    broken = episodes._replace(content=episodes.content.at[0, 7, 1].set(jnp.nan))
    _, record = learn(learner, TASK, begin(learner), broken)
    assert np.isnan(record.arrived).tolist() == [False, True, False]


@pytest.mark.parametrize("gate", [TargetWindow(), EndOfSample()])
def test_runs_side_by_side_are_runs_one_by_one(gate, monkeypatch):
    monkeypatch.setattr("onspike.engine.event.engine.cores", lambda: 3)
    learner = Learner(NET, reckon(RATE, gate=gate), engine=Event())
    states = [begin(learner, 2, seed) for seed in range(2)]
    batches = [draw(TASK, 2, rate=0.1, seed=seed) for seed in range(3)]
    every_batch = jax.vmap(lambda s, e: learner.learn(TASK, s, e), (None, 0))
    stacked = [jax.tree.map(lambda *a: jnp.stack(a), *one) for one in (states, batches)]
    together = jax.jit(jax.vmap(every_batch, (0, None)))(*stacked)
    for i, state in enumerate(states):
        for k, batch in enumerate(batches):
            found = jax.tree.map(lambda a, i=i, k=k: a[i, k], together)
            assert_close(found, learn(learner, TASK, state, batch))


def ruled(**factors):
    factors = {"signal": NoSignal(), "gate": EndOfSample()} | factors
    return Learner(NET, ThreeFactor(eligibility=PreTrace(), rate=0.1, **factors))


REFUSED = {
    "the neuron ALIF has no event-driven form where writes happen": Learner(
        small(ALIF()), reckon()
    ),
    "the neuron CubaLIF has no event-driven form": Learner(small(CubaLIF()), reckon()),
    "the neurons of 'hidden' do not share one tau_mem": Learner(
        small(LIF(jnp.linspace(1e-2, 2e-2, 4))), reckon(rate={"out": 0.1})
    ),
    "the surrogate Arctan has no native form": Learner(
        small(LIF(surrogate=Arctan())), reckon()
    ),
    "the delay of 'rec' is 2 ticks, and not 1": Learner(
        recurrent(3, LIF(), 4, 2, delay=2), reckon()
    ),
    "the network is not one hidden population": Learner(
        feedforward(3, LIF(), (4, 4), 2), reckon()
    ),
    "the eligibility EProp has no event-driven form where writes happen": Learner(
        NET, eprop(gate=EveryTick())
    ),
    "the eligibility EProp has no event-driven form: a spike resets": Learner(
        small(LIF(reset=ZeroReset())), eprop()
    ),
    "the eligibility EProp has no event-driven form: derivatives flow": Learner(
        small(ALIF(reset=SubtractReset(gradient=True))), eprop()
    ),
    "the eligibility EProp has no event-driven form: a refractory membrane": Learner(
        small(LIF(refractory=Refractory(clamp=True))), eprop()
    ),
    "the eligibility Coincidence has no event-driven form": Learner(
        NET, eprop(eligibility=Coincidence())
    ),
    "the readout's filter ReadoutFilter has no event-driven form where": Learner(
        NET, eprop(eligibility=PreTrace(), gate=TargetWindow())
    ),
    "the regulariser RateTarget has no event-driven form where": ruled(
        regulariser=RateTarget(), gate=TargetWindow()
    ),
    "the write mode Never has no event-driven form where": Learner(
        NET, reckon(), Fixed(8, Never())
    ),
    "the device SoftBound has no event-driven form where": Learner(
        NET, reckon(), SoftBound(Ideal())
    ),
    "an optimiser has no event-driven form where writes happen": Learner(
        NET, reckon(), transform=optax.trace(0.9)
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_has_no_event_driven_form_is_refused_with_the_reason(reason):
    learner = dataclasses.replace(REFUSED[reason], engine=Event())
    assert reason in learner.engine.refuses(learner, TASK)
    with pytest.raises(ValueError, match=f"Event cannot run this learner: {reason}"):
        learner.learn(TASK, begin(learner), draw(TASK, 1))


def test_what_it_takes_is_not_refused():
    for network, rule, more in FORMS.values():
        assert Event().refuses(Learner(network, rule, Ideal(), **more), TASK) is None


def test_a_batch_has_a_positive_number_of_shares():
    with pytest.raises(ValueError, match="Event.shares must be a whole number >= 1"):
        Event(shares=0)


def test_a_specification_may_ask_for_it():
    wish = {"train.engine": "event"}
    taken = spec.resolve("cue-accumulation", settings=wish)
    learner = build.learner(taken, taken.built("task"))
    assert isinstance(learner, Learner) and isinstance(learner.engine, Event)
    other = spec.resolve(
        "cue-accumulation",
        rule="eprop",
        settings=wish | {"rule.gate": "target-window", "rule.readout_filter": "true"},
    )
    with pytest.raises(ValueError, match="train.engine 'event' cannot run this: the"):
        build.learner(other, other.built("task"))


@pytest.mark.parametrize("gate", [EndOfSample(), TargetWindow()])
def test_single_precision_agrees_to_its_own_rounding(gate):
    """Weights differ by 1e-6 of the largest, while no spike falls differently."""
    with jax.enable_x64(False):
        task = tasklet(ticks=100, window=60)
        rule = reckon(RATE, gate=gate)
        slow, fast = Learner(NET, rule), Learner(NET, rule, engine=Event())
        start, episodes = begin(slow, 1), draw(task, 1, rate=0.1)
        expected, record = learn(slow, task, start, episodes)
        found, seen = learn(fast, task, start, episodes)
        assert np.array_equal(seen.spikes["hidden"], record.spikes["hidden"])
        assert int(record.spikes["hidden"].sum()) > 20
        before, after, other = (
            state.shared.store.die.weights for state in (start, expected, found)
        )
        for name in slow.rates():
            update = np.float64(after[name]) - np.float64(before[name])
            apart = np.abs(np.float64(other[name]) - np.float64(after[name])).max()
            size = np.abs(update).max()
            assert after[name].dtype == np.float32 and size > 1e-4
            assert apart < 1e-6 * np.abs(after[name]).max()
