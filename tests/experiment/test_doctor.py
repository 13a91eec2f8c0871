"""Networks with each ailment, built to have it: found and named, a well one is not."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

import onspike as ons
from onspike.devices import (
    Drift,
    Fixed,
    Mismatch,
    Nearest,
    Parallel,
    Pulsed,
    StuckSynapses,
)
from onspike.experiment import doctor, examine, measure, runs
from onspike.experiment.run import Diverged
from tinyrun import command, listed, tiny

WELL = {
    "network.hidden": 8,
    "network.gain_in": 0.3,
    "task.train_samples": 40,
    "task.validation_samples": 20,
}
BROKEN = {"rule.rate": 1e308, "rule.rate_out": 1e308}
ILL = {  # settings that make one, what is found where, and in what numbers
    "silent": ({"network.gain_in": 1e-3}, "hidden", "is silent", "0 Hz on average"),
    "saturated": ({"network.gain_in": 8.0}, "hidden", "saturates", "fastest neuron"),
    "dead": ({"network.gain_in": 0.03}, "hidden", "has dead neurons", "never fired"),
    "frozen": ({"rule.rate": 1e-30}, "in", "was never updated", "no weight differs"),
    "exploding": ({"rule.rate": 1e3}, "in", "explodes", "times the first one"),
    "broken": (BROKEN, "in", "is not finite", "are no numbers"),
}


def ailments(found):
    return {
        (f.where.split("'")[1], f.what): f for f in found.findings if "'" in f.where
    }


def test_a_network_that_is_well():
    found = doctor.probe(tiny(settings=WELL))
    assert found.findings == [] and found.epochs == 1.0
    (hidden,) = found.populations
    assert 1 < hidden.mean < hidden.fastest < 500 and hidden.never < 0.5
    assert [p.name for p in found.projections] == ["in", "out", "rec"]
    for p in found.projections:
        assert p.plastic and p.finite == 1 and p.changed > 0.5
        assert p.growth == pytest.approx(1, abs=0.1) and p.at_bound == 0


@pytest.mark.parametrize("ailment", ILL)
def test_each_ailment_is_found_with_numbers_and_something_to_try(ailment):
    settings, where, what, measured = ILL[ailment]
    found = ailments(doctor.probe(tiny(settings=WELL | settings)))
    finding = found[where, what]
    assert measured in finding.measured and finding.remedy
    if ailment in ("dead", "frozen"):  # nothing else is wrong
        others = {name for name, _ in found} - {where, "rec"}
        assert not others


def test_weights_at_the_clamp_are_stuck():
    found = doctor.probe(tiny(settings=WELL | {"train.clamp": 0.05, "rule.rate": 1.0}))
    stuck = ailments(found)["in", "is stuck at a bound"]
    assert "cannot grow; the largest is 0.05" in stuck.measured
    assert "train.clamp" in stuck.remedy
    seen = {p.name: p for p in found.projections}
    assert seen["in"].largest == pytest.approx(0.05) and seen["in"].at_bound > 0.5


NETWORK = ons.feedforward(4, ons.LIF(), (3,), 2)
PULL = {"in": jnp.zeros((3, 4)).at[:, :2].set(100.0)}


def looked_at(device, change, writes=1):
    """What is seen of a die after some writes."""
    learner = ons.Learner(NETWORK, ons.rules.eprop(1e-3), device)
    first = last = learner.fabricate(*(ons.key(i) for i in range(3))).die
    for i in range(writes):
        last = device.write(last, change, ons.key(3 + i))
    return {p.name: p for p in examine._projections(learner, first, last)}


@pytest.mark.parametrize("mismatch", [0.0, 0.3])
def test_codes_of_few_bits_at_the_end_of_their_range_whatever_the_die(mismatch):
    device = Fixed(bits=4, write_mode=Nearest())
    seen = looked_at(Mismatch(device, mismatch) if mismatch else device, PULL)
    assert seen["in"].at_bound == 6 / 12
    assert seen["in"].changed == 6 / 12 and seen["in"].moved
    assert seen["out"].at_bound == seen["out"].changed == 0 and not seen["out"].moved


def test_cells_whose_bounds_differ_are_each_at_their_own():
    device = Pulsed(dw_min=0.05, dw_min_std=0.0, w_max_dtod=0.3)
    pull = {"in": jnp.full((3, 4), 100.0), "out": jnp.full((2, 3), -100.0)}
    seen = looked_at(device, pull, 20)
    assert seen["in"].at_bound == seen["out"].at_bound == 1
    assert looked_at(device, pull, 0)["in"].at_bound == 0


def test_neurons_whose_connections_are_spent_have_no_room():
    device = Parallel(40, Nearest(), headroom=4.0)
    assert looked_at(device, {}, 0)["in"].at_bound == 0
    spent = looked_at(device, {"in": PULL["in"].at[2].set(0.0)})
    assert 0.5 < spent["in"].at_bound < 1 and spent["out"].at_bound == 0


def test_what_is_broken_is_at_no_bound():
    seen = looked_at(StuckSynapses(Fixed(bits=4), 0.5, high=1.0), {}, 0)
    assert seen["in"].at_bound == 0


@pytest.mark.parametrize("device", [Drift(ons.Ideal()), Pulsed(lifetime=100.0)])
def test_what_moves_by_itself_is_not_taken_for_learning(device):
    seen = looked_at(device, {})["in"]
    assert seen.changed is None
    empty = measure.nothing(listed(n_in=4), NETWORK)
    assert examine._never(seen, empty, None)
    assert not examine._never(seen, empty._replace(written=3), None)
    assert examine._never(seen, empty, {"weight_writes_per_sample": 0.0})


def test_the_share_at_a_bound():
    w = np.array([7.0, -7, 7, 3, 1, 0])
    grown, less = np.array([7.0, -7, 7, 4, 2, 0]), w - np.sign(w)
    free = np.zeros(6, bool)
    assert examine._bound(examine._Course(w, w, grown, less), [], free) == 0.5
    assert examine._bound(examine._Course(w, w, w, less), [], free) == 5 / 6
    assert examine._bound(examine._Course(w, w, w, w), [], free) == 0.0  # stuck
    assert examine._bound(examine._Course(w, w, 2 * w, less), [], ~free) == 5 / 6
    full = np.full(6, 7.0)
    assert examine._bound(examine._Course(w, full, full, full - 1), [], free) == 1.0
    binary = np.array([-1.0, 1, 0, 1])
    gains = binary * np.array([1.1, 0.9, 1.2, 1.3])
    course = examine._Course(gains, gains, gains, 0 * gains)
    assert examine._bound(course, [], free[:4]) == 3 / 4
    assert examine._bound(course, [(binary, binary)], free[:4]) is None


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that is well."""
    folder = tmp_path_factory.mktemp("doctor") / "run"
    runs.train([tiny(settings=WELL)], [folder])
    return folder


def test_the_command_on_a_run_that_is_well(trained, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    before = sorted(p.name for p in trained.rglob("*"))
    code, lines, complaints = command("doctor", trained)
    text = " ".join(" ".join(lines).split())
    assert code == 0 and not complaints
    assert "trained for 2 epochs of 40 samples; looked at 20 validation samples" in text
    assert "nothing wrong found" in text and "answers by class" in text
    for name in ("hidden", "in", "out", "rec"):
        assert any(line.startswith(f"{name} ") for line in lines)
    assert sorted(p.name for p in trained.rglob("*")) == before


def test_the_command_on_a_specification(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    spec = tmp_path / "spec.toml"
    shutil.copy(trained / "spec.toml", spec)
    code, lines, _ = command("doctor", spec)
    assert code == 0 and "trained for 1 epoch of" in lines[0]
    spec.write_text(spec.read_text().replace("gain_in = 0.3", "gain_in = 0.001"))
    code, lines, _ = command("doctor", spec)
    assert code == 1 and any("is silent" in line for line in lines)
    assert list(tmp_path.iterdir()) == [spec]
    code, _, (line,) = command("doctor", tmp_path / "none")
    assert code == 2 and "there is no folder or file" in line


def test_a_readout_that_always_answers_the_same(tmp_path):
    mute = {"network.gain_out": 0.0, "rule.rate_out": 0.0}
    runs.train([tiny(settings=WELL | mute)], [tmp_path / "run"])
    found = doctor.diagnose(tmp_path / "run")
    (readout,) = [f for f in found.findings if f.where == "readout"]
    assert readout.measured == "all answers go to class 0" and found.answers == [1, 0]


def test_a_run_that_diverged(tmp_path):
    with pytest.raises(Diverged):
        runs.train([tiny(settings=WELL | BROKEN)], [tmp_path / "run"])
    (finding,) = doctor.diagnose(tmp_path / "run").findings
    assert finding.what == "has not learnt yet"
    lost = {"condition": "diverged", "warnings": ["weights are not finite"]}
    (tmp_path / "run/result.json").write_text(json.dumps(lost))
    finding = doctor.diagnose(tmp_path / "run").findings[0]
    assert finding[:3] == ("run", "diverged", "weights are not finite")
