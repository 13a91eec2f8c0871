"""Energy estimates: products by hand, and nothing that is unknown taken as free."""

import json

import pytest
from fabricate import comparison_folder, run_folder

from onspike import report
from onspike.report import energy
from onspike.report.load import read_run
from tinyrun import command

COUNTS = {
    "synaptic_ops": 1000.0,
    "neuron_updates": 50.0,
    "spikes": 8.0,
    "weight_writes": 30.0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("energy") / "run")


@pytest.mark.parametrize(
    "name, picojoules",
    {
        "reckon": 1000 * 5.3,
        "odin": 1000 * 12.7,
        "loihi": 1000 * 23.6 + 50 * 81 + 8 * 1.7,
        "truenorth": 1000 * 26,
        "dynap-se": 1000 * 26 + 8 * 2967,
        "cmos45-float32": 1000 * 5.9 + 50 * 14.6,
    }.items(),
)
def test_inference_is_what_hand_gives(name, picojoules):
    found = energy.price(energy.PROFILES[name], COUNTS, energy.RUNNING)
    assert found.joules == pytest.approx(picojoules * 1e-12)
    assert found.joules == pytest.approx(sum(found.parts.values()))


def test_every_profile_is_tested_and_says_where_it_comes_from():
    assert len(energy.PROFILES) == 6
    for profile in energy.PROFILES.values():
        assert profile.volts > 0 and "nm" in profile.process and profile.assumptions
        assert "doi:" in profile.source or "arXiv" in profile.source
        assert profile.basis in ("measured", "simulated", "composed", "assumed")
        assert set(profile.joules) | set(profile.inside) <= set(energy.OPERATIONS)
        assert not set(profile.joules) & set(profile.inside)
        assert all(0 < joules < 1e-8 for joules in profile.joules.values())


def test_what_has_no_price_or_no_count_is_named_and_not_free():
    reckon, odin = energy.PROFILES["reckon"], energy.PROFILES["odin"]
    found = energy.price(reckon, COUNTS, energy.RUNNING)
    assert found.uncounted == ("neuron_updates", "spikes")
    assert energy.price(odin, COUNTS, energy.RUNNING).uncounted == ()  # inside

    writes = energy.price(reckon, COUNTS, energy.WRITING)
    assert writes == energy.Energy(None, {}, ("weight_writes",))
    none = energy.price(reckon, {"weight_writes": 0.0}, energy.WRITING)
    assert none == energy.Energy(None, {}, ())  # nothing happened

    old = {"synaptic_ops": 1000.0, "spikes": 8.0}  # of before updates were counted
    found = energy.price(energy.PROFILES["loihi"], old, energy.RUNNING)
    assert found.uncounted == ("neuron_updates",)
    assert found.joules == pytest.approx((1000 * 23.6 + 8 * 1.7) * 1e-12)


def test_inference_is_of_the_test_and_learning_of_training(folder):
    (loihi,) = [e for e in energy.estimates(read_run(folder)) if e.profile == "loihi"]
    updates = 229_500 * 81
    inference = 182_345 * 23.6 + updates + 1790.5 * 1.7
    assert loihi.inference.joules == pytest.approx(inference * 1e-12)
    epochs = range(1, 9)
    operations = sum(187_000 - 900 * epoch for epoch in epochs) / 8
    spikes = sum(1834.25 - 9 * epoch for epoch in epochs) / 8
    training = operations * 23.6 + updates + spikes * 1.7
    assert loihi.training.joules == pytest.approx(training * 1e-12)
    writes = sum(51_234 - 2000 * epoch for epoch in epochs) / 8
    assert loihi.writing.joules == pytest.approx(writes * 120e-12)


def test_a_run_that_is_not_tested_has_no_inference(tmp_path):
    folder = run_folder(tmp_path / "run")
    (folder / "result.json").unlink()
    for one in energy.estimates(read_run(folder)):
        assert one.inference.joules is None and one.training.joules is not None
    (folder / "metrics.jsonl").unlink()
    rows = energy.table(read_run(folder)).rows
    assert [row[1:4] for row in rows] == [["–"] * 3] * len(energy.PROFILES)


def test_the_command_prints_a_table_with_its_assumptions(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, lines, _ = command("energy", folder)
    text = " ".join(" ".join(lines).split())
    assert code == 0 and "estimated" in text
    assert "loihi 22.9 22.9 5.07 -" in text
    assert "reckon 0.966 0.97 – neuron updates, spikes, weight writes" in text
    for profile in energy.PROFILES.values():
        assert profile.source in text and profile.assumptions in text
    code, _, (line,) = command("energy", folder / "recordings")
    assert code == 2 and "is not a run folder" in line


def test_the_command_gives_json_in_joules(folder):
    code, lines, _ = command("energy", folder, "--json")
    found = {one["profile"]: one for one in json.loads("\n".join(lines))}
    assert code == 0 and set(found) == set(energy.PROFILES)
    reckon = found["reckon"]
    assert reckon["estimate"] is True and reckon["volts"] == 0.5
    assert reckon["inference_per_sample"] == {
        "joules": pytest.approx(182_345 * 5.3e-12),
        "parts": {"synaptic_ops": pytest.approx(182_345 * 5.3e-12)},
        "uncounted": ["neuron_updates", "spikes"],
    }
    assert reckon["writing_per_sample"]["joules"] is None


def test_reports_hold_the_table(folder, tmp_path):
    page = report.write(folder).read_text()
    assert "Energy, estimated" in page and "22.9" in page and "FinFET" in page
    compared = comparison_folder(tmp_path / "compare", seeds=(0, 1))
    page = report.write_comparison(compared).read_text()
    assert "Energy, estimated" in page and "training: writes" in page
    assert page.count("22.9") >= 6  # each rule on each device
    bare = comparison_folder(tmp_path / "bare", runs=False)
    assert "Energy, estimated" not in report.write_comparison(bare).read_text()


def test_the_reference_page_has_the_profiles_as_they_are(pytestconfig):
    page = (pytestconfig.rootpath / "docs/reference/energy.md").read_text()
    assert energy.profiles_table() in page
