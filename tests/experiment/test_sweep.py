"""Sweeps: trials side by side do what each does alone, and a sweep can go on."""

import json
import os
import re
import signal
import tomllib
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, recurrent
from onspike.devices import Clamped, Ideal
from onspike.experiment import build, memory, sweep
from onspike.experiment.run import form, keys_of, side_by_side, train
from onspike.experiment.runs import Stopped
from onspike.experiment.search import Choice, LogUniform, Uniform
from onspike.experiment.spec import load
from onspike.learner import AbstractLearner
from onspike.rules import reckon
from tinyrun import TINY, as_options, command, listed, refused, tiny

SETTINGS = TINY | {"train.decay": "none"}
SEARCH = {
    "rule.rate": "1e-3,1e308",  # the second diverges at once
    "neuron.tau_mem": "log:0.5:2",
    "rule.hinge": "0,0.003",  # none at all, or a part of the rule
}
ASKED = {
    "search": {
        "rule.rate": Choice([1e-3, 1e308]),
        "neuron.tau_mem": LogUniform(0.5, 2.0),
        "rule.hinge": Choice([0, 0.003]),
    },
    "trials": 6,
    "seeds": (4, 7),
    "settings": SETTINGS,
    "sampler_seed": 5,  # three trials of either structure, broken ones in both
    "side": 3,
}


def words(folder):
    """The same on the command line."""
    searched = [w for o, r in SEARCH.items() for w in ("--search", f"{o}={r}")]
    rest = [
        "--trials=6",
        "--seeds=4,7",
        "--side=3",
        "--sampler-seed=5",
        *as_options(SETTINGS),
    ]
    return ["sweep", "cue-accumulation", *searched, "--out", str(folder), *rest]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed sweep from the command line: its folder, and what it said."""
    folder = tmp_path_factory.mktemp("sweep") / "out"
    code, said, _ = command(*words(folder))
    assert code == 0
    return folder, said


def rows_of(folder):
    lines = (folder / "trials.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def timeless(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_one_program_gives_what_each_run_gives_alone(monkeypatch):
    task = listed(ticks=12)

    def learner(rate, tau_mem, bound):
        net = recurrent(8, LIF(tau_mem=tau_mem), 3, 2, gains=(2.0, 0.5, 1.0))
        return Learner(net, reckon(rate), device=Clamped(Ideal(), bound))

    each = [learner(0.1, 0.5, 2.0), learner(0.3, 0.9, 1.0)]
    runs = [(one, task) for one in each for _ in range(2)]
    keys = [keys_of(jax.random.key(seed)) for seed in (0, 1)] * 2
    together = side_by_side(runs, keys)
    # Only what differs has an axis: the rate, the time constant, the bound.
    assert {a.shape for a in jax.tree.leaves(together.own)} == {(4,)}
    assert len(jax.tree.leaves(together.own)) == 3
    index = np.arange(4).reshape(1, 4, 1).repeat(4, 0)
    state, tallies = together.learn(together.start(1), index)
    found = []
    for s, (run, key) in enumerate(zip(runs, keys, strict=True)):
        alone = side_by_side([run], [key])
        after, (tally,) = alone.learn(alone.start(1), index[:1])
        jax.tree.map(np.testing.assert_array_equal, tally, tallies[s])
        weights = alone.params(after, 0).weights
        for name, w in together.params(state, s).weights.items():
            assert jnp.allclose(w, weights[name], rtol=1e-12, atol=1e-14)
        found.append(np.asarray(weights["in"]))
    assert len({w.tobytes() for w in found}) == 4
    # Where memory is short, the runs learn in several programs, to the same end.
    monkeypatch.setattr(memory, "room", lambda: 3 * together.size(state, index))
    parted, more = together.learn(together.start(1), index)
    jax.tree.map(np.testing.assert_array_equal, more, tallies)
    for s, w in enumerate(found):
        assert jnp.allclose(together.params(parted, s).weights["in"], w, rtol=1e-12)


def test_what_differs_in_structure_is_no_program():
    specs = [tiny(settings={"rule.hinge": hinge}) for hinge in (0.0, 0.003, 0.006)]
    task = specs[0].built("task")
    plain, calm, calmer = ((build.learner(spec, task), task) for spec in specs)
    assert form(*calm) == form(*calmer) != form(*plain)
    keys = [keys_of(jax.random.key(0))] * 2
    with pytest.raises(ValueError, match="differ in structure"):
        side_by_side([plain, calm], keys)
    # Optax makes its functions anew at each call; that is no other structure.
    adam = [tiny(settings={"train.optimiser": "adam"}) for _ in range(2)]
    assert form(build.learner(adam[0], task), task) == form(
        build.learner(adam[1], task), task
    )


def test_the_folder_holds_what_the_docs_promise(whole, pytestconfig):
    folder, said = whole
    assert {p.name for p in folder.iterdir()} == {
        "sweep.toml",
        "environment.json",
        "trials.jsonl",
        "best.toml",
        "figures",
        "report.html",
    }
    text = (pytestconfig.rootpath / "docs/reference/run-folder.md").read_text()
    text = text.split("## The folder of a sweep")[1]
    promised = set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    rows = rows_of(folder)
    assert [row["trial"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(set(row) == promised for row in rows)
    asked = tomllib.loads((folder / "sweep.toml").read_text())
    assert (asked["rule"], asked["neuron"]) == ("reckon", "lif")
    assert asked["seeds"] == [4, 7] and asked["settings"]["task.ticks"] == 60
    scored = [row for row in rows if row["score"] is not None]
    for row in scored:
        assert row["score"] == np.mean(row["validation_accuracies"])
        assert len(row["validation_accuracies"]) == 2 and row["problem"] is None
        assert row["spikes_per_sample"] > 1 and row["weight_writes_per_sample"] > 1
    winner = sweep.best(rows)
    assert winner["score"] == max(row["score"] for row in scored)
    spec = load(folder / "best.toml")
    assert spec.seed == 4 and spec.rule.rate == winner["settings"]["rule.rate"]
    assert spec.neuron.tau_mem == winner["settings"]["neuron.tau_mem"]
    assert said[-1] == f"report: {folder / 'report.html'}"


def test_a_trial_that_diverges_stops_no_other(whole):
    folder, said = whole
    broken = [r for r in rows_of(folder) if r["settings"]["rule.rate"] > 1]
    assert 0 < len(broken) < 6
    for row in broken:
        assert row["score"] is None and row["validation_accuracies"] == []
        assert re.match("seed 4: the weights of .* no longer finite", row["problem"])
    assert f"{len(broken)} of 6 trials have no score" in said
    beside = {r["settings"]["rule.hinge"] for r in rows_of(folder) if r["score"]}
    assert beside & {row["settings"]["rule.hinge"] for row in broken}


def test_a_trial_whose_learning_cannot_work_stops_no_other(tmp_path, monkeypatch):
    def picky(self, task, state, key):
        if self.rates()["in"] > 1.5e-3:
            raise ValueError("the loop is unstable")

    monkeypatch.setattr(AbstractLearner, "check", picky)
    asked = {**ASKED, "search": {"rule.rate": Choice([1e-3, 2e-3])}, "seeds": (4,)}
    rows = sweep.sweep("cue-accumulation", out=tmp_path / "out", **asked)
    assert {row["settings"]["rule.rate"] for row in rows} == {1e-3, 2e-3}
    for row in rows:
        refused_one = row["settings"]["rule.rate"] > 1e-3
        assert row["problem"] == ("the loop is unstable" if refused_one else None)
        assert (row["score"] is None) == refused_one


def test_a_trial_is_the_run_that_its_settings_describe(whole):
    row = sweep.best(rows_of(whole[0]))
    found = []
    for seed in (4, 7):
        spec = tiny(seed=seed, settings=SETTINGS | row["settings"])
        task = spec.built("task")
        key, learner = jax.random.key(seed), build.learner(spec, task)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "population 'hidden' |all validation")
            run = train(learner, task, key, epochs=2, eval_batch=5)
        found.append(run.metrics[-1])
    seen = [metrics["validation_accuracy"] for metrics in found]
    assert row["validation_accuracies"] == seen
    for key in (
        "accuracy_while_learning",
        "spikes_per_sample",
        "weight_writes_per_sample",
    ):
        assert row[key] == pytest.approx(np.mean([m[key] for m in found]), rel=1e-12)


def test_the_winner_is_tested_by_the_command_that_is_printed(whole):
    folder, said = whole
    start = said.index("onspike compare cue-accumulation \\")
    line = " ".join(said[start:-1])
    given = [word for word in line.replace("\\", " ").split()]
    assert "--seeds 8,9,10,11,12" in line and f"--out {folder}-best" in line
    winner = sweep.best(rows_of(folder))["settings"]
    for option, value in winner.items():
        assert f"{option}={value}" in given
    assert "task.ticks=60" in given and given.count("--set") == len(SETTINGS) + 3


def test_a_sweep_that_was_stopped_goes_on_to_the_same_end(whole, tmp_path):
    folder, heard = tmp_path / "out", []

    def interrupt(name, progress, rows):
        heard.append(name)
        if len(set(heard)) == 2 and progress.done == 6:  # half of the second program
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        sweep.sweep("cue-accumulation", out=folder, listen=interrupt, **ASKED)
    assert heard == ["3 trials, 0 of 6 done"] * 3 + ["3 trials, 3 of 6 done"]
    assert len(rows_of(folder)) == 3 and not (folder / "best.toml").exists()
    assert "onspike resume" in refused("train", "digits", "--out", folder)
    page = command("report", folder)[1][-1]
    assert "not finished" in (folder / page).read_text()
    code, said, _ = command("resume", folder, "-q")
    assert code == 0 and said[-1] == f"report: {folder / 'report.html'}"
    assert timeless(rows_of(folder)) == timeless(rows_of(whole[0]))
    for name in ("best.toml", "sweep.toml"):
        assert (folder / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_sweep_that_is_over_is_not_run_again(whole, monkeypatch):
    before = rows_of(whole[0])
    monkeypatch.setattr(sweep, "_run", None)
    assert sweep.resume(whole[0]) == before


def pretend(program, seeds, name, listen, stop):
    """A score without a run: best at a rate of 1e-3."""
    rows = []
    for trial in program:
        gap = abs(np.log10(trial.settings["rule.rate"]) + 3)
        row = sweep._failed(trial.number, trial.settings, "")
        rows.append({**row, "score": float(1 - gap / 10), "problem": None})
    return rows


TPE = {
    "search": {"rule.rate": LogUniform(1e-5, 1e-1), "rule.hinge": Choice([0, 0.003])},
    "trials": 14,
    "seeds": (0,),
    "settings": SETTINGS,
    "sampler": "tpe",
    "side": 4,
}


def test_tpe_goes_on_with_the_same_choices(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "_run", pretend)
    rows = sweep.sweep("cue-accumulation", out=tmp_path / "whole", **TPE)
    calls = []

    def broken_off(*arguments):
        calls.append(arguments)
        if len(calls) > 3:
            raise Stopped
        return pretend(*arguments)

    monkeypatch.setattr(sweep, "_run", broken_off)
    with pytest.raises(Stopped):
        sweep.sweep("cue-accumulation", out=tmp_path / "part", **TPE)
    assert 0 < len(rows_of(tmp_path / "part")) < 14
    monkeypatch.setattr(sweep, "_run", pretend)
    assert sweep.resume(tmp_path / "part") == rows and len(rows) == 14


def test_a_choice_on_the_way_that_cannot_be_built_has_no_score(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "_run", pretend)
    rows = sweep.sweep("cue-accumulation", out=tmp_path / "whole", **TPE)
    late, made = rows[9]["settings"]["rule.rate"], build.learner

    def picky(spec, task):
        if spec.rule.rate == late:
            raise ValueError("not this one")
        return made(spec, task)

    monkeypatch.setattr(build, "learner", picky)
    rows = sweep.sweep("cue-accumulation", out=tmp_path / "picky", **TPE)
    assert rows == rows_of(tmp_path / "picky") and len(rows) == 14
    (broken,) = (row for row in rows if row["score"] is None)
    assert broken["trial"] == 10
    assert re.match(r"trial 10 \(rule.rate=.*\): not this one", broken["problem"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"search": {"rule.rat": Uniform(0.1, 1.0)}}, "'rat'; did you mean 'rate'"),
        ({"search": {"rate": Uniform(0.1, 1.0)}}, "section.option=value; got 'rate'"),
        ({"search": {"rule.name": Choice(["eprop", "bptt"])}}, "unknown option"),
        ({"search": {"rule.gate": Choice(["every-tick", "ever"])}}, "'ever'"),
        ({"search": {"train.batch": Uniform(1.5, 2.0)}}, "train.batch: .*`int`"),
        (
            {"search": {"neuron.tau_mem": Uniform(-2.0, -1.0)}},
            r"trial 1 \(neuron.tau_mem=-1.*LIF.tau_mem must be positive, in seconds",
        ),
        ({"search": {"task.ticks": Choice([60, 30])}}, "'task.ticks' is both set and"),
        ({"search": {}}, "nothing to search"),
        ({"trials": 0}, "sweep.trials must be a whole number >= 1, in trials; got 0"),
        ({"side": 0}, "sweep.side must be a whole number >= 1"),
        ({"seeds": (1, 1)}, "--seeds must name at least one, and none twice"),
        ({"sampler": "tpee"}, "unknown sampler 'tpee'; did you mean 'tpe'"),
        (
            {"settings": SETTINGS | {"task.validation_samples": 0}},
            "'cue-accumulation' has no validation samples",
        ),
    ],
)
def test_mistakes_are_found_before_anything_is_written(tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        sweep.sweep("cue-accumulation", out=tmp_path / "out", **ASKED | changed)
    assert not (tmp_path / "out").exists()


def test_mistakes_on_the_command_line(tmp_path):
    line = refused("sweep", "binary", "--search", "rule.rate=1", "--out", tmp_path)
    assert "--search rule.rate: a range is low:high" in line


def test_rows_of_another_sweep_are_refused(whole, tmp_path):
    (tmp_path / "sweep.toml").write_bytes((whole[0] / "sweep.toml").read_bytes())
    rows = rows_of(whole[0])[:1]
    rows[0]["settings"]["neuron.tau_mem"] = 0.7
    (tmp_path / "trials.jsonl").write_text(json.dumps(rows[0]) + "\n")
    with pytest.raises(ValueError, match="trial 1 of .* has other settings than"):
        sweep.resume(tmp_path)
    (tmp_path / "trials.jsonl").write_text("[]\n")
    with pytest.raises(ValueError, match="is damaged: not a JSON object; delete"):
        sweep.resume(tmp_path)
