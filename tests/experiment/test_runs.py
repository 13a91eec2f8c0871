"""Runs: folders that hold what the docs promise, and that go on bit for bit."""

import os
import re
import shutil
import signal
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from onspike import cli
from onspike.experiment import runs
from onspike.experiment.store import RunFolder
from onspike.terminal import live
from tinyrun import (
    TINY,
    as_options,
    assert_same_run,
    refused,
    timeless,
    tiny,
)

# Three compiled calls of two samples in each of two epochs.
SEGMENTS = {"train.checkpoint_samples": 2}


class Interrupted(Exception):
    """What an unlucky callback raises."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run: its folder, its result, and what was heard of it."""
    folder, heard = tmp_path_factory.mktemp("runs") / "whole", []
    (result,) = runs.train([tiny(settings=SEGMENTS)], [folder], heard.append)
    return folder, result, heard


def promised(heading, root):
    """The keys in a table of docs/reference/run-folder.md."""
    text = (root / "docs/reference/run-folder.md").read_text()
    section = text.split(f"## `{heading}`")[1].split("\n## ")[0]
    keys = set()
    for line in section.splitlines():
        if line.startswith("| `") and "there only if" not in line:
            keys |= set(re.findall(r"`(\w+)`", line.split("|")[1]))
    assert len(keys) > 8
    return keys


def test_a_run_folder_holds_what_the_docs_promise(whole, pytestconfig):
    folder, result, heard = whole
    assert {p.name for p in folder.iterdir()} == {
        "spec.toml",
        "environment.json",
        "metrics.jsonl",
        "result.json",
        "checkpoint",
        "recordings",
    }
    assert {p.name for p in (folder / "checkpoint").iterdir()} == {
        "manifest.json",
        "state-2-0.safetensors",
    }
    store, spec = RunFolder(folder), tiny(settings=SEGMENTS)
    assert store.spec() == spec and store.result() == result
    rows = store.metrics()
    assert len(rows) == spec.train.epochs == 2
    for epoch, row in enumerate(rows, 1):
        assert promised("metrics.jsonl", pytestconfig.rootpath) <= set(row)
        assert row["epoch"] == epoch and row["samples"] == 6 * epoch
        assert 0 <= row["accuracy_while_learning"] <= 1
        assert sum(row["answer_share"]) == pytest.approx(1)
        assert row["spikes_per_sample"] > 1 and row["weight_writes_per_sample"] > 1
        assert set(row["rates"]["hidden"]) == {"mean", "max", "silent"}
        assert set(row["weights"]) == {"in", "rec", "out"}
    assert promised("result.json", pytestconfig.rootpath) <= set(result)
    names = [result[key] for key in ("task", "rule", "neuron", "device", "seed")]
    assert names == ["cue-accumulation", "reckon", "lif", "ideal", 0]
    assert (result["epochs"], result["train_samples"]) == (2, 6)
    assert result["test_samples"] == np.sum(result["confusion"]) == 5
    assert result["test_accuracy"] == np.trace(result["confusion"]) / 5
    assert result["validation_accuracy"] == rows[-1]["validation_accuracy"]
    memory = result["memory"]
    needed = memory["weights"] + memory["neuron_state"]
    assert memory["learning_overhead"] == memory["learning_state"] / needed
    assert sum(memory["learning_detail"].values()) == memory["learning_state"]
    # Between the epochs' ends nothing is known of them.
    done = [(p.position.epoch, p.position.samples, p.done) for p in heard]
    assert done == [(0, 2, 2), (0, 4, 4), (1, 0, 6), (1, 2, 8), (1, 4, 10), (2, 0, 12)]
    assert [len(p.metrics) for p in heard] == [0, 0, 1, 0, 0, 1]
    assert all(p.total == 12 and p.ticks_per_second > 0 for p in heard)


def test_evaluation_repeats_the_result(whole):
    folder, result, _ = whole
    found = runs.evaluate(folder)
    assert (found["epochs"], found["test_samples"]) == (2, 5)
    for key in ("test_accuracy", "test_by_group", "confusion", "answer_share", "rates"):
        assert found[key] == result[key]


def test_a_run_broken_off_within_an_epoch_goes_on_bit_for_bit(whole, tmp_path):
    def fail(progress):
        raise Interrupted

    for folder in (tmp_path / "early", tmp_path / "late"):
        with pytest.raises(Interrupted):
            runs.train([tiny(settings=SEGMENTS)], [folder], fail)
        assert RunFolder(folder).metrics() == [] and RunFolder(folder).result() is None
    # Broken off again and again, each time a compiled call later.
    for _ in range(5):
        with pytest.raises(Interrupted):
            runs.resume(tmp_path / "late", fail)
    assert len(RunFolder(tmp_path / "late").metrics()) == 2
    heard = []
    results = [
        runs.resume(tmp_path / "early", heard.append),
        runs.resume(tmp_path / "late"),
    ]
    assert [p.done for p in heard] == [4, 6, 8, 10, 12]
    for folder, result in zip(("early", "late"), results, strict=True):
        assert_same_run(whole[0], tmp_path / folder)
        assert timeless(result) == timeless(whole[1])


def test_a_run_that_is_over_is_left_alone(whole):
    folder, result, _ = whole
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert runs.resume(folder) == result
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_a_checkpoint_and_the_run_goes_on(whole, tmp_path, number):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    heard = []

    def interrupt(progress):
        heard.append(progress)
        if progress.done == 4:
            os.kill(os.getpid(), number)

    folder = tmp_path / "run"
    with pytest.raises(runs.Stopped):
        runs.train([tiny(settings=SEGMENTS)], [folder], interrupt)
    assert [p.done for p in heard] == [2, 4]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    runs.resume(folder)
    assert_same_run(whole[0], folder)


def test_sigterm_ends_the_command_with_130_and_it_can_be_resumed(
    whole, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "run"
    usual = live.progress

    @contextmanager
    def interrupted(quiet):
        with usual(quiet) as speak:

            def tell(name, progress):
                speak(name, progress)
                if progress.done == 8:
                    os.kill(os.getpid(), signal.SIGTERM)

            yield tell

    with monkeypatch.context() as patch:
        patch.setattr(live, "progress", interrupted)
        words = ["train", "cue-accumulation", "--out", str(folder)]
        patch.setattr(sys, "argv", ["onspike", *words, *as_options(TINY | SEGMENTS)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    said = capsys.readouterr()
    assert end.value.code == 130
    assert said.err.splitlines()[-1] == (
        f"stopped and saved; go on with: onspike resume {folder}"
    )
    assert "epoch 1, 6/12 samples, while learning 0." in said.out
    runs.resume(folder)
    assert_same_run(whole[0], folder)


def test_death_between_metrics_and_checkpoint(whole, tmp_path, monkeypatch):
    folder, save = tmp_path / "run", RunFolder.save

    def die(self, state, position, extra):
        if position.epoch == 1:
            raise Interrupted
        save(self, state, position, extra)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save", die)
        with pytest.raises(Interrupted):
            runs.train([tiny(settings=SEGMENTS)], [folder])
    assert len(RunFolder(folder).metrics()) == 1
    runs.resume(folder)
    assert_same_run(whole[0], folder)


def test_death_before_the_first_sample(whole, tmp_path, monkeypatch):
    def die(*args):
        raise Interrupted

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(runs.recordings, "keep", die)
        with pytest.raises(Interrupted):
            runs.train([tiny(settings=SEGMENTS)], [folder])
    runs.resume(folder)
    assert_same_run(whole[0], folder)
    assert {p.name for p in (folder / "recordings").iterdir()} == {
        p.name for p in (whole[0] / "recordings").iterdir()
    }


def test_what_cannot_be_trained_leaves_no_folder(tmp_path):
    out = tmp_path / "run"
    mistakes = {
        "train.batch must be at most 6": {"train.batch": 7},
        "no test samples": {"task.test_samples": 0},
        "LIF.tau_mem must be positive": {"neuron.tau_mem": -1},
        "chunked. cannot run this": {"train.engine": "chunked"},
    }
    for message, settings in mistakes.items():
        with pytest.raises(ValueError, match=message):
            runs.train([tiny(settings=settings)], [out])
        assert not out.exists()
    with pytest.raises(ValueError, match="'bptt', which has a loop of its own"):
        runs.train([tiny("bptt", settings={"train.engine": "event"})], [out])
    busy = tmp_path / "busy"
    busy.mkdir()
    (busy / "mine").touch()
    with pytest.raises(ValueError, match="exists and is not empty"):
        runs.train([tiny(), tiny(seed=1)], [out, busy])
    assert not out.exists() and [p.name for p in busy.iterdir()] == ["mine"]


def test_a_run_with_a_corrupt_checkpoint_neither_resumes_nor_evaluates(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "run")
    (tmp_path / "run/result.json").unlink()
    (state,) = (tmp_path / "run/checkpoint").glob("*.safetensors")
    state.write_bytes(state.read_bytes()[:-1])
    before = sorted(tmp_path.rglob("*"))
    for command in (runs.resume, runs.evaluate):
        with pytest.raises(ValueError, match="is corrupt: the checksum differs"):
            command(tmp_path / "run")
    for word in ("resume", "eval"):
        line = refused(word, tmp_path / "run")
        assert "is corrupt: the checksum differs; train it again" in line
    assert sorted(tmp_path.rglob("*")) == before
