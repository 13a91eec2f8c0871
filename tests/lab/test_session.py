"""A run that is watched, changed and kept is the run that it would have been."""

import json

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from onspike.experiment import runs
from onspike.experiment.store import RunFolder
from onspike.lab import messages
from onspike.lab.film import Synapse
from onspike.lab.follow import Follow
from onspike.lab.session import Session, chunk_of
from oracle import assert_close
from tinyrun import assert_same_run, tiny

SPEC = tiny("reckon", settings={"train.epochs": 3})


def a_sample(session):
    """All of the next sample, or of what is left of it."""
    return list(session.ticks(session.task.ticks))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The run as `onspike train` makes it."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    runs.train([SPEC], [folder])
    return folder


def test_ticks_and_segments_learn_what_training_learns(reference, tmp_path):
    session = Session(SPEC)
    before = session.params
    for shot in (*session.ticks(1), *a_sample(session)):
        assert shot.frames.mask.dtype == bool
    assert session.tick == 0 and session.done == 1
    while session.epoch < 2:
        session.segment(min(2, session.left))
        left = session.ended_epoch()
        assert (left is None) == (session.done > 0)
    _, _, _, end = runs.ends(reference)
    for _ in range(session.size):
        a_sample(session)
    assert session.ended_epoch() and session.over
    assert_close(session.state, jax.tree.map(lambda a: a[0], end.state))
    moved = np.abs(session.params.weights["in"] - before.weights["in"]).max()
    assert moved > 1e-6


def test_a_kept_session_is_resumed_to_the_same_end(reference, tmp_path):
    session = Session(SPEC)
    session.segment(2)
    with pytest.raises(ValueError, match="between two samples"):
        list(session.ticks(1))
        session.save(tmp_path / "early")
    session = Session(SPEC)
    session.segment(2)
    session.save(tmp_path / "kept")
    runs.resume(tmp_path / "kept")
    assert_same_run(tmp_path / "kept", reference)
    with pytest.raises(ValueError, match="not empty"):
        session.save(tmp_path / "kept")


def test_a_run_folder_is_opened_where_it_stands(reference):
    session = Session.opened(reference)
    assert (session.epoch, session.done, session.over) == (3, 0, True)
    assert [row["epoch"] for row in session.rows] == [1, 2, 3]
    last = RunFolder(reference).result()
    counts = messages.point_of_row(session.rows[-1], session.size)
    assert counts["held_out"] == last["validation_accuracy"]


def test_unplugging_touches_nothing_that_is_learnt():
    session = Session(SPEC)
    list(session.ticks(20))
    before = session.state
    session.plugged = False
    shots = a_sample(session)
    assert session.clock == 1 and session.seen == 0
    assert shots[-1].answer is not None and shots[0].frames.elig is None
    assert session.state is before and session.tick == 20
    session.plugged = True
    a_sample(session)
    assert session.seen == 1


def test_unplugged_samples_are_held_out_ones_as_inference_runs_them():
    session = Session(SPEC)
    session.plugged = False
    shots = a_sample(session)
    task, learner = session.task, session.learner
    episode = task.sample(session.held_out, jnp.zeros((), jnp.int32), session.keys.data)
    seen = learner.record(task, session.params, episode)
    y = np.concatenate([shot.frames.y for shot in shots])
    z = np.concatenate([shot.frames.z["hidden"] for shot in shots])
    np.testing.assert_allclose(y, seen.y, atol=1e-12)
    np.testing.assert_array_equal(z, seen.z["hidden"] != 0)
    assert z.sum() > 0


def test_a_rate_changes_in_the_middle_of_a_sample():
    fast, slow = Session(SPEC), Session(SPEC)
    for session in (fast, slow):
        list(session.ticks(30))
    slow.set("rule.rate", 0.0)
    slow.set("rule.rate_out", 0.0)
    kept = slow.params.weights
    a_sample(fast), a_sample(slow)
    for name, w in slow.params.weights.items():
        np.testing.assert_array_equal(w, kept[name])
    assert np.abs(fast.params.weights["out"] - kept["out"]).max() > 0


def test_mismatch_changes_the_die_and_keeps_the_weights():
    session = Session(tiny("reckon", "lif"))
    session.segment(1)
    stored = session.params.weights["in"]
    taus = []
    for cv in (0.2, 0.1, 0.0):
        session.set("device.mismatch", cv)
        tau = session.params.neurons["hidden"].tau_mem
        taus.append(np.log(np.broadcast_to(tau, 4)))
        session.segment(1)
    spread = [np.std(tau) for tau in taus]
    assert spread[0] > 1.5 * spread[1] > 0 and spread[2] == 0
    np.testing.assert_array_equal(np.argsort(taus[0]), np.argsort(taus[1]))
    again = Session(tiny("reckon", "lif"))
    again.segment(1)
    again.set("device.mismatch", 0.2)
    gain = again.params.weights["in"] / stored
    assert 0.05 < np.std(np.log(gain)) < 0.5
    again.set("device.mismatch", 0.0)
    np.testing.assert_allclose(again.params.weights["in"], stored, rtol=1e-12)


def test_what_cannot_be_changed_is_refused_and_nothing_changes():
    session = Session(SPEC)
    spec, state = session.spec, session.state
    for path, value, why in (
        ("network.hidden", 7, "shape of the network"),
        ("rule.nonsense", 1, "unknown option"),
        ("rule.rate", -1.0, "zero or positive, in weight per gradient"),
        ("rule.name", "eprop", "another session"),
        ("rate", 1, "section.option"),
        ("seed.x", 1, "section.option"),
    ):
        with pytest.raises(ValueError, match=why):
            session.set(path, value)
        assert session.spec is spec and session.state is state
    a_sample(session)
    with pytest.raises(ValueError, match="learns sample by sample"):
        Session(tiny("bptt"))


def test_other_batches_begin_an_epoch_anew_and_the_clock_goes_on():
    session = Session(SPEC)
    session.segment(3)
    list(session.ticks(10))
    session.set("train.batch", 2)
    assert (session.clock, session.done, session.tick, session.tally.seen) == (
        3,
        0,
        0,
        0,
    )
    a_sample(session)
    assert session.clock == 5 and len(session.right) == 5
    for _ in range(2):
        a_sample(session)
    assert session.ended_epoch().tallies[0].seen == session.size == 6
    with pytest.raises(ValueError, match="must be at most 6"):
        session.set("train.batch", 7)
    assert session.batch == 2


def test_a_synapse_is_chosen_and_its_product_is_what_is_written():
    session = Session(tiny("reckon", settings={"train.decay": "none"}))
    with pytest.raises(ValueError, match="no projection 'nowhere'"):
        session.look_at(Synapse("nowhere", 0, 0))
    with pytest.raises(ValueError, match="pre must be a neuron's number, 0 to 3"):
        session.look_at(Synapse("out", 0, 4))
    session.look_at(Synapse("out", 1, 2))
    shots = a_sample(session)
    frames = jax.tree.map(lambda *a: np.concatenate(a), *(s.frames for s in shots))
    open_at = frames.mask
    product = (frames.elig * frames.learning)[open_at]
    rate = session.spec.rule.rate_out
    change = np.diff(np.append(frames.w, session.params.weights["out"][1, 2]))
    np.testing.assert_allclose(change[open_at], -rate * product, atol=1e-12)
    assert np.abs(change).max() > 0


def test_the_busiest_synapse_is_the_one_that_changed_most():
    session = Session(SPEC)
    session.segment(2)
    name, post, pre = session.busiest()
    change = np.abs(session.params.weights[name] - session.first.weights[name])
    assert change[post, pre] == change.max() > 0


def test_messages_say_what_the_arrays_hold():
    session = Session(SPEC)
    shots = a_sample(session)
    told = messages.ticks(session, 0, shots, plugged=True)
    z = np.concatenate([shot.frames.z["hidden"] for shot in shots])
    pairs = np.reshape(told["z"]["hidden"], (-1, 2))
    np.testing.assert_array_equal(pairs, np.argwhere(z))
    assert len(pairs) > 0 and told["n"] == session.task.ticks == len(told["y"][0])
    found = messages.weights(session.first, session.params)["in"]
    w = np.asarray(session.params.weights["in"])
    assert sum(found["counts"]) == sum(found["first"]) == w.size
    picture = np.reshape(found["image"], (found["rows"], found["columns"]))
    np.testing.assert_allclose(
        picture * found["scale"] / 100, w, atol=found["scale"] / 199
    )


def test_a_large_matrix_is_pictured_by_means():
    w = np.arange(128 * 256.0).reshape(128, 256)
    told = messages._projection(w, w)
    assert (told["rows"], told["columns"]) == (64, 64)
    picture = np.reshape(told["image"], (64, 64)) * told["scale"] / 100
    means = w.reshape(64, 2, 64, 4).mean((1, 3))
    np.testing.assert_allclose(picture, means, atol=told["scale"] / 199)


def test_a_run_in_another_process_is_followed(tmp_path):
    writer = Session(SPEC)
    writer.segment(2)
    folder = tmp_path / "run"
    writer.save(folder)
    reader, follow = Session.opened(folder), Follow(folder)
    assert not follow.over and follow.news(reader) is None
    # The counts of a checkpoint within an epoch are numpy's, and no JSON.
    point = json.loads(msgspec.json.encode(messages.point(reader)))
    assert point["seen"] == reader.seen > 0 and point["writes"] > 0
    runs.resume(folder)
    step = follow.news(reader)
    assert step.position.epoch == 3 and follow.over
    assert [row["epoch"] for row in follow.rows(reader)] == [1, 2, 3]
    reader.adopt(step)
    end = Session.opened(folder).params.weights["in"]
    np.testing.assert_array_equal(reader.params.weights["in"], end)


@pytest.mark.parametrize(
    ("ticks", "left"), [(1, 0), (7, 0), (60, 0), (61, 1), (2250, 0)]
)
def test_chunks_divide_a_sample_where_they_can(ticks, left):
    chunk, most = chunk_of(ticks), min(40, ticks)
    assert most // 2 < chunk <= most
    assert ticks % chunk == left
