"""The run folder: whole files only, and checkpoints that say when they are not."""

import json
import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.experiment import store
from onspike.experiment.run import Position
from onspike.experiment.store import RunFolder, environment
from tinyrun import tiny


class Little(NamedTuple):
    """A state with every kind of leaf that a checkpoint has to hold."""

    w: jax.Array
    half: jax.Array
    codes: jax.Array
    on: jax.Array
    key: jax.Array
    count: np.ndarray


def little(fill=0.0):
    return {
        "a": Little(
            w=jnp.full((2, 3), fill, jnp.float32),
            half=jnp.full((2,), fill, jnp.float16),
            codes=jnp.full((3,), -7, jnp.int8),
            on=jnp.asarray(True),
            key=jax.random.key(5),
            count=np.asarray(2**40 + 1),
        ),
        "b": ((), jnp.zeros((0, 2))),
    }


def plain(leaf):
    key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if key else leaf)


@pytest.fixture
def run(tmp_path):
    """A run folder with a checkpoint."""
    run = RunFolder(tmp_path / "run")
    run.create(tiny())
    run.save(little(0.1), Position(2, 3), {"seconds": 0.5})
    return run


def parts(folder):
    """Names of files in a folder and below."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_checkpoint_holds_the_state_and_the_position(run):
    state, position, extra = run.load(little())
    assert position == Position(2, 3) and extra == {"seconds": 0.5}
    expected = jax.tree.leaves_with_path(little(0.1))
    found = jax.tree.leaves_with_path(state)
    for (path, a), (same_path, b) in zip(expected, found, strict=True):
        assert path == same_path and a.dtype == b.dtype
        assert np.array_equal(plain(a), plain(b))
    assert isinstance(state["a"].count, np.ndarray)


def test_a_new_checkpoint_replaces_the_old(run):
    run.save(little(0.2), Position(3, 0), {"seconds": 0.5})
    assert parts(run.path / "checkpoint") == ["manifest.json", "state-3-0.safetensors"]
    state, position, _ = run.load(little())
    assert position == Position(3, 0) and float(state["a"].w[0, 0]) == np.float32(0.2)


@pytest.mark.parametrize("dies_at", ["state", "manifest"])
def test_a_death_while_writing_leaves_the_old_checkpoint(run, monkeypatch, dies_at):
    write = store._write_bytes

    def fail(path, data):
        if dies_at in path.name:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(store, "_write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        run.save(little(0.2), Position(3, 0), {"seconds": 0.5})
    assert not [name for name in parts(run.path) if name.endswith(".part")]
    state, position, _ = run.load(little())
    assert position == Position(2, 3) and float(state["a"].w[0, 0]) == np.float32(0.1)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    store.write_json(path, {"a": 1})
    with pytest.raises(TypeError, match="cannot write object"):
        store.write_json(path, {"a": object()})

    def fail(number):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        store.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1} and parts(tmp_path) == [path.name]


def test_a_recording_that_fails_leaves_nothing(run):
    with pytest.raises(RuntimeError, match="no array"):
        run.add_recording("sample", {"x": np.ones(3), "y": Unsayable()})
    assert parts(run.path / "recordings") == []


class Unsayable:
    """What cannot become an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit(**fields):
    def change(path):
        manifest = json.loads(path.read_text()) | fields
        path.write_text(json.dumps(manifest))

    return change


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


STATE, MANIFEST = "checkpoint/state-2-3.safetensors", "checkpoint/manifest.json"
HARM = {
    "a flipped bit": (STATE, flip, "is corrupt: the checksum differs; train it again"),
    "cut off": (STATE, cut, "is corrupt: the checksum differs"),
    "empty": (STATE, lambda p: p.write_bytes(b""), "is corrupt: the checksum"),
    "no state": (STATE, os.remove, "is corrupt: FileNotFoundError"),
    "no manifest": (MANIFEST, os.remove, "has no checkpoint; train it again"),
    "half a manifest": (MANIFEST, cut, "is corrupt: JSONDecodeError"),
    "no text": (MANIFEST, lambda p: p.write_bytes(b"\xff\xfe"), "is corrupt"),
    "a list": (MANIFEST, lambda p: p.write_text("[]"), "is corrupt: TypeError"),
    "another position": (MANIFEST, edit(epoch=3), "is corrupt: the checksum differs"),
    "another spec": ("spec.toml", lambda p: p.write_text(tiny(seed=1).toml()), "spec"),
}


@pytest.mark.parametrize("how", HARM)
def test_a_corrupt_checkpoint_is_refused_in_one_line(run, how):
    name, harm, message = HARM[how]
    harm(run.path / name)
    with pytest.raises(ValueError, match=message) as error:
        run.load(little())
    assert "\n" not in str(error.value) and "again" in str(error.value)


def test_a_checkpoint_of_another_form_is_refused(run):
    like = little()
    like["a"] = like["a"]._replace(w=jnp.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"does not fit .*\['a'\].w should be float64"):
        run.load(like)


def test_a_folder_in_use_is_refused_and_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="exists and is not empty: choose another"):
        RunFolder(tmp_path).create(tiny())
    assert parts(tmp_path) == ["mine.txt"]
    with pytest.raises(ValueError, match="exists and is not empty"):
        RunFolder(tmp_path / "mine.txt").create(tiny())
    with pytest.raises(ValueError, match="cannot write to"):
        RunFolder(tmp_path / "mine.txt" / "run").create(tiny())
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_an_empty_folder_and_missing_parents_will_do(tmp_path):
    RunFolder(tmp_path).create(tiny())
    assert parts(tmp_path) == ["environment.json", "spec.toml"]
    RunFolder(tmp_path / "a/b/c").create(tiny())
    assert RunFolder(tmp_path / "a/b/c").spec() == tiny()


def test_a_parent_without_permission_is_refused(tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    real = os.access  # which lets root write anywhere
    monkeypatch.setattr(os, "access", lambda p, mode: p != locked and real(p, mode))
    with pytest.raises(ValueError, match="cannot write to .*choose another --out"):
        RunFolder(locked / "run").create(tiny())


def test_no_run_folder(tmp_path):
    with pytest.raises(ValueError, match=r"is not a run folder: it has no spec.toml"):
        RunFolder(tmp_path).spec()
    assert RunFolder(tmp_path).metrics() == [] and RunFolder(tmp_path).result() is None


def test_metrics_come_line_by_line_and_can_be_cut(run):
    for epoch in (1, 2, 3):
        run.add_metrics({"epoch": np.int64(epoch), "rates": {"mean": np.float64(0.5)}})
    assert [row["epoch"] for row in run.metrics()] == [1, 2, 3]
    path = run.path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"epoch": 4, "ra')  # the power failed here
    assert len(run.metrics()) == 3
    run.cut_metrics(2)
    assert [row["epoch"] for row in run.metrics()] == [1, 2]
    run.add_metrics({"epoch": 3})
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.parametrize("text", ['{"a": ', "[1]", '"\xff'])
def test_damaged_results_and_metrics_say_what_to_do(run, text):
    (run.path / "result.json").write_text(text, encoding="latin-1")
    (run.path / "metrics.jsonl").write_text(text + "\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"result\.json' is damaged.*onspike resume"):
        run.result()
    with pytest.raises(ValueError, match=r"metrics\.jsonl' is damaged.*train again"):
        run.metrics()


@pytest.mark.parametrize("extra", [{}, [], {"seconds": None}, {"seconds": "x"}])
def test_a_checkpoint_without_its_seconds_is_corrupt(run, extra):
    path = run.path / "checkpoint" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"extra": extra}))
    with pytest.raises(ValueError, match="is corrupt"):
        run.load(little())


def test_only_a_run_folder_is_said_to_be_resumable(run, tmp_path):
    with pytest.raises(ValueError, match="onspike resume"):
        store.vacant(run.path)
    with pytest.raises(ValueError, match="another --out$"):
        store.vacant(tmp_path)


def test_a_token_is_not_kept(monkeypatch):
    words = ["onspike", "lab", "--token", "secret1", "--token=secret2", "--port=1"]
    monkeypatch.setattr("sys.argv", words)
    environment.cache_clear()
    assert (
        environment()["command"] == "onspike lab --token '***' '--token=***' --port=1"
    )
    environment.cache_clear()
