"""The recipe of cue accumulation learns what its controls cannot."""

import pytest

from onspike.experiment import runs
from onspike.experiment.spec import resolve

SHORT = {"train.epochs": 3, "task.validation_samples": 20, "task.test_samples": 300}


def accuracy_of(folder, rule, device="ideal", **settings):
    settings = SHORT | {name.replace("__", "."): v for name, v in settings.items()}
    spec = resolve("cue-accumulation", rule=rule, device=device, settings=settings)
    return runs.train([spec], [folder / rule])[0]["test_accuracy"]


@pytest.mark.slow
def test_the_decoupled_rule_learns_hidden_weights(tmp_path):
    assert accuracy_of(tmp_path, "reckon") >= 0.95


@pytest.mark.slow
def test_and_does_so_in_eight_bits_without_a_shadow_copy(tmp_path):
    assert accuracy_of(tmp_path, "reckon", "fixed8") >= 0.95


@pytest.mark.slow
def test_and_with_fixed_random_feedback(tmp_path):
    assert accuracy_of(tmp_path, "reckon-random") >= 0.93


@pytest.mark.slow
def test_a_frozen_hidden_layer_stays_behind(tmp_path):
    assert accuracy_of(tmp_path, "frozen-hidden") <= 0.93


@pytest.mark.slow
def test_short_membranes_cannot_hold_the_evidence(tmp_path):
    assert abs(accuracy_of(tmp_path, "reckon", neuron__tau_mem=20e-3) - 0.5) <= 0.09
