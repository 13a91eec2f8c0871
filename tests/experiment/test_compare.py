"""Comparison: a folder per cell and seed, one table, seeds side by side."""

import json
import os
import re
import signal
import sys

import numpy as np
import pytest

from onspike import cli, report
from onspike.experiment import runs
from onspike.experiment.compare import Grid, _cell, compare
from onspike.experiment.store import RunFolder
from tinyrun import as_options, command, final_arrays, refused, spoken

RULES, DEVICES = ("reckon", "frozen-hidden"), ("ideal",)


def settings_in(folder):
    """A tiny run, with an option that only one of the rules has."""
    return spoken(folder) | {"rule.hinge": 0.001}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Two rules on one device with two seeds, from the command line."""
    out, patch = tmp_path_factory.mktemp("compare") / "out", pytest.MonkeyPatch()
    with patch.context():
        patch.setattr(report, "write", lambda folder: folder / "report.html")
        words = ["compare", "spoken-digits", "--out", str(out), "-q"]
        words += ["--rules", ",".join(RULES), "--devices", ",".join(DEVICES)]
        settings = as_options(settings_in(out.parent))
        patch.setattr(sys, "argv", ["onspike", *words, "--seeds", "2,5", *settings])
        with pytest.raises(SystemExit) as end:
            cli.main()
    patch.undo()
    assert not end.value.code
    return out


def test_the_folder_holds_what_the_docs_promise(out, pytestconfig):
    text = (pytestconfig.rootpath / "docs/reference/run-folder.md").read_text()
    text = text.split("## The folder of a comparison")[1]
    top, each = text.split("a list of objects with")
    found = json.loads((out / "compare.json").read_text())
    assert found["task"] == "spoken-digits" and found["seeds"] == [2, 5]
    assert (found["rules"], found["devices"]) == (list(RULES), list(DEVICES))
    promised = set(re.findall(r"`([a-z_]+)`", each.split(". `compare.md`")[0]))
    promised.discard("seeds")  # one level up
    assert len(promised) > 8
    cells = [(cell["rule"], cell["device"]) for cell in found["cells"]]
    assert cells == [(rule, device) for rule in RULES for device in DEVICES]
    for cell in found["cells"]:
        folders = [out / cell["folder"] / f"seed-{seed}" for seed in (2, 5)]
        results = [RunFolder(folder).result() for folder in folders]
        accuracies = [result["test_accuracy"] for result in results]
        assert cell["test_accuracies"] == accuracies
        assert cell["conditions"] == [result["condition"] for result in results]
        told = [r for r in results if r["condition"] in ("healthy", "runaway")]
        assert (promised <= set(cell)) == ("mean" in cell) == bool(told)
        if len(told) == 2:
            assert cell["mean"] == pytest.approx(np.mean(accuracies))
            assert cell["spread"] == pytest.approx(np.std(accuracies, ddof=1))
        assert cell["min"] == min(accuracies)
        assert not told or cell["weight_writes_per_sample"] > 0
        for result, seed in zip(results, (2, 5), strict=True):
            named = (result["rule"], result["device"], result["seed"])
            assert named == (cell["rule"], cell["device"], seed)
    assert {p.name for p in out.iterdir()} >= {"compare.md", "figures", "report.html"}
    figures = {p.name for p in (out / "figures").iterdir()}
    assert {"compare.svg", "compare.png"} <= figures
    assert any(cell["conditions"] == ["healthy"] * 2 for cell in found["cells"])
    table = (out / "compare.md").read_text()
    assert all(name in table for name in (*RULES, *DEVICES))


def test_a_comparison_that_was_stopped_goes_on_to_the_same_end(out, tmp_path):
    folder, told = tmp_path / "out", []

    def interrupt(name, progress):
        told.append(name)
        if name == "frozen-hidden-ideal":  # the last of two cells
            os.kill(os.getpid(), signal.SIGINT)

    settings = settings_in(out.parent) | {"train.checkpoint_samples": 3}
    with pytest.raises(runs.Stopped):
        compare(
            "spoken-digits",
            rules=RULES,
            devices=DEVICES,
            seeds=(2, 5),
            out=folder,
            settings=settings,
            listen=interrupt,
        )
    assert told[-1] == "frozen-hidden-ideal" and not (folder / "compare.json").exists()
    assert "onspike resume" in refused(
        "compare", "digits", "--rules=eprop", "--out", folder
    )
    code, said, _ = command("resume", folder, "-q")
    assert code == 0 and said[-1] == f"report: {folder / 'report.html'}"
    both = [json.loads((f / "compare.json").read_text()) for f in (out, folder)]
    assert both[1] == both[0] and len(both[0]["cells"]) == 2
    for run in ("reckon-ideal/seed-5", "frozen-hidden-ideal/seed-2"):
        one, other = final_arrays(out / run), final_arrays(folder / run)
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_an_option_goes_to_the_cells_that_have_it(out):
    assert RunFolder(out / "reckon-ideal/seed-2").spec().rule.hinge == 0.001
    frozen = RunFolder(out / "frozen-hidden-ideal/seed-2").spec().rule
    assert not hasattr(frozen, "hinge")


def test_seeds_side_by_side_do_what_each_does_alone(out, tmp_path):
    folder = out / "reckon-ideal/seed-5"
    spec = RunFolder(folder).spec()
    assert spec.seed == 5
    (alone,) = runs.train([spec], [tmp_path / "run"])
    beside = RunFolder(folder).result()
    for key in ("test_accuracy", "confusion", "accuracy_while_learning", "rates"):
        assert alone[key] == beside[key]
    one, other = final_arrays(tmp_path / "run"), final_arrays(folder)
    assert one.keys() == other.keys()
    for name in one:
        assert np.allclose(one[name], other[name], rtol=1e-9, atol=1e-12)
    weights = [name for name in one if "die" in name and "'rec'" in name]
    assert not np.array_equal(
        one[weights[0]], final_arrays(out / "reckon-ideal/seed-2")[weights[0]]
    )


def test_a_seed_that_diverges_stops_no_other_and_is_counted(out, tmp_path):
    folder = tmp_path / "out"
    settings = settings_in(out.parent) | {"rule.rate_out": 1e308}
    found = compare(
        "spoken-digits",
        rules=RULES[:1],
        devices=("ideal",),
        seeds=(2, 5),
        out=folder,
        settings=settings,
    )
    (cell,) = found["cells"]
    assert cell["conditions"] == ["diverged"] * 2
    assert cell["test_accuracies"] == [None, None] and "mean" not in cell
    result = RunFolder(folder / "reckon-ideal/seed-2").result()
    assert "no longer finite" in result["warnings"][0]
    assert cell["min"] is None and "weight_writes_per_sample" not in cell
    assert "(2 of 2 diverged)" in report.compare_table(found)
    assert "| – (2 diverged) |" in report.compare_table(found)
    assert "2 of 2 diverged" in report.write_comparison(folder).read_text()
    assert report.write(folder / "reckon-ideal/seed-2").is_file()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rules": ["eprop", "epropp"]}, "unknown rule 'epropp'; did you mean 'eprop'"),
        ({"devices": ["ideal", "fixed9"]}, "unknown device 'fixed9'"),
        ({"rules": []}, "--rules must name at least one, and none twice"),
        ({"seeds": []}, "--seeds must name at least one"),
        ({"seeds": [1, 1]}, r"--seeds must name at least one, and none twice; got \[1"),
        ({"settings": {"rule.hing": 1}}, "unknown option in .rule. 'hing'"),
        ({"settings": {"task.dt": -1}}, "dt must be positive"),
        # What only the last cell cannot do is found before the first one runs.
        (
            {"rules": ["eprop", "rtrl"], "settings": {"network.hidden": 60}},
            "RTRL keeps",
        ),
    ],
)
def test_mistakes_are_found_before_anything_is_written(tmp_path, changed, message):
    arguments = {"rules": ["eprop"], "devices": ["ideal"], "seeds": [0]} | changed
    with pytest.raises(ValueError, match=message):
        compare("cue-accumulation", out=tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").touch()
    with pytest.raises(ValueError, match="is not empty"):
        compare("digits", rules=["eprop"], devices=["ideal"], seeds=[0], out=tmp_path)


def test_only_seeds_that_compute_make_a_mean_and_a_rule_brings_its_device():
    sick = {
        "condition": "silent",
        "test_accuracy": 0.5,
        "weight_writes_per_sample": 0.0,
    }
    well = {
        "condition": "healthy",
        "test_accuracy": 0.9,
        "weight_writes_per_sample": 8.0,
    }
    rest = {
        "accuracy_while_learning": 1.0,
        "spikes_per_sample": 1.0,
        "baselines": {},
        "memory": {
            "weights": 1,
            "neuron_state": 1,
            "learning_state": 1,
            "learning_overhead": 0.5,
        },
    }
    sick, well = sick | rest, well | rest
    cell = _cell(("eprop", "ideal"), [sick, well, well])
    assert (cell["mean"], cell["spread"], cell["min"]) == (0.9, 0.0, 0.5)
    assert cell["weight_writes_per_sample"] == 8.0  # as of the same seeds
    gone = {"condition": "diverged", "test_accuracy": None}
    cell = _cell(("eprop", "ideal"), [gone, well])
    assert (cell["mean"], cell["min"]) == (0.9, None)
    assert cell["weight_writes_per_sample"] == 8.0
    none = _cell(("eprop", "ideal"), [sick])
    assert none["min"] == 0.5 and not {"mean", "spikes_per_sample"} & set(none)
    grid = Grid("digits", ("sdsp", "eprop"), ("ideal", "fixed8"), (0,))
    assert grid.cells() == [
        ("sdsp", "ideal"),
        ("sdsp", "fixed8"),
        ("eprop", "ideal"),
        ("eprop", "fixed8"),
    ]
    own = Grid("digits", ("sdsp", "eprop"), (), (0,)).cells()
    assert own == [("sdsp", "bistable"), ("eprop", "ideal")]
