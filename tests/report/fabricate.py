"""Run folders that no run has made, as docs/reference/run-folder.md describes them."""

import json
from pathlib import Path

import numpy as np

MEMORY = {
    "weights": 112_000,
    "neuron_state": 6_464,
    "learning_state": 220_800,
    "learning_detail": {"eligibility": 4_480, "feedback_weights": 216_320},
    "learning_overhead": 1.8638,
}


def spec(task="cue-accumulation", rule="reckon", device="fixed", seed=3, epochs=8):
    return f"""seed = {seed}

[task]
name = "{task}"
n_cues = 7
t_cue = 0.1

[network]
n_hidden = 100
recurrent = true

[neuron]
name = "lif"
tau_mem = 2.0
v_threshold = 0.6

[rule]
name = "{rule}"
rate = 5e-6
rate_out = 1e-4

[device]
name = "{device}"
bits = 8

[train]
epochs = {epochs}
batch = 1
"""


def metrics(rng, epochs, groups, n_classes):
    lines = []
    for epoch in range(1, epochs + 1):
        share = rng.dirichlet(np.full(n_classes, 60))
        level = 0.5 + 0.47 * (1 - np.exp(-epoch / 2.5))
        lines.append(
            {
                "epoch": epoch,
                "samples": 200 * epoch,
                "accuracy_while_learning": min(level + 0.02, 1.0),
                "validation_accuracy": level - 0.02 * rng.random(),
                "validation_by_group": {g: level for g in groups},
                "answer_share": share.tolist(),
                "rates": {
                    "hidden": {
                        "mean": 8 + epoch / 4,
                        "max": 42 + 3 * epoch,
                        "silent": 0.03,
                    }
                },
                "weights": {
                    "hidden-output": {
                        "quantiles": [-0.2 - epoch / 9, -0.1, 0, 0.1, 0.2],
                        "moved": 0.1 * epoch,
                    }
                },
                "spikes_per_sample": 1834.25 - 9 * epoch,
                "synaptic_ops_per_sample": 187_000.0 - 900 * epoch,
                "neuron_updates_per_sample": 229_500.0,
                "weight_writes_per_sample": 51_234.0 - 2000 * epoch,
                "ticks_per_second": 84_321.0,
                "wall_seconds": 5.4,
                "warnings": ["4 neurons of hidden are silent"] if epoch < 4 else [],
            }
        )
    return lines


def result(rng, task, rule, device, seed, epochs, accuracy, groups, n_classes):
    per_class = 400 // n_classes
    right = round(accuracy * per_class)
    confusion = np.zeros((n_classes, n_classes), int)
    for label in range(n_classes):
        wrong = rng.integers(0, n_classes - 1, per_class - right)
        np.add.at(confusion[label], wrong + (wrong >= label), 1)
        confusion[label, label] = right
    return {
        "task": task,
        "rule": rule,
        "neuron": "lif",
        "device": device,
        "seed": seed,
        "epochs": epochs,
        "train_samples": 200,
        "test_samples": 400,
        "test_accuracy": accuracy,
        "test_by_group": {g: accuracy - 0.02 * i for i, g in enumerate(groups)},
        "answer_share": (confusion.sum(0) / confusion.sum()).tolist(),
        "confusion": confusion.tolist(),
        "accuracy_while_learning": 0.991,
        "validation_accuracy": 0.96,
        "rates": {"hidden": {"mean": 9.7, "max": 61.3, "silent": 0.02}},
        "spikes_per_sample": 1790.5,
        "synaptic_ops_per_sample": 182_345.0,
        "neuron_updates_per_sample": 229_500.0,
        "weight_writes_per_sample": 42_345.0,
        "memory": MEMORY,
        "clock_cycles": {"inference": 361_234.0, "learning": 884_762.0},
        "baselines": {"logistic_regression": 0.93, "frozen_hidden_accuracy": 0.865},
        "ticks_per_second": 84_000.0,
        "wall_seconds": 143.0,
        "engine": "event",
        "engine_reason": "it takes all of this",
        "warnings": ["hidden is close to silence"],
        "findings": [
            {
                "where": "projection 'input-hidden'",
                "what": "is stuck at a bound",
                "measured": "31 % of its weights cannot grow",
                "remedy": "lower rule.rate",
            }
        ],
    }


def sample(rng, ticks, n_in, n_hidden, n_out, trained, label=1):
    window = np.zeros(ticks, bool)
    window[-ticks // 15 :] = True
    drift = np.cumsum(rng.normal(0, 0.02, (ticks, n_out)), 0)
    if trained:
        drift[:, label] += np.linspace(0, 1.5, ticks)
    hidden = rng.random((ticks, n_hidden)) < rng.gamma(2, 0.005, n_hidden)
    return {
        "x": (rng.random((ticks, n_in)) < 0.03).astype(np.float32),
        "y": drift.astype(np.float32),
        "mask": window,
        "target": np.eye(n_out)[label],
        "loss": np.asarray("CrossEntropy"),
        "label": np.int64(label),
        "answer": np.int64(label if trained else 0),
        "epoch": np.int64(4),
        "dt": np.float64(1e-3),
        "z_hidden": hidden.astype(np.float32),
        "v_hidden": rng.normal(0, 0.3, (ticks, min(n_hidden, 8))).astype(np.float32),
        "neurons_hidden": np.arange(min(n_hidden, 8)),
        "threshold_hidden": np.full(min(n_hidden, 8), 0.6),
    }


def die(rng, n_in, n_hidden):
    tau = 2.0 * rng.lognormal(0, 0.2, n_hidden)
    return {
        "neurons.hidden.tau_mem": tau.astype(np.float32),
        "design.hidden.tau_mem": np.float32(2.0),
        "neurons.hidden.alive": (np.arange(n_hidden) > 2).astype(np.float32),
        "synapses.input-hidden.gain": rng.lognormal(0, 0.2, (n_hidden, n_in)),
        "synapses.input-hidden.stuck": rng.random((n_hidden, n_in)) < 0.02,
        "synapses.input-hidden.sign": np.sign(rng.normal(size=(1, n_in))),
        "synapses.input-hidden.step up": rng.normal(1e-3, 3e-4, (n_hidden, n_in)),
    }


def synapse(rng, ticks):
    """A synapse within the network, and one into a readout that does not spike."""
    found = {
        "dt": np.float64(1e-3),
        "projections": np.array(["input-hidden", "hidden-output"]),
        "populations": np.array([["input", "hidden"], ["hidden", "output"]]),
        "synapses": np.array([[7, 3], [1, 7]]),
        "threshold.input-hidden": np.float32(0.6),
    }
    for when in ("before", "after"):
        for name, spiking in (("input-hidden", True), ("hidden-output", False)):
            post = rng.random(ticks) < 0.05 if spiking else rng.normal(size=ticks)
            traces = {
                "pre": rng.random(ticks) < 0.1,
                "z": post,
                "v": rng.normal(0, 0.3, ticks),
                "psi": np.abs(rng.normal(0, 0.1, ticks)),
                "elig": np.abs(rng.normal(0, 0.1, ticks)),
                "signal": rng.normal(0, 0.1, ticks),
                "w": np.cumsum(rng.normal(0, 1e-3, ticks)),
                "mask": np.arange(ticks) > 0.9 * ticks,
            }
            found |= {
                f"{when}.{name}.{trace}": np.asarray(a, np.float32)
                for trace, a in traces.items()
            }
    return found


def run_folder(
    folder: Path,
    *,
    rule="reckon",
    device="fixed",
    task="cue-accumulation",
    seed=3,
    epochs=8,
    accuracy=0.965,
    ticks=150,
    n_in=40,
    n_hidden=100,
    n_out=2,
    finished=True,
    recordings: str | None = "few",
) -> Path:
    """Writes a folder as `onspike train` would.

    Recordings are "all", or "few": one sample and no synapse, which draws quickly.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    groups = ["3", "5", "7"]
    (folder / "spec.toml").write_text(spec(task, rule, device, seed, epochs))
    (folder / "environment.json").write_text(
        json.dumps(
            {
                "python": "3.12.4",
                "onspike": "0.1.0",
                "packages": {"jax": "0.8.0", "numpy": "2.3.1"},
                "commit": None,
                "machine": {"processor": "x86_64", "cores": 8},
                "command": f"onspike train {task} --rule {rule} --seed {seed}",
            }
        )
    )
    lines = metrics(rng, epochs if finished else 2, groups, n_out)
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines)
    )
    if finished:
        verdict = result(rng, task, rule, device, seed, epochs, accuracy, groups, n_out)
        (folder / "result.json").write_text(json.dumps(verdict))
    if recordings:
        (folder / "recordings").mkdir()
        before = {
            "input-hidden": rng.normal(0, 0.1, (n_hidden, n_in)),
            "hidden-output": rng.normal(0, 0.1, (n_out, n_hidden)),
        }
        after = {k: w + rng.normal(0, 0.05, w.shape) for k, w in before.items()}
        during = {k: (w + after[k]) / 2 for k, w in before.items()}
        files = {"die": die(rng, n_in, n_hidden), "synapse": synapse(rng, ticks)}
        moments = {"before": before, "during": during, "after": after}
        sizes = ticks, n_in, n_hidden, n_out
        for when, weights in moments.items():
            for name, label in (("sample", 1), ("sample2", 0)):
                one = sample(rng, *sizes, when != "before", label)
                files[f"{name}_{when}"] = one
            files[f"weights_{when}"] = weights
        if recordings == "few":
            cut = "sample2", "sample_during", "synapse"
            files = {n: a for n, a in files.items() if not n.startswith(cut)}
        for name, arrays in files.items():
            np.savez(folder / "recordings" / f"{name}.npz", **arrays)
    return folder


def comparison_folder(
    folder: Path,
    *,
    rules=("eprop", "reckon", "random-feedback"),
    devices=("ideal", "fixed"),
    seeds=(0, 1, 2),
    runs=True,
) -> Path:
    """Writes a folder as `onspike compare` would."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    cells = []
    for i, rule in enumerate(rules):
        for j, device in enumerate(devices):
            level = 0.97 - 0.03 * i - 0.02 * j
            scores = np.clip(rng.normal(level, 0.012, len(seeds)), 0, 1).round(4)
            cells.append(
                {
                    "rule": rule,
                    "device": device,
                    "folder": f"{rule}-{device}",
                    "mean": float(scores.mean()),
                    "spread": float(scores.std()),
                    "min": float(scores.min()),
                    "test_accuracies": scores.tolist(),
                    "while_learning": 0.98,
                    "learning_overhead": [14.2, 1.9, 2.4][i % 3],
                    "memory_bits": [1_800_000, 339_264, 402_000][i % 3] // (j + 1),
                    "spikes_per_sample": 1800.0 + 40 * i,
                    "weight_writes_per_sample": 54_000.0 / 10 ** (i + j),
                }
            )
            for seed, score in zip(seeds, scores, strict=True) if runs else ():
                run_folder(
                    folder / f"{rule}-{device}" / f"seed-{seed}",
                    rule=rule,
                    device=device,
                    seed=seed,
                    accuracy=float(score),
                    epochs=2,
                    recordings=None,
                )
    (folder / "compare.json").write_text(
        json.dumps(
            {
                "task": "cue-accumulation",
                "rules": list(rules),
                "devices": list(devices),
                "seeds": list(seeds),
                "cells": cells,
            }
        )
    )
    return folder


def sweep_folder(folder: Path, *, trials=40, planned=40, seeds=(0, 1)) -> Path:
    """Writes a folder as `onspike sweep` would; every tenth trial has diverged."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True)
    (folder / "sweep.toml").write_text(
        f"""task = "yin-yang"
rule = "deep-feedback-control"
neuron = "cuba-lif"
device = "ideal"
sampler = "random"
sampler_seed = 0
trials = {planned}
side = 16
seeds = {list(seeds)}

[settings]
"task.code" = "rate"
"train.clamp" = "null"

[search."rule.rate"]
kind = "log"
low = 1e-4
high = 1e-1

[search."rule.control_gain"]
kind = "uniform"
low = 0.1
high = 2.0

[search."network.hidden"]
kind = "int"
low = 20
high = 120

[search."rule.one_sided"]
kind = "choice"
values = [true, false]
"""
    )
    rows = []
    for trial in range(1, trials + 1):
        rate = float(10 ** rng.uniform(-4, -1))
        settings = {
            "rule.rate": rate,
            "rule.control_gain": float(rng.uniform(0.1, 2.0)),
            "network.hidden": int(rng.integers(20, 121)),
            "rule.one_sided": bool(rng.integers(2)),
        }
        level = (
            0.9 - 0.1 * abs(np.log10(rate) + 2.2) + 0.03 * settings["rule.one_sided"]
        )
        scores = np.clip(rng.normal(level, 0.01, len(seeds)), 0, 1).round(3).tolist()
        broken = trial % 10 == 0
        rows.append(
            {
                "trial": trial,
                "settings": settings,
                "score": None if broken else float(np.mean(scores)),
                "validation_accuracies": [] if broken else scores,
                "accuracy_while_learning": None if broken else 0.93,
                "spikes_per_sample": None if broken else 1543.2,
                "weight_writes_per_sample": None if broken else 60_123.0,
                "seconds": 0.0 if broken else 3.1,
                "warnings": [],
                "problem": "seed 0: the weights of projection 'in' are no longer finite"
                if broken
                else None,
            }
        )
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "trials.jsonl").write_text(text)
    return folder
