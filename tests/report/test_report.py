"""The report of a run: says what the folder holds, and what it does not."""

import ast
import json
import re
import shlex
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fabricate import run_folder, spec

from onspike import report
from onspike.report import figures, raster, rerun
from onspike.report.page import interval

SOURCE = Path(report.__file__).parent
SECTIONS = (
    "Learning",
    "Answers",
    "One sample",
    "Weights",
    "Firing rates",
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
    return report.write(run_folder(tmp_path_factory.mktemp("runs") / "finished"))


def edit(path: Path, **fields) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


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
        "sample_after",
        "weights_input-hidden",
        "rates_hidden",
    ):
        assert {f"{name}.svg", f"{name}.png"} <= names
    assert not any(name.endswith(".partial") for name in names)


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
    page = report.write(run_folder(tmp_path / "run", ticks=2250, n_out=10))
    assert page.stat().st_size < 2_000_000


def test_a_dense_recording_becomes_an_image(tmp_path):
    folder = run_folder(tmp_path / "run")
    path = folder / "recordings" / "sample_after.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["x"] = np.random.default_rng(0).normal(size=(150, 40))
    np.savez(path, **arrays)
    page = Page(report.write(folder))
    assert any(link.startswith("data:image/png") for link in page.links)


def test_a_few_far_weights_do_not_hide_the_others():
    near = np.linspace(-0.1, 0.1, 1000)
    far = np.concatenate([near, [-600.0, 90.0]])
    axis = figures.weights("in", near, far).axes[0]
    assert -1 < axis.get_xlim()[0] < -0.1 and 0.1 < axis.get_xlim()[1] < 1
    labels = axis.get_legend_handles_labels()[1]
    assert sorted(labels) == ["after (2 beyond)", "before"]


def test_names_from_files_are_escaped(tmp_path):
    evil = "<script>alert(1)</script>&$x_1$"
    folder = run_folder(tmp_path / "run")
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
    folder = run_folder(tmp_path / "run", finished=False, recordings=False)
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
    folder = run_folder(tmp_path / "run", recordings=False)
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
    folder = run_folder(tmp_path / "run", epochs=2, recordings=False)
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


def test_the_readout_of_a_single_tick_is_drawn():
    recording = {
        "x": np.full((1, 2), 0.5),
        "y": np.array([[0.2, 0.9]]),
        "mask": np.array([True]),
        "label": np.array(1),
        "answer": np.array(1),
        "dt": np.array(1e-3),
    }
    figure = raster.sample(recording, "one tick", (0.0, 1.0))
    lines = {line.get_label(): line for line in figure.axes[-1].lines}
    assert lines["label: 1"].get_xydata().tolist() == [[0.0, 0.9], [1.0, 0.9]]
