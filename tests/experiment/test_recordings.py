"""What a run keeps to be looked at: samples, weights, the die, one synapse."""

import jax
import numpy as np
import pytest

from onspike import BPTT, LIF, Ideal
from onspike.devices import Dale, DeadNeurons, FanIn, Mismatch, Pulsed, StuckSynapses
from onspike.experiment import measure, recordings, runs, synapse
from onspike.experiment.run import Seeds, beginning, keys_of
from onspike.experiment.store import RunFolder
from onspike.learner import Learner
from onspike.rules import RateTarget, eprop
from oracle import small
from tinyrun import final_arrays, listed, tiny

KEY = jax.random.key(0)
MOMENTS = ("before", "during", "after")
SHAPES = {"in": (4, 8), "rec": (4, 4), "out": (2, 4)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three epochs on a bad die: its folder, and what it recorded."""
    folder = tmp_path_factory.mktemp("recordings") / "run"
    bad = {"device.mismatch": 0.2, "device.stuck": 0.2, "train.epochs": 3}
    runs.train([tiny(settings=bad)], [folder])
    read = {}
    for path in (folder / "recordings").iterdir():
        with np.load(path) as archive:
            read[path.stem] = dict(archive)
    return folder, read


def test_two_samples_and_the_weights_are_recorded_at_three_moments(run):
    folder, read = run
    task = RunFolder(folder).spec().built("task")
    kinds = {
        f"{w}_{when}" for w in ("sample", "sample2", "weights") for when in MOMENTS
    }
    assert set(read) == kinds | {"die", "synapse"}
    for epoch, when in zip((0, 1, 3), MOMENTS, strict=True):
        for name in ("sample", "sample2"):
            sample = read[f"{name}_{when}"]
            assert sample["x"].shape == (60, 8) and sample["x"].dtype == np.uint8
            assert sample["y"].shape == (60, 2) and sample["epoch"] == epoch
            assert sample["z_hidden"].shape == sample["v_hidden"].shape == (60, 4)
            assert sample["threshold_hidden"].shape == (4,)
            assert sample["neurons_hidden"].tolist() == [0, 1, 2, 3]
            assert np.array_equal(sample["mask"], task.mask()) and sample["dt"] == 1e-3
            assert sample["target"].argmax() == sample["label"]
            assert sample["loss"] == "CrossEntropy"
            votes = (sample["y"] * sample["mask"][:, None]).sum(0)
            assert int(sample["answer"]) == votes.argmax()
        weights = read[f"weights_{when}"]
        assert {name: w.shape for name, w in weights.items()} == SHAPES
    one, other = read["sample_before"], read["sample2_before"]
    assert one["index"] == 0 < other["index"] and one["label"] != other["label"]
    assert np.array_equal(one["x"], read["sample_after"]["x"]) and one["x"].any()
    course = [read[f"weights_{when}"] for when in MOMENTS]
    for name in SHAPES:
        assert not np.array_equal(course[0][name], course[1][name])
        assert not np.array_equal(course[1][name], course[2][name])


def test_a_membrane_that_is_recorded_crosses_its_threshold_with_each_spike(run):
    sample = run[1]["sample_after"]
    fired = sample["z_hidden"] == 1
    assert fired.any() and np.array_equal(
        fired, sample["v_hidden"] >= sample["threshold_hidden"]
    )


def test_metrics_tell_how_far_the_weights_have_gone(run):
    folder, read = run
    rows = RunFolder(folder).metrics()
    for name in SHAPES:
        moved = [row["weights"][name]["moved"] for row in rows]
        first, last = (read[f"weights_{when}"][name] for when in ("before", "after"))
        norm = np.linalg.norm(last - first) / np.linalg.norm(first)
        assert moved[-1] == pytest.approx(norm) and min(moved) > 0
        there = last[~np.eye(4, dtype=bool)] if name == "rec" else last.ravel()
        quantiles = np.quantile(there, (0.05, 0.25, 0.5, 0.75, 0.95))
        assert rows[-1]["weights"][name]["quantiles"] == pytest.approx(quantiles)


def test_moments_of_short_runs():
    assert recordings.moments(1) == {0: "before", 1: "after"}
    assert recordings.moments(2) == {0: "before", 1: "during", 2: "after"}
    assert recordings.moments(9) == {0: "before", 4: "during", 9: "after"}


def test_the_die_is_recorded_as_it_was_drawn(run):
    folder, read = run
    die, found = read["die"], final_arrays(folder)
    tau = die["neurons.hidden.tau_mem"]
    assert tau.shape == (4,) and np.ptp(tau) > 0
    assert die["design.hidden.tau_mem"] == np.float32(tiny().neuron.tau_mem)
    (key,) = (k for k in found if k.endswith("['hidden'].tau_mem"))
    assert np.array_equal(found[key].astype(np.float32), tau)
    # A weight that is not stuck is what is stored times its gain.
    (key,) = (k for k in found if k.endswith(".weights['in']"))
    free = ~die["synapses.in.stuck"]
    seen = (found[key] * die["synapses.in.gain"])[free]
    assert 0 < free.mean() < 1
    np.testing.assert_allclose(read["weights_after"]["in"][free], seen, rtol=1e-6)


@pytest.mark.parametrize(
    ("device", "found"),
    [
        (Ideal(), set()),
        (DeadNeurons(Ideal(), 0.5), {"neurons.hidden.alive"}),
        (FanIn(Ideal(), 3), {"synapses.in.connections", "synapses.out.connections"}),
        (Dale(Ideal()), {"synapses.in.sign", "synapses.out.sign"}),
        (
            StuckSynapses(Mismatch(Mismatch(Ideal(), {"weights": 0.1}), 0.1), 0.3),
            {"neurons.hidden.injected", "synapses.in.gain", "synapses.in.stuck"},
        ),
        (Pulsed(), {"synapses.in.step up", "synapses.in.lowest"}),
    ],
)
def test_what_is_drawn_depends_on_the_device(device, found):
    learner = Learner(small(), eprop(1e-3), device)
    arrays = recordings._drawn(learner, learner.init(KEY))
    assert found <= set(arrays) and bool(found) == bool(arrays)
    varied = {key for key in arrays if key.startswith("design.")}
    assert bool(varied) == isinstance(device, StuckSynapses)
    if isinstance(device, StuckSynapses):  # both layers' gains, as one
        once = device.device.device
        alone = Learner(small(), eprop(1e-3), once)
        fewer = recordings._drawn(alone, alone.init(KEY))
        assert arrays["synapses.in.gain"].std() > fewer["synapses.in.gain"].std()


def film_of(learner):
    """What is filmed of the first of some samples, from the beginning."""
    seeds = Seeds(learner, listed(ticks=40), [keys_of(KEY)])
    state = beginning(seeds, 2).state
    return synapse.film(seeds, {"before": state, "again": state}, 0), seeds, state


def test_the_traces_of_a_synapse_multiply_to_what_it_becomes():
    """With a write at the end of the sample, from all of it."""
    calm = RateTarget(strength=1e-3, target=0.0, tau=0.1)
    learner = Learner(small(n_in=8, n_out=2), eprop(1e-2, regulariser=calm))
    found, seeds, state = film_of(learner)
    assert found["projections"].tolist() == ["in", "out"]
    assert found["populations"].tolist() == [["input", "hidden"], ["hidden", "out"]]
    once = {key: a for key, a in found.items() if key.startswith("before.")}
    assert all(
        np.array_equal(a, found["again" + key[6:]]) and len(a) == 40
        for key, a in once.items()
    )
    task = seeds.task
    episodes = measure.drawn(task, "train", 0, 1, seeds.keys[0].data)
    one = synapse._one(seeds.of(state, 0))
    after, _ = learner.learn(task, one, episodes)
    change = {
        name: np.asarray(w - learner.params(one).weights[name])
        for name, w in learner.params(after).weights.items()
    }
    for name, (post, pre) in zip(found["projections"], found["synapses"], strict=True):
        moved = change[name]
        assert abs(moved[post, pre]) == np.abs(moved).max() > 0
        seen = {key[7:]: a for key, a in once.items()}
        product = seen[f"{name}.signal"] * seen[f"{name}.elig"]
        assert (name == "in") == (f"{name}.regulariser" in seen)
        if name == "in":
            pull = seen["in.regulariser"] * seen["in.unfiltered"]
            assert np.abs(pull).max() > 0
            product = product + pull
        assert moved[post, pre] == pytest.approx(-1e-2 * product.sum())
        assert np.ptp(found[f"before.{name}.w"]) == 0  # not written yet
        if name == "in":
            assert np.array_equal(found["before.in.pre"], task.x[0][:, pre])


def test_what_has_no_ticks_of_learning_has_no_traces():
    found, _, _ = film_of(BPTT(small(n_in=8, n_out=2), 1e-3))
    assert found is None


def test_single_precision_is_no_mismatch():
    """Constants are doubles in a specification, and singles on most dies."""
    learner = Learner(small(LIF(v_threshold=0.6)), eprop(1e-3))

    def single(a):
        return np.float32(a) if np.shape(a) == () and isinstance(a, float) else a

    state = jax.tree.map(single, learner.init(KEY))
    assert recordings._drawn(learner, state) == {}
