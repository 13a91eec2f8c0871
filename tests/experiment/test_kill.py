"""A process that is killed in the middle of a run, and what comes after."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tinyrun import TINY, as_options, assert_same_run

PATIENCE = 240.0  # seconds, for a busy machine
SETTINGS = TINY | {
    "task.train_samples": 80,
    "task.validation_samples": 0,
    "train.batch": 2,
    "train.checkpoint_samples": 2,
    "train.decay": "linear",
    "rule.rate": 0.01,
}
WHAT = ["cue-accumulation", "--rule", "reckon", "--device", "fixed8", "--seed", "3"]


@pytest.fixture
def onspike(pytestconfig, tmp_path):
    """Starts the command in a process of its own; none outlives the test."""
    root, started = pytestconfig.rootpath, []
    paths = [str(root / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "JAX_COMPILATION_CACHE_DIR": str(root / ".jax_cache"),
    }

    def start(*words):
        main = "from onspike.cli import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", main, *map(str, words)],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def position(folder):
    """Where the checkpoint of a run stands."""
    try:
        manifest = json.loads((folder / "checkpoint/manifest.json").read_text())
    except FileNotFoundError:
        return (0, 0)
    return manifest["epoch"], manifest["samples"]


def wait_beyond(place, folder, process):
    """Until the checkpoint has moved on from a place."""
    until = time.monotonic() + PATIENCE
    while position(folder) <= place:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "no checkpoint in time"
        time.sleep(2e-3)


def ends(process):
    """The exit code and what was said on stderr."""
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_bit_for_bit_as_an_undisturbed_one(
    onspike, tmp_path
):
    whole, run = tmp_path / "whole", tmp_path / "run"
    train = ["train", *WHAT, *as_options(SETTINGS), "-q", "--out"]
    undisturbed = onspike(*train, whole)

    process = onspike(*train, run)
    wait_beyond((0, 4), run, process)
    process.send_signal(signal.SIGKILL)
    assert ends(process)[0] == -signal.SIGKILL
    assert (0, 4) < position(run) < (2, 0) and not (run / "result.json").exists()

    assert ends(onspike("resume", run, "-q")) == (0, "")
    assert ends(undisturbed) == (0, "")
    assert_same_run(whole, run)
    assert not list(run.rglob("*.part")) and (run / "report.html").is_file()
