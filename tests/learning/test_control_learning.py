"""Feedback control learns what one layer can; accuracy while it pulls is no result."""

import pytest

from onspike.experiment import runs
from onspike.experiment.spec import resolve


@pytest.mark.slow
def test_two_blobs_are_learnt_in_one_pass(tmp_path):
    spec = resolve("binary", settings={"task.validation_samples": 0})
    result = runs.train([spec], [tmp_path / "run"])[0]
    assert result["test_accuracy"] >= 0.98 and result["train_samples"] == 300


@pytest.mark.slow
def test_accuracy_under_control_says_nothing_about_the_weights(tmp_path):
    settings = {"task.train_samples": 300, "task.validation_samples": 0}
    spec = resolve("yin-yang", rule="feedback-control", settings=settings)
    result = runs.train([spec], [tmp_path / "run"])[0]
    assert result["accuracy_while_learning"] >= 0.95
    assert result["test_accuracy"] <= 0.79  # the best a single layer can do
