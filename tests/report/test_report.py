"""The report of a run: says what the folder holds, and what it does not."""

import ast
import json
import re
import shlex
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import numpy as np
import pytest
from fabricate import run_folder, spec

from onspike import report
from onspike.report import die, plates, raster, rerun, style, synapse, weights
from onspike.report.load import read_run
from onspike.report.page import interval

SOURCE = Path(report.__file__).parent
SECTIONS = (
    "Learning",
    "Answers",
    "Health",
    "Samples",
    "One synapse",
    "Weights",
    "Firing rates",
    "Die",
    "Memory",
    "Operations",
    "Energy, estimated",
    "Run it again",
    "Specification",
    "Environment",
)


class Page(HTMLParser):
    """Tags, attributes, ids and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.hidden = 0
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.hidden += tag == "style"
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The page of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return report.write(run_folder(folder, recordings="all"))


def edit(path: Path, **fields) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_controllers_do_stands_beside_the_accuracy(tmp_path):
    folder = run_folder(tmp_path / "run")
    assert "The gap" not in Page(report.write(folder)).text
    result = json.loads((folder / "result.json").read_text())
    result["memory"]["learning_detail"]["controllers"] = 128
    result |= {"accuracy_while_learning": 0.998, "test_accuracy": 0.604}
    (folder / "result.json").write_text(json.dumps(result))
    text = Page(report.write(folder)).text
    assert "The gap : 99.8 % while learning" in text and "60.4 % here" in text


def test_a_run_that_was_changed_says_so_and_the_title_its_seed(tmp_path):
    folder = run_folder(tmp_path / "run")
    plain = Page(report.write(folder))
    assert "No command repeats this run" not in plain.text
    assert re.search(r"<title>.*, seed 3</title>", plain.html)
    change = {"seen": 120, "path": "rule.rate", "value": 0.002}
    (folder / "changes.jsonl").write_text(json.dumps(change) + "\n")
    page = Page(report.write(folder))
    assert "No command repeats this run" in page.text
    assert "120 rule.rate 0.002" in page.text


def test_the_page_says_the_numbers(finished):
    text = Page(finished).text
    for said in (
        "96.5 %",
        "400 held-out samples",
        "Chance level 50.0 % (2 classes)",
        "94.2 % to 97.9 %",
        "cue-accumulation",
        "reckon",
        "lif",
        "200 per epoch",
        "112,000",
        "13.67",  # KiB of weights
        "26.95",  # KiB of learning state
        "Learning overhead 1.86",
        "182,345",
        "42,345",
        "clock cycles of inference (estimated; learning comes on top) 361,234",
        "clock cycles of learning (estimated; learning comes on top) 884,762",
        "frozen hidden 86.5 % +10.0",
        "9.70 61.3 2.0 %",
        "4 neurons of hidden are silent (epochs 1–3)",
        "hidden is close to silence (final test)",
        "onspike train cue-accumulation --rule reckon --seed 3",
        "rate_out = 1e-4",
        "packages / jax 0.8.0",
        "While learning: not a result",
        "projection 'input-hidden' is stuck at a bound 31 % of its weights cannot grow",
        "Engine: event (it takes all of this).",
        "After epoch 4 of 8: label 1, answer 1 (right)",
        "Before training: input #3 → hidden #7",
        "dead neurons 3 of 100",
        "hidden tau_mem 100 2.00",
        "input-hidden step up 4,000 –",
    ):
        assert said in text, said


def test_the_page_has_every_section_and_every_figure(finished):
    text = Page(finished).text
    assert all(section in text for section in SECTIONS)
    names = {path.name for path in (finished.parent / "figures").iterdir()}
    for name in (
        "validation_accuracy",
        "accuracy_while_learning",
        "confusion",
        "accuracy_by_group",
        "answer_share",
        "sample_before",
        "sample2_during",
        "sample_after",
        "synapse_input-hidden_before",
        "synapse_hidden-output_after",
        "weights_input-hidden",
        "weights_hidden-output_course",
        "weights_moved",
        "die",
        "rates_hidden",
    ):
        assert {f"{name}.svg", f"{name}.png"} <= names
    assert not any(name.endswith(".partial") for name in names)


def test_the_page_is_valid_html_and_small(finished):
    html = finished.read_bytes()
    html5lib.HTMLParser(strict=True).parse(html)
    assert len(html) < 3_000_000


def test_the_page_needs_nothing_from_outside(finished):
    page = Page(finished)
    assert "script" not in page.tags
    assert "link" in page.tags
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert not re.search(r"url\(\s*['\"]?(?!#)", page.html)
    assert "@import" not in page.html


def test_ids_are_unique_and_what_they_refer_to_exists(finished):
    page = Page(finished)
    assert len(page.ids) == len(set(page.ids))
    targets = [link[1:] for link in page.links if link.startswith("#")]
    targets += re.findall(r"url\(#([^)]+)\)", page.html)
    assert targets and set(targets) <= set(page.ids)


def test_colours_of_figures_follow_the_page(finished):
    svg = re.findall(r"<svg.*?</svg>", Page(finished).html, flags=re.DOTALL)
    assert all("var(--ink" in one for one in svg)
    file = (finished.parent / "figures" / "confusion.svg").read_text()
    assert "var(" not in file and "#20252b" in file


def test_the_same_folder_gives_the_same_page(finished):
    before = finished.read_bytes()
    assert report.write(finished.parent) == finished
    assert finished.read_bytes() == before


def test_a_long_recording_stays_small(tmp_path):
    folder = run_folder(tmp_path / "run", ticks=2250, n_out=10, recordings="all")
    page = report.write(folder)
    assert page.stat().st_size < 3_000_000


def test_a_dense_recording_becomes_an_image(tmp_path):
    folder = run_folder(tmp_path / "run", epochs=1)
    for path in (folder / "recordings").iterdir():
        if path.stem != "sample_after":
            path.unlink()
            continue
        with np.load(path) as archive:
            arrays = dict(archive)
        arrays["x"] = np.random.default_rng(0).normal(size=(150, 40))
        np.savez(path, **arrays)
    page = Page(report.write(folder))
    assert any(link.startswith("data:image/png") for link in page.links)


def test_a_few_far_weights_do_not_hide_the_others():
    near = np.linspace(-0.1, 0.1, 1000)
    far = np.concatenate([near, [-600.0, 90.0]])
    axis = weights.distribution("in", {"before": near, "after": far}).axes[0]
    assert -1 < axis.get_xlim()[0] < -0.1 and 0.1 < axis.get_xlim()[1] < 1
    labels = axis.get_legend_handles_labels()[1]
    assert sorted(labels) == ["after (2 beyond)", "before"]


def test_names_from_files_are_escaped(tmp_path):
    evil = "<script>alert(1)</script>&$x_1$"
    folder = run_folder(tmp_path / "run", recordings=None)
    (folder / "recordings").mkdir()
    edit(
        folder / "result.json",
        rule=evil,
        test_by_group={evil: 0.5},
        baselines={evil: 0.4},
        rates={evil: {"mean": 1.0, "max": 2.0, "silent": 0.0}},
        memory={"weights": 8, "neuron_state": 8, "learning_detail": {evil: 8}},
    )
    edit(folder / "environment.json", command=evil, machine={evil: evil})
    line = {"epoch": 9, "rates": {evil: {"mean": 1.0}}, "warnings": [evil]}
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write(json.dumps(line) + "\n")
    with (folder / "spec.toml").open("a") as file:
        file.write(f"# {evil}\n")
    np.savez(folder / "recordings" / "weights_after.npz", **{"w<b>&": np.eye(3)})
    page = Page(report.write(folder))
    assert "script" not in page.tags and "b" in page.tags
    assert "<script" not in page.html and "w<b>" not in page.html
    assert evil in page.text


@pytest.mark.parametrize(
    "missing",
    [
        ("environment.json", "recordings/weights_before.npz"),
        ("metrics.jsonl", "recordings/sample_before.npz"),
        ("result.json", "recordings/weights_after.npz"),
    ],
)
def test_missing_files_are_no_fault(tmp_path, missing):
    folder = run_folder(tmp_path / "run", epochs=2)
    for name in missing:
        (folder / name).unlink()
    text = Page(report.write(folder)).text
    assert all(section in text for section in SECTIONS)


def test_a_run_that_is_not_finished_says_so(tmp_path):
    folder = run_folder(tmp_path / "run", finished=False, recordings=None)
    text = Page(report.write(folder)).text
    assert "This run is not finished" in text
    assert "2 of 8 epochs are done" in text
    assert "written at the end of a run" in text
    assert "No sample was recorded" in text
    assert "No weights were recorded" in text
    assert "training, epoch 2" in text


def test_a_folder_with_a_spec_alone(tmp_path):
    (tmp_path / "spec.toml").write_text('[task]\nname = "digits"\n')
    text = Page(report.write(tmp_path)).text
    assert "digits · unnamed" in text
    assert "Chance level" not in text
    assert "No epoch has been finished yet" in text
    assert "No firing rates are recorded" in text
    assert "No operations have been counted yet" in text
    assert "No environment is recorded" in text


def test_no_validation_split_and_no_groups(tmp_path):
    folder = run_folder(tmp_path / "run", recordings=None)
    lines = [
        json.loads(line) | {"validation_accuracy": None, "validation_by_group": {}}
        for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    edit(folder / "result.json", validation_accuracy=None, test_by_group={})
    text = Page(report.write(folder)).text
    assert "This task has no validation split" in text
    assert "Accuracy by group" not in text


def test_broken_files_are_named(tmp_path):
    folder = run_folder(tmp_path / "run", epochs=2)
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 3, "sam')
    (folder / "result.json").write_text("{")
    (folder / "recordings" / "sample_after.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez(folder / "recordings" / "sample_before.npz", x=np.eye(3))
    np.savez(folder / "recordings" / "weights_after.npz", w=np.full((2, 3), np.nan))
    text = Page(report.write(folder)).text
    assert "metrics.jsonl, line 3, cannot be read" in text
    assert "The result cannot be read" in text
    assert "sample_after.npz cannot be read" in text
    assert "sample_before.npz lacks y, mask, dt" in text


def test_values_of_the_wrong_kind_are_left_out(tmp_path):
    folder = run_folder(tmp_path / "run", epochs=2, recordings=None)
    edit(
        folder / "result.json",
        test_accuracy="high",
        confusion=[[1, 2], [3]],
        memory=None,
        rates=[],
        answer_share={"0": None, "1": 0.5},
    )
    assert "This run is not finished" in Page(report.write(folder)).text


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/usr/bin/onspike", "train", "a b"], "onspike train 'a b'"),
        ("python -m onspike train x", "onspike train x"),
        (["onspike", "resume", "runs/1"], None),
        ("onspike compare x", None),
        ("'", None),
        (None, None),
    ],
)
def test_the_command_is_the_given_one_or_all_of_the_spec(command, said):
    whole = (
        "onspike train cue-accumulation \\\n  --rule reckon \\\n  --neuron lif \\\n"
        "  --device fixed \\\n  --seed 3 \\\n  --set task.n_cues=7 \\\n"
    )
    made = rerun.command(tomllib.loads(spec()), {"command": command})
    assert made == said if said else made.startswith(whole)
    if not said:
        assert "--set network.recurrent=true" in made and "name=" not in made


def test_settings_keep_their_type():
    table = {"a": "5", "b": "relu", "c": float("inf"), "d": [1, 2.0], "e": "null"}
    made = rerun.command({"task": {"name": "x"}, "rule": table}, None)
    words = shlex.split(made.replace("\\\n", ""))
    settings = [w.partition("=")[2] for w in words if w.startswith("rule.")]
    assert settings == ['"5"', "relu", "inf", "[1, 2.0]", "null"]


def test_what_is_no_run_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such folder.*onspike train"):
        report.write(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no spec.toml; give the folder"):
        report.write(tmp_path)
    (tmp_path / "spec.toml").write_text("seed = ")
    with pytest.raises(ValueError, match="not valid TOML") as caught:
        report.write(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "spec.toml").unlink()
    (tmp_path / "compare.json").write_text("{}")
    with pytest.raises(ValueError, match="write_comparison"):
        report.write(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_the_interval_is_wilsons():
    low, high = interval(0.5, 100.0) or (0, 0)
    assert (low, high) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert interval(1.0, 50.0) == pytest.approx((0.9287, 1.0), abs=1e-4)
    assert interval(float("nan"), 50.0) is None


def test_the_report_never_imports_jax():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert not name.startswith(("jax", "equinox", "matplotlib.pyplot"))
                own = name.split(".")
                assert own[0] != "onspike" or own[1:2] == ["report"], (path, name)


def test_an_old_folder_is_reported_and_what_it_lacks_is_named(tmp_path):
    folder = run_folder(tmp_path / "run", epochs=2)
    for path in (folder / "recordings").iterdir():
        if path.stem == "die" or path.stem.endswith("_during"):
            path.unlink()
        elif path.stem.startswith("sample"):
            with np.load(path) as archive:
                arrays = dict(archive)
            for key in ("loss", "epoch", "neurons_hidden", "threshold_hidden"):
                del arrays[key]
            np.savez(path, **arrays)
    result = json.loads((folder / "result.json").read_text())
    for key in ("findings", "engine", "engine_reason"):
        del result[key]
    (folder / "result.json").write_text(json.dumps(result))
    lines = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["weights"]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    text = Page(report.write(folder)).text
    assert "Not recorded: during training." in text
    assert "No synapse was traced: recordings/ holds no synapse.npz" in text
    assert "The die is not recorded: recordings/ holds no die.npz" in text
    assert "result.json holds no findings" in text
    assert "Engine:" not in text and "over epochs" not in text
    assert "After training: label 1, answer 1 (right)" in text


def test_a_run_in_which_nothing_is_wrong_on_an_ideal_die(tmp_path):
    folder = run_folder(tmp_path / "run", epochs=2, recordings=None)
    edit(folder / "result.json", findings=[])
    (folder / "recordings").mkdir()
    np.savez(folder / "recordings" / "die.npz")
    text = Page(report.write(folder)).text
    assert "Nothing wrong found" in text
    assert "As designed: chance made nothing of this die." in text


def lines_of(axis):
    return {line.get_label(): line for line in axis.lines}


def test_membranes_and_target_are_drawn_as_recorded():
    """A neuron that crosses its threshold once, and a readout that is asked for 1."""
    v = np.zeros((20, 3))
    v[5, 1], v[:, 2] = 1.0, -1.0
    recording = {
        "x": np.zeros((20, 2)),
        "y": np.full((20, 2), 0.3),
        "mask": np.arange(20) >= 15,
        "target": np.array([0.0, 1.0]),
        "label": np.array(1),
        "answer": np.array(0),
        "loss": np.array("CrossEntropy"),
        "dt": np.array(1e-3),
        "z_hidden": (np.arange(20)[:, None] == 5) * (np.arange(9) == 7),
        "v_hidden": v,
        "neurons_hidden": np.array([4, 7, 8]),
        "threshold_hidden": np.full(3, 0.8),
    }
    found = raster.lanes([recording])
    assert [lane.neuron for lane in found["hidden"]] == [4, 7, 8]
    figure = raster.sample(recording, "", (-1.0, 1.0), found)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels[2:] == ["hidden\nmembrane v", "readout y", "softmax(y)"]
    membranes = figure.axes[2]
    middle = [line for line in membranes.lines if line.get_label() == "membrane"][1]
    level = [line for line in membranes.lines if line.get_label() == "threshold"][1]
    above = middle.get_ydata() > level.get_ydata()[0]
    assert np.flatnonzero(above).tolist() == [5]
    (mark,) = membranes.patches[1:]  # behind the target window
    assert mark.get_path().vertices[:, 0].tolist() == [5.5, 5.5]
    target = lines_of(figure.axes[-1])["target"].get_xydata()
    assert target[15:, 1].tolist() == [1.0] * 5 and np.isnan(target[:15, 1]).all()
    said = lines_of(figure.axes[-1])["label: 1"].get_ydata()
    assert np.allclose(said, 0.5)


def test_a_squared_error_compares_the_readout_itself():
    recording = {
        "x": np.zeros((4, 1)),
        "y": np.full((4, 1), 0.3),
        "mask": np.ones(4),
        "target": np.array([0.7]),
        "loss": np.array("SquaredError"),
        "dt": np.array(1e-3),
    }
    figure = raster.sample(recording, "", (-1.0, 1.0), {})
    assert figure.axes[-1].get_ylabel() == "readout y"
    assert lines_of(figure.axes[-1])["target"].get_ydata().tolist() == [0.7] * 4


def test_a_readout_of_spikes_is_counted():
    y = np.zeros((6, 2))
    y[[1, 3, 4], 0] = 1
    recording = {
        "x": np.zeros((6, 1)),
        "y": y,
        "mask": np.arange(6) > 1,
        "target": np.array([1.0, 0.0]),
        "label": np.array(0),
        "loss": np.array("CrossEntropy"),
        "dt": np.array(1e-3),
    }
    figure = raster.sample(recording, "", (-1.0, 1.0), {})
    votes = lines_of(figure.axes[-1])["label: 0"].get_ydata()
    assert votes.tolist() == [0, 0, 0, 1, 2, 2]  # where a target is valid
    assert figure.axes[-1].get_ylabel() == "spikes of y\nso far"


def test_traces_of_a_synapse_stand_under_each_other(finished):
    with np.load(finished.parent / "recordings" / "synapse.npz") as archive:
        found = dict(archive)
    inside, readout = synapse.recorded(found)
    assert inside.name == "input #3 → hidden #7"
    figure = synapse.traces(found, inside, "before")
    names = [axis.get_ylabel().split("\n")[1] for axis in figure.axes]
    assert names == ["x", "v", "ψ", "e", "L", "w"]
    assert len({axis.get_xlim() for axis in figure.axes}) == 1
    weight = figure.axes[-1].lines[0].get_ydata()
    assert np.array_equal(weight, found["before.input-hidden.w"])
    threshold = figure.axes[1].lines[1].get_ydata()
    assert threshold.tolist() == pytest.approx([0.6, 0.6])
    marks = figure.axes[0].patches[-1].get_path().vertices[::2, 0]
    assert np.array_equal(marks - 0.5, np.flatnonzero(found["before.input-hidden.pre"]))
    # A readout that does not spike has no pseudo-derivative to look at.
    names = [a.get_ylabel() for a in synapse.traces(found, readout, "after").axes]
    assert names[1] == "readout\nv" and "dz/dv\nψ" not in names
    # A regulariser is shown where it pulls, at both moments alike.
    calm = np.zeros_like(found["before.input-hidden.signal"])
    for pull, shown in ((0.0, False), (0.1, True)):
        found["before.input-hidden.regulariser"] = calm
        found["after.input-hidden.regulariser"] = calm + pull
        axes = synapse.traces(found, inside, "before").axes
        assert ("regulariser\nC" in [a.get_ylabel() for a in axes]) == shown
    # Both moments have the same range of signals.
    after = synapse.traces(found, inside, "after")
    assert after.axes[4].get_ylim() == figure.axes[4].get_ylim()


def test_the_page_says_what_stands_between_a_product_and_a_write(finished, tmp_path):
    text = Page(finished).text
    assert "a change of w against the product of e and L. Between that" in text
    assert "what is written: the device (fixed)." in text
    folder = run_folder(tmp_path / "run", device="ideal", recordings="all")
    assert "Between that" not in Page(report.write(folder)).text
    kept = tomllib.loads(spec(device="ideal"))
    kept["rule"]["gate"] = "end-of-sample"
    kept.setdefault("train", {}).update(optimiser="adam", weight_decay=0.1)
    run = replace(read_run(folder), spec=kept)
    assert plates._between(run).endswith(
        ": its gate (end-of-sample), the optimiser (adam) and the weights' decay."
    )


def test_a_long_line_keeps_its_extremes():
    values = np.zeros(10_000)
    values[4321], values[4322] = 5.0, -7.0
    time, thin = style.thinned(np.arange(10_000), values, most=100)
    assert len(thin) <= 200 and (np.diff(time) > 0).all()
    assert (thin.min(), thin.max()) == (-7.0, 5.0)
    assert time[thin == 5.0].tolist() == [4321]


def test_the_die_is_told_in_numbers():
    rows = die.rows(
        {
            "neurons.hidden.tau_mem": np.array([1.0, 3.0]),
            "design.hidden.tau_mem": np.array(2.0),
            "neurons.hidden.alive": np.array([1.0, 0.0, 0.0]),
            "synapses.in.stuck": np.array([[True, False]]),
            "synapses.in.gain": np.array([[0.5, 1.5]]),
        }
    )
    tau, dead, stuck, gain = rows
    assert (tau["design"], tau["mean"], tau["sd"]) == (2.0, 2.0, 1.0)
    assert (dead["what"], dead["said"], dead["n"]) == ("dead neurons", "2", 3)
    assert (stuck["what"], stuck["said"]) == ("stuck synapses", "1")
    assert (gain["design"], gain["low"], gain["high"]) == (1.0, 0.5, 1.5)


def test_the_readout_of_a_single_tick_is_drawn():
    recording = {
        "x": np.full((1, 2), 0.5),
        "y": np.array([[0.2, 0.9]]),
        "mask": np.array([True]),
        "label": np.array(1),
        "answer": np.array(1),
        "dt": np.array(1e-3),
    }
    figure = raster.sample(recording, "one tick", (0.0, 1.0), {})
    lines = {line.get_label(): line for line in figure.axes[-1].lines}
    assert lines["label: 1"].get_xydata().tolist() == [[0.0, 0.9], [1.0, 0.9]]
