"""A run that takes a moment, and what to compare of two of them."""

import contextlib
import io
import sys
from unittest import mock

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from onspike import cli
from onspike.experiment.spec import resolve
from onspike.experiment.store import RunFolder
from onspike.tasks import Episode
from oracle import FixedSpikes, draw

TINY = {
    "task.ticks": 60,
    "task.n_cues": 3,
    "task.n_per_group": 2,
    "task.cue_duration": 10e-3,
    "task.cue_period": 10e-3,
    "task.recall_duration": 20e-3,
    "task.active_rate": 400.0,
    "task.background_rate": 200.0,
    "task.train_samples": 6,
    "task.validation_samples": 4,
    "task.test_samples": 5,
    "network.hidden": 4,
    "network.gain_in": 1.5,
    "train.epochs": 2,
    "train.eval_batch": 5,
}
TIMES = ("ticks_per_second", "wall_seconds")


def tiny(rule=None, neuron=None, device="ideal", seed=0, settings=()):
    """The specification."""
    chosen = TINY | dict(settings)
    return resolve(
        "cue-accumulation",
        rule=rule,
        neuron=neuron,
        device=device,
        seed=seed,
        settings=chosen,
    )


def as_options(settings):
    """Settings as the command line takes them."""
    return [w for path, v in settings.items() for w in ("--set", f"{path}={v}")]


def final_arrays(folder):
    """All arrays of a run's checkpoint, by name."""
    (path,) = (folder / "checkpoint").glob("state-*.safetensors")
    return safetensors.numpy.load_file(path)


def assert_same_run(one, other):
    """Two run folders agree in every bit of their checkpoints, and in all but times."""
    a, b = final_arrays(one), final_arrays(other)
    assert a.keys() == b.keys() and len(a) > 3
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert np.array_equal(a[name], b[name], equal_nan=True), name
    for read in (RunFolder.metrics, lambda run: [run.result()]):
        rows, others = read(RunFolder(one)), read(RunFolder(other))
        assert [timeless(row) for row in rows] == [timeless(row) for row in others]


def timeless(row):
    """A record without the keys that say how fast it went."""
    return {key: value for key, value in row.items() if key not in TIMES}


class Listed(FixedSpikes):
    """Samples in a table, the same in every split: nothing is drawn while it runs."""

    x: jax.Array = None  # sample, tick, channel
    labels: jax.Array = None

    def size(self, split):
        return len(self.labels)

    def episode(self, split, index, key):
        i = index % len(self.labels)
        return Episode(self.labels[i], jnp.zeros((), jnp.int32), self.x[i])


def listed(n=6, ticks=60, n_in=8, n_out=2, rate=0.3, seed=0):
    """A task of `n` such samples."""
    sizes = {"sizes": (n_in, n_out), "ticks": ticks, "window": max(1, ticks // 3)}
    episodes = draw(FixedSpikes(**sizes), n, rate, seed)
    return Listed(**sizes, x=episodes.content, labels=episodes.label)


def write_spikes(path, n=6, labels=None, units=8, seconds=0.06, spikes=80, seed=0):
    """A file in the Heidelberg layout."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for name, kind in (("times", "f2"), ("units", "u2")):
            file.create_dataset(f"spikes/{name}", (n,), h5py.vlen_dtype(np.dtype(kind)))
        for i in range(n):
            times = np.sort(rng.uniform(0, 0.99 * seconds, spikes)).astype("f2")
            file["spikes/times"][i] = times
            file["spikes/units"][i] = rng.integers(0, units, spikes).astype("u2")
        file["labels"] = np.arange(n) % 2 if labels is None else np.asarray(labels)
    return path


def spoken(folder):
    """Settings of a tiny task of spoken digits, whose files it writes."""
    return {
        "task.train": str(write_spikes(folder / "train.h5")),
        "task.test": str(write_spikes(folder / "test.h5", n=5, seed=1)),
        "task.ticks": 60,
        "task.dt": 1e-3,
        "task.channels": 8,
        "task.n_units": 8,
        "task.validation_share": 0.0,
        "network.hidden": 4,
        "network.gain_in": 1.0,
        "train.epochs": 1,
        "train.batch": 1,
        "train.eval_batch": 5,
        "train.optimiser": "sgd",
    }


def command(*words):
    """What `onspike WORDS` does: exit code, lines on stdout and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["onspike", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return code, out.getvalue().splitlines(), err.getvalue().splitlines()


def refused(*words):
    """The one line of complaint about `onspike WORDS`."""
    code, _, complaints = command(*words)
    assert code == 2, complaints
    (line,) = complaints
    assert line.startswith("onspike: ") and "Traceback" not in line
    return line
