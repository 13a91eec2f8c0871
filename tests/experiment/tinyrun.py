"""A run that takes a moment, and what to compare of two of them."""

import numpy as np
import safetensors.numpy

from onspike.experiment.spec import resolve
from onspike.experiment.store import RunFolder

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
    "network.gain_in": 1.0,
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
