"""Feedback control learns what one layer can; accuracy while it pulls is no result."""

import json

import pytest

from onspike.experiment import runs
from onspike.experiment.spec import resolve
from tinyrun import as_options, command


@pytest.mark.slow
def test_two_blobs_are_learnt_in_one_pass(tmp_path):
    spec = resolve("binary", settings={"task.validation_samples": 0})
    result = runs.train([spec], [tmp_path / "run"])[0]
    assert result["test_accuracy"] >= 0.98 and result["train_samples"] == 300


@pytest.mark.slow
def test_accuracy_under_control_says_nothing_about_the_weights(tmp_path):
    settings = {
        "task.train_samples": 300,
        "task.validation_samples": 0,
        "rule.control_gain": 1.0,
    }
    names = "train", "yin-yang", "--rule", "feedback-control"
    out = tmp_path / "run"
    code, said, _ = command(*names, "--out", out, *as_options(settings))
    result = json.loads((out / "result.json").read_text())
    assert code == 0 and result["accuracy_while_learning"] >= 0.95
    assert result["test_accuracy"] <= 0.79  # the best a single layer can do
    (gap,) = (line for line in said if line.startswith("the gap"))
    unplugged = f"{100 * result['test_accuracy']:.1f} % on held-out samples"
    assert unplugged in gap


@pytest.mark.slow
def test_two_layers_learn_what_one_cannot_while_the_output_is_steered(tmp_path):
    settings = {"task.train_samples": 1500, "task.validation_samples": 0}
    spec = resolve("yin-yang", rule="deep-feedback-control", settings=settings)
    result = runs.train([spec], [tmp_path / "run"])[0]
    assert spec.rule.control_gain == 1.0 and result["accuracy_while_learning"] > 0.95
    assert result["test_accuracy"] > 0.79  # the best a single layer can do
