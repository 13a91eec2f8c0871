"""What the how-to pages show: code that runs, commands whose every option exists."""

import importlib
import inspect
import re
import shlex
import sys

import jax
import numpy as np
import pytest

from onspike import catalog
from onspike.experiment import build
from onspike.experiment.run import fit
from onspike.experiment.spec import resolve, settings_of
from onspike.neurons import AbstractNeuron
from onspike.tasks import SpokenDigits
from tinyrun import command

PIECES = ("neuron", "rule", "device", "task", "data")


def blocks(page, language="python"):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def files(root):
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def commands(page):
    """Every `onspike` command of a page, as words."""
    shown = "\n".join(blocks(page, "console"))
    lines = re.findall(r"^\$ onspike (.*?[^\\])$", shown, re.MULTILINE | re.DOTALL)
    return [shlex.split(line.replace("\\\n", " "), comments=True) for line in lines]


@pytest.fixture
def mine(pytestconfig, tmp_path, monkeypatch):
    """A folder with the pieces of all pages in one `mine.py`; gives their pages."""
    folder = pytestconfig.rootpath / "docs/how-to"
    pages = {name: folder / f"own-{name}.md" for name in PIECES}
    code = [b for page in pages.values() for b in blocks(page) if "# mine.py" in b]
    (tmp_path / "mine.py").write_text("\n\n".join(code))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    sys.modules.pop("mine", None)
    # Readers have JAX as it comes, and not the strict settings of the tests.
    usual = {"dtype_promotion": "standard", "rank_promotion": "allow"}
    strict = {name: getattr(jax.config, f"jax_numpy_{name}") for name in usual}
    for settings in (usual, strict):
        for name, value in settings.items():
            jax.config.update(f"jax_numpy_{name}", value)
        if settings is usual:
            yield pages
    sys.modules.pop("mine", None)


def test_all_commands_have_names_and_options_that_exist(pytestconfig, mine):
    seen = {"train": 0, "compare": 0, "sweep": 0}
    helps = {}
    for page in files(pytestconfig.rootpath):
        for name, *words in commands(page):
            if name not in helps:
                code, said, _ = command(name, "--help")
                assert code == 0, (page.name, name)
                helps[name] = "\n".join(said)
            if name == "chip":
                continue
            given = [
                (w, words[i + 1 : i + 2]) for i, w in enumerate(words) if w[:2] == "--"
            ]
            assert all(option in helps[name] for option, _ in given), (page.name, words)
            if name not in seen:
                continue
            seen[name] += 1
            parts = {o[2:]: v for o, (v,) in ((o, v) for o, v in given if v)}
            settings = settings_of(v for o, (v,) in given if o == "--set")
            for rule in parts.get("rules", parts.get("rule", "")).split(","):
                for device in parts.get("devices", parts.get("device", "")).split(","):
                    try:
                        resolve(
                            words[0],
                            rule=rule or None,
                            neuron=parts.get("neuron"),
                            device=device or None,
                            settings=settings if name == "train" else None,
                        )
                    except ValueError as error:
                        assert "must be set" in str(error), (page.name, words, error)
    assert seen["train"] > 30 and seen["compare"] > 8 and seen["sweep"] > 2


OWN = {"rule": "mine:nearest", "neuron": "mine:Resonator", "device": "mine:flaky"}


def test_own_task_neuron_rule_and_device_fit_together(mine):
    spec = resolve("mine:Busier", **OWN, settings={"network.hidden": 5})
    task = spec.built("task")
    learner = build.learner(spec, task)
    fit(learner, task)
    state = jax.eval_shape(learner.init, jax.random.key(0))
    assert all(a.shape[-2:] != (5, 8) for a in jax.tree.leaves(state.own.rule))
    assert learner.device.bits_per_weight() == 8
    full = build.learner(resolve("mine:Busier", neuron=OWN["neuron"]), task)
    kept = jax.tree.leaves(jax.eval_shape(full.init, jax.random.key(0)).own.rule)
    assert [a.shape[-2:] for a in kept].count((100, 8)) == 3  # v, u, and behind kappa


@pytest.mark.slow
def test_own_task_neuron_rule_and_device_train_together(mine, tmp_path):
    sizes = ("task.ticks=20", "network.hidden=5", "train.epochs=1", "train.batch=20")
    chosen = [word for size in sizes for word in ("--set", size)]
    names = [word for kind, name in OWN.items() for word in (f"--{kind}", name)]
    words = ["train", "mine:Busier", *names, *chosen]
    code, said, complaints = command(*words, "--out", tmp_path / "run", "-q")
    assert code == 0, complaints
    assert any("test accuracy" in line for line in said)
    assert command("eval", tmp_path / "run")[0] == 0


def test_own_data(mine, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.random((30, 12, 5)), np.arange(30) % 3
    for name, samples in (("gestures", x), ("table", x[:, 0])):
        split = {
            "x_train": samples,
            "x_test": samples[:9],
            "y_train": y,
            "y_test": y[:9],
        }
        np.savez(tmp_path / f"{name}.npz", **split)
    page = importlib.import_module("mine")

    assert page.gestures().mask().sum() == 10 and page.gestures().n_in == 5
    assert page.table().size("train") + page.table().size("validation") == 30
    space = {"np": np, "ons": page.ons}
    for block in blocks(mine["data"]):
        if "# mine.py" not in block:
            exec(block, space)
    task = SpokenDigits("train.h5", "test.h5", 50, 0.01, channels=64, n_units=128)
    assert (task.n_out, task.dropped, task.size("test")) == (2, 0, 100)
    kinds = [("t", "u8"), ("x", "u2"), ("y", "u2"), ("p", "?")]
    events = np.array([(1000, 0, 0, 1), (3000, 345, 0, 0), (4000, 0, 8, 1)], kinds)
    times, addresses = space["spikes_of"](events, width=346)
    assert np.allclose(times, [0, 2e-3, 3e-3])
    assert addresses.tolist() == [1, 2 * 43, 2 * 44 + 1]


@pytest.mark.slow
def test_the_python_of_own_neuron_device_and_task(mine):
    for name in ("neuron", "device", "task"):
        space = {}
        for block in blocks(mine[name]):
            exec(compile(block, mine[name].name, "exec"), space)
    assert space["run"].test_accuracy > 0.85


@pytest.mark.slow
def test_the_notebook(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    page, space = mine["neuron"].with_name("notebook.md"), {}
    exec(compile("\n".join(blocks(page)), page.name, "exec"), space)
    assert space["run"].test_accuracy > 0.9
    assert (tmp_path / "runs/from-a-notebook/report.html").is_file()


def test_the_python_of_the_four_factors(pytestconfig):
    page, space = pytestconfig.rootpath / "docs/explanation/factors.md", {}
    exec(compile("\n".join(blocks(page)), page.name, "exec"), space)
    named = resolve("cue-accumulation", rule="reckon-random", device="fixed8")
    rule = named.built("rule")
    assert (rule.signal, rule.eligibility) == (
        space["rule"].signal,
        space["rule"].eligibility,
    )
    assert named.built("device") == space["learner"].device


def test_the_glossary_is_in_order_and_links_lead_into_it(pytestconfig):
    docs = pytestconfig.rootpath / "docs"
    text = (docs / "explanation/glossary.md").read_text()
    terms = re.findall("^## (.*)$", text, re.MULTILINE)
    assert len(terms) > 60
    assert terms == sorted(terms, key=lambda t: t.lower().replace("-", ""))
    for body in re.split("^## .*$", text, flags=re.MULTILINE)[1:]:
        assert len(re.findall(r"[.?](?:\s|$)", body)) <= 3, body


def test_every_row_of_the_catalogue_is_on_its_reference_page(pytestconfig):
    folder = pytestconfig.rootpath / "docs/reference"
    pages = {name: (folder / f"{name}.md").read_text() for name in ("neurons", "tasks")}
    assert "<!-- every neuron -->" in pages["neurons"]
    assert "<!-- every task -->" in pages["tasks"]
    devices = (folder / "devices.md").read_text()
    for name, row in catalog.DEVICES.items():
        assert f"| `{name}` |" in devices and row.source, name
    for name in catalog.NEURONS:
        made = resolve("yin-yang", rule="eprop", neuron=name).built("neuron")
        kind = type(made if isinstance(made, AbstractNeuron) else made(2))
        assert f"::: onspike.neurons.{kind.__name__}\n" in pages["neurons"], name
        text = inspect.getdoc(kind) or ""
        assert "Source:" in text and re.search(r"\$.*=.*\$", text, re.DOTALL), name
