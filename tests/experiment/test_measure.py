"""What is counted: operations by hand, memory from sizes, accuracy from answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onspike as ons
from onspike.devices import FanIn
from onspike.engine import record
from onspike.experiment import build, measure
from onspike.network import Network, Population, Projection
from tinyrun import listed, tiny

KEY = ons.key(0)


def tally(**fields):
    empty = measure.Tally(
        seen=0,
        right=0,
        written=0,
        arrived=np.zeros(2),
        spikes={"hidden": np.zeros(3)},
        confusion=np.zeros((2, 2), int),
        by_group=np.zeros((1, 2), int),
    )
    return empty._replace(**fields)


def test_operations_of_a_small_network_counted_by_hand():
    network = ons.recurrent(2, ons.LIF(), 3, 2)
    counts = tally(
        seen=4, arrived=np.array([2.0, 5.0]), spikes={"hidden": np.array([1.0, 0, 3])}
    )
    # 7 events reach 3 neurons; 4 spikes reach the 2 other neurons and 2 outputs.
    assert measure.operations(listed(), network, counts) == {
        "spikes_per_sample": 4 / 4,
        "synaptic_ops_per_sample": (7 * 3 + 4 * 2 + 4 * 2) / 4,
        "neuron_updates_per_sample": 60 * (3 + 2),
    }


def test_operations_count_synapses_that_are_there():
    mask = jnp.array([[True, False], [True, False], [True, True]])
    network = Network(
        2,
        {"hidden": Population(ons.LIF(), 3), "out": Population(ons.LIF(), 1)},
        {
            "in": Projection("input", "hidden", mask=mask),
            "out": Projection("hidden", "out", delay=2),
            "back": Projection("out", "hidden", delay=1),
        },
        output="out",
    )
    spikes = {"hidden": np.array([1.0, 2.0, 3.0]), "out": np.array([5.0])}
    counts = tally(seen=1, arrived=np.array([10.0, 100.0]), spikes=spikes)
    assert measure.operations(listed(), network, counts) == {
        "spikes_per_sample": 11.0,
        "synaptic_ops_per_sample": 10 * 3 + 100 * 1 + 6 * 1 + 5 * 3,
        "neuron_updates_per_sample": 60 * (3 + 1),
    }


def test_operations_count_the_connections_that_a_die_has():
    network = ons.recurrent(2, ons.LIF(), 3, 2)
    spikes = {"hidden": np.array([1.0, 0, 3])}
    counts = tally(seen=1, arrived=np.array([2.0, 5.0]), spikes=spikes)
    for device, most in ((FanIn(ons.Ideal(), 3), 3), (ons.devices.Parallel(6), 6)):
        params = network.init_params(ons.key(0))
        die = device.fabricate(params, network.wiring, ons.key(1))
        own = device.read(die).connections
        assert own.keys() == {"in", "rec", "out"}
        each = {n: np.asarray(c) for n, c in own.items()}
        assert np.all(each["in"].sum(1) + each["rec"].sum(1) <= most)
        found = measure.operations(listed(), network, counts, own)
        assert found["synaptic_ops_per_sample"] == (
            each["in"].sum(0) @ [2.0, 5.0]
            + (each["rec"].sum(0) + each["out"].sum(0)) @ [1.0, 0, 3]
        )
    weights = np.asarray(device.read(die).weights["in"])
    assert np.array_equal(each["in"] != 0, weights != 0)  # nothing is joined by a 0


def test_graded_neurons_send_a_value_in_every_tick():
    task, neuron = listed(ticks=5), ons.RateNeuron()
    network = ons.feedforward(2, neuron, (3,), 2)
    counts = tally(seen=4, arrived=np.array([2.0, 5.0]), spikes={})
    assert measure.operations(task, network, counts) == {
        "spikes_per_sample": 0.0,
        "synaptic_ops_per_sample": 7 * 3 / 4 + 5 * 3 * 2,
        "neuron_updates_per_sample": 5 * (3 + 2),
    }


def test_an_evaluation_adds_up_what_its_samples_do_whatever_the_batch():
    task = listed(7)
    network = ons.recurrent(8, ons.LIF(), 4, 2)
    params = network.init_params(KEY)
    # 3 at a time: three chunks of 2, and one sample more.
    counts = measure.evaluate(network, task, params, "test", KEY, batch=3)

    see = jax.jit(lambda episode: record(network, task, params, episode))
    mask = np.asarray(task.mask())
    events, spikes, confusion, operations = 0, np.zeros(4), np.zeros((2, 2)), 0
    for i in range(7):
        episode = task.episode("test", jnp.asarray(i), KEY)
        seen = see(episode)
        x, z = np.asarray(seen.x), np.asarray(seen.z["hidden"])
        for t in range(task.ticks):
            operations += 4 * np.count_nonzero(x[t]) + (3 + 2) * z[t].sum()
        events, spikes = events + np.count_nonzero(x), spikes + z.sum(0)
        answer = int(np.asarray(seen.y)[mask].sum(0).argmax())
        confusion[int(episode.label), answer] += 1
    assert spikes.sum() > 20 and counts.seen == 7 and counts.written == 0
    assert np.array_equal(counts.spikes["hidden"], spikes)
    assert counts.arrived.sum() == events
    assert np.array_equal(counts.confusion, confusion)
    assert counts.right == np.trace(confusion)
    found = measure.operations(task, network, counts)
    assert found["synaptic_ops_per_sample"] == pytest.approx(operations / 7)
    rates = measure.rates(task, counts)["hidden"]
    assert rates["mean"] == pytest.approx(spikes.mean() / (7 * 0.06))
    assert rates["max"] == pytest.approx(spikes.max() / (7 * 0.06))
    assert sum(measure.answer_share(counts)) == pytest.approx(1)
    assert counts.by_group.tolist() == [[counts.right, 7]]
    assert measure.accuracy(counts) == counts.right / 7
    alone = ons.infer(network, task, params, task.samples("test", jnp.arange(7), KEY))
    assert float(alone.share_right) == pytest.approx(counts.right / 7)


def memory(rule, n_hidden, n_in=2, device="ideal", **more):
    settings = {"network.hidden": n_hidden, "task.n_per_group": n_in} | more
    spec = tiny(rule, device=device, settings=settings)
    task = spec.built("task")
    return measure.memory(build.learner(spec, task), task)


def test_the_decoupled_rule_needs_memory_by_neuron_and_eprop_by_synapse():
    at = {n: memory("reckon", n) for n in (10, 20, 40)}
    state = {n: found["learning_state"] for n, found in at.items()}
    assert state[40] - state[20] == 2 * (state[20] - state[10]) > 0  # linear
    # As many more inputs cost one trace each, however many synapses they have.
    wide = [memory("reckon", n, n_in=12)["learning_state"] - state[n] for n in (10, 40)]
    assert wide == [4 * 10 * 64] * 2
    full = {n: memory("eprop", n)["learning_state"] for n in (10, 20, 40)}
    assert full[40] - full[20] > 2.5 * (full[20] - full[10])
    assert at[40]["learning_overhead"] < at[10]["learning_overhead"] < 0.5


def test_weights_take_the_bits_that_the_device_has():
    synapses = 5 * 8 + 5 * 4 + 2 * 5  # no self-connections
    ideal, eight = memory("reckon", 5), memory("reckon", 5, device="fixed8")
    assert eight["weights"] == 8 * synapses
    assert ideal["weights"] % synapses == 0 and ideal["weights"] >= 32 * synapses
    assert ideal["learning_state"] == eight["learning_state"]
    assert eight["learning_overhead"] > ideal["learning_overhead"]
    copied = memory("reckon", 5, device="fixed8", **{"device.shadow": True})
    assert copied["weights"] == eight["weights"]
    copy = copied["learning_detail"]["host's copy"]
    assert copied["learning_state"] == eight["learning_state"] + copy
    assert copy == ideal["weights"]


@pytest.mark.parametrize(
    ("spikes", "answers", "found"),
    [
        ([6.0, 2.0, 0.0], [3, 1], "healthy"),
        ([80.0, 60.0, 50.0], [3, 1], "runaway"),
        ([80.0, 60.0, 50.0], [4, 0], "one answer"),
        ([0.0, 0.0, 0.0], [3, 1], "silent"),
        ([6.0, 2.0, 0.0], [0, 4], "one answer"),
    ],
)
def test_a_network_that_computes_nothing_is_told_from_one_that_does(
    spikes, answers, found
):
    task, network = listed(), ons.recurrent(2, ons.LIF(), 3, 2)  # 60 ticks
    confusion = np.array([answers, [0, 0]])
    counts = tally(seen=4, spikes={"hidden": np.array(spikes)}, confusion=confusion)
    assert measure.condition(task, network, counts) == found


def test_an_epoch_without_a_write_is_told():
    assert measure.no_write(tally(seen=4, written=3)) == []
    assert "no weight was written" in measure.no_write(tally(seen=4))[0]
