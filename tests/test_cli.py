"""The command line: help at once, and one line for every mistake."""

import os
import re
import shlex
import subprocess
import sys
from unittest import mock

import h5py
import msgspec
import numpy as np
import pytest
import typer

from onspike import catalog, cli
from onspike.catalog.options import meaning
from onspike.experiment.search import space_of
from onspike.experiment.spec import kind_of, resolve, settings_of
from tinyrun import TINY, as_options, command, refused, spoken, write_spikes

ASKED = "onspike train yin-yang --set rule.rate="
NAMES = [name for rows in catalog.KINDS.values() for name in rows]


@pytest.mark.parametrize(
    ("words", "asked", "expected"),
    [
        (["train", "--help"], {}, "--rule"),
        (["list", "eprop"], {}, "rule.rate"),
        (
            [],
            {"_ONSPIKE_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": ASKED}
            | {"_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            "rule.rate=0.005",
        ),
    ],
)
def test_help_lists_and_completion_come_without_jax(
    words, asked, expected, pytestconfig
):
    code = """
import sys
from onspike import cli
sys.argv = ["onspike", *sys.argv[1:]]
try:
    cli.main()
finally:
    heavy = {"jax", "equinox", "numpy", "matplotlib", "h5py"} & set(sys.modules)
    print("heavy:", heavy, file=sys.stderr)
"""
    paths = [str(pytestconfig.rootpath / "src"), os.environ.get("PYTHONPATH", "")]
    path = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | path | asked,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and done.stderr.strip() == "heavy: set()"
    assert expected in done.stdout


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_names_the_commands(words):
    code, said, complaints = command(*words)
    assert code == 0 and complaints == []
    commands = ("train", "resume", "eval", "compare", "report", "list")
    assert all(any(name in line for line in said) for name in commands)


def test_list_has_every_name_with_its_source():
    code, said, complaints = command("list")
    assert code == 0 and complaints == []
    first = {line.split()[0] for line in said if line.strip()}
    assert set(NAMES) <= first
    assert any("doi:10.1038/s41467-020-17236-y" in line for line in said)
    for kind, rows in catalog.KINDS.items():
        _, said, _ = command("list", f"{kind}s")
        assert {line.split()[0] for line in said if line.strip()} >= {*rows}


@pytest.mark.parametrize("name", dict.fromkeys([*NAMES, *catalog.CHIPS]))
def test_list_of_a_name_shows_all_that_is_to_be_known_of_it(name):
    code, said, complaints = command("list", name)
    text = " ".join(" ".join(said).split())
    assert code == 0 and complaints == [] and name in said[0]
    for kind, rows in catalog.KINDS.items():
        if name in rows:
            assert f"{kind} {name}: " in text and rows[name].source in text
            for field in msgspec.structs.fields(kind_of(kind, name)):
                if field.name != "name":
                    what = meaning(kind, name, field.name).meaning
                    assert f"{kind}.{field.name} = " in text, field.name
                    assert " ".join(what.split()[:2]) in text, field.name
    assert text.count("must be set") == (2 if name == "spoken-digits" else 0)


def test_list_of_a_task_shows_its_recipe():
    _, said, _ = command("list", "cue-accumulation")
    text = " ".join(" ".join(said).split())
    assert "recipe rule reckon, neuron lif, device ideal" in text
    assert "neuron.tau_mem=2.0" in text and "also for bptt, decolle, dfa" in text


def test_list_of_a_rule_shows_what_it_needs_and_where_it_was_tuned():
    _, said, _ = command("list", "sdsp")
    text = " ".join(" ".join(said).split())
    assert "equation Δw_ij = η (a u_i - b d_i) s_j" in text
    assert "needs device bistable, network.readout=spiking train.batch=1" in text
    assert "ticks yes" in text and "recipes digits" in text
    _, said, _ = command("list", "bptt")
    assert any(line.split()[:2] == ["ticks", "no:"] for line in said)


@pytest.mark.parametrize("what", ["network", "train"])
def test_list_of_a_section_without_names(what):
    code, said, _ = command("list", what)
    assert code == 0 and said[0] == what and any(f"{what}." in line for line in said)


@pytest.mark.parametrize("what", ["dexat", "train", "odin", "chips", "rules", None])
def test_list_fits_a_narrow_terminal(what, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    code, said, _ = command("list", *filter(None, [what]))
    assert code == 0 and max(map(len, said)) <= 40 and not any("…" in w for w in said)


def test_list_of_chips_says_what_there_is_of_each():
    _, said, _ = command("list", "chips")
    text = "\n".join(said)
    for name, chip in catalog.CHIPS.items():
        assert f"\n{name}: " in text and all(one in text for one in chip.has)
        for option, name in re.findall(
            r"--(rule|neuron|device) ([\w-]+)", str(chip.has)
        ):
            assert name in catalog.KINDS[option]


CUE = ("train", "cue-accumulation")
MISTAKES = {
    # The command itself.
    ("trian",): "train",
    ("train",): "Missing argument",
    ("train", "digits", "--nope"): "No such option: --nope",
    ("train", "digits", "--seed", "x"): "--seed",
    ("train", "digits", "--seed", "-1"): "seed must be a whole number >= 0",
    ("train", "digits", "--seed", "9" * 30): "seed must be less than 2**32",
    # Names.
    ("train", "digit"): "unknown task 'digit'; did you mean 'digits'?",
    (*CUE, "--rule", "alif"): "unknown rule 'alif', which is a neuron;",
    (*CUE, "--rule", "epropp"): "unknown rule 'epropp'; did you mean 'eprop'?",
    (*CUE, "--neuron", "lifs"): "unknown neuron 'lifs'; did you mean 'lif'?",
    (*CUE, "--device", "fixed"): "unknown device 'fixed'; did you mean 'fixed8'?",
    ("list", "rulez"): "unknown name 'rulez'; did you mean 'rules'?",
    # Settings.
    (*CUE, "--set", "train"): "--set needs section.option=value; got 'train'",
    (*CUE, "--set", "neuro.tau_mem=1"): "unknown section 'neuro'; did you mean",
    (*CUE, "--set", "neuron.tau=1"): "unknown option in [neuron] 'tau'",
    (*CUE, "--set", "neuron.tau_mem=a"): "neuron.tau_mem: ",
    (*CUE, "--set", "neuron.tau_mem=-1"): "LIF.tau_mem must be positive, in seconds",
    (*CUE, "--set", "neuron.tau_mem=0"): "LIF.tau_mem must be positive, in seconds",
    (*CUE, "--set", "neuron.tau_mem=nan"): "LIF.tau_mem must be positive, in seconds",
    (*CUE, "--set", "neuron.tau_mem=inf"): "LIF.tau_mem must be positive, in seconds",
    (*CUE, "--set", "neuron.v_threshold=nan"): "LIF.v_threshold must be positive",
    (*CUE, "--set", "network.tau_out=-1"): "tau_mem must be positive, in seconds",
    (*CUE, "--set", "network.hidden=0"): "must be a whole number >= 1",
    (*CUE, "--set", "network.hidden=[4,4]"): "network.hidden must hold one size while",
    (*CUE, "--set", "network.delay=0"): "cycle",
    (*CUE, "--set", "network.gain_in=nan"): "gain must be zero or positive",
    (*CUE, "--set", "rule.rate=-1"): "must be zero or positive",
    (*CUE, "--set", "rule.rate=nan"): "must be zero or positive",
    (*CUE, "--set", "task.dt=0"): "dt must be positive, in seconds",
    (*CUE, "--set", "task.dt=nan"): "dt must be positive, in seconds",
    (*CUE, "--set", "task.ticks=7"): "so that the cues and the recall fit; got 7",
    (*CUE, "--set", "task.n_cues=2"): "n_cues must be odd",
    (*CUE, "--set", "task.test_samples=0"): "no test samples",
    (*CUE, "--set", "train.batch=1000"): "train.batch must be at most 200",
    (*CUE, "--device", "fixed8", "--set", "device.bits=0"): "bits",
    (*CUE, "--device", "fixed8", "--set", "device.headroom=nan"): "headroom",
    # What must be named, and what is not there.
    ("train", "spoken-digits"): "task.train must be set",
    ("eval", "nowhere"): "'nowhere' is not a run folder: it has no spec.toml",
    ("resume", "nowhere"): "'nowhere' is not a run folder",
    ("report", "nowhere"): "no such folder: nowhere",
    # Comparisons.
    ("compare", "digits", "--rules", "eprop"): "Missing option '--out'",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert MISTAKES[words] in refused(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--seeds": "0"}, "--seeds must name at least one"),
        ({"--seeds": ""}, "--seeds must be a number or a list; got ''"),
        ({"--seeds": "x"}, "--seeds must be a number or a list; got 'x'"),
        ({"--seeds": "1,y"}, "--seeds must be a number or a list; got '1,y'"),
        ({"--seeds": "1,1"}, "--seeds must name at least one, and none twice"),
        ({"--rules": ","}, "--rules must name at least one"),
        ({"--rules": "eprop,eprop"}, "--rules must name at least one, and none twice"),
        ({"--rules": "epropp"}, "unknown rule 'epropp'; did you mean 'eprop'?"),
        ({"--devices": "ideal,fixed9"}, "unknown device 'fixed9'"),
        ({"--set": "rule.hing=1"}, "unknown option in [rule] 'hing'"),
    ],
)
def test_a_mistaken_comparison_is_one_line(changed, message, tmp_path):
    options = {"--rules": "eprop", "--seeds": "1", "--out": str(tmp_path / "out")}
    pairs = (options | changed).items()
    words = [word for pair in pairs for word in pair]
    assert message in refused("compare", "cue-accumulation", *words)
    assert not (tmp_path / "out").exists()


def edited(path, **datasets):
    with h5py.File(path, "r+") as file:
        for name, values in datasets.items():
            name = name.replace("__", "/")
            del file[name]
            if values is not None:
                file[name] = np.asarray(values)


def ragged(path, name, values):
    with h5py.File(path, "r+") as file:
        for i, value in enumerate(values):
            file[name][i] = np.asarray(value, file[name].dtype.metadata["vlen"])


HARM = {
    "cut off": (
        lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
        "cannot be read as HDF5",
    ),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read as HDF5"),
    "text": (lambda p: p.write_text("hello"), "cannot be read as HDF5"),
    "missing": (os.remove, "no such file"),
    "no spikes": (
        lambda p: [ragged(p, f"spikes/{n}", [[]] * 6) for n in ("times", "units")],
        "no spikes in any of its 6 recordings",
    ),
    "no labels": (lambda p: edited(p, labels=None), "dataset 'labels' is missing"),
    "a gap in the labels": (
        lambda p: edited(p, labels=[0, 2, 0, 2, 0, 2]),
        "labels must be 0, 1, 2 and so on without a gap; got [0, 2]",
    ),
    "a negative label": (
        lambda p: edited(p, labels=[0, 1, -1, 0, 1, 0]),
        "labels must be 0, 1, 2 and so on",
    ),
    "labels of another number": (
        lambda p: edited(p, labels=[0, 1]),
        "one whole number for each of the 6",
    ),
    "a time that is none": (
        lambda p: ragged(p, "spikes/times", [[np.nan] * 80]),
        "spike times must be finite",
    ),
    "a unit beyond the last": (
        lambda p: ragged(p, "spikes/units", [[8] * 80]),
        "units must lie between 0 and n_units - 1 = 7",
    ),
}


@pytest.mark.parametrize("how", HARM)
def test_a_file_that_cannot_be_used_is_one_line(how, tmp_path):
    settings = spoken(tmp_path)
    harm, message = HARM[how]
    harm(tmp_path / "train.h5")
    words = ["train", "spoken-digits", *as_options(settings)]
    line = refused(*words, "--out", tmp_path / "run")
    assert message in line and str(tmp_path / "train.h5") in line
    assert not (tmp_path / "run").exists()


def test_a_test_file_with_labels_that_training_lacks(tmp_path):
    settings = spoken(tmp_path)
    write_spikes(tmp_path / "test.h5", n=3, labels=[0, 1, 2])
    words = ["train", "spoken-digits", *as_options(settings)]
    line = refused(*words, "--out", tmp_path / "run")
    assert "labels must be 0 to 1 as in the training file; got 2" in line
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    for words in (
        [*CUE, "--out"],
        ["compare", "digits", "--rules", "eprop", "--out"],
    ):
        assert "is not empty: choose another --out" in refused(*words, tmp_path)
        inside = tmp_path / "mine.txt" / "run"
        assert "cannot write to" in refused(*words, inside)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_run_folder_that_somebody_edited(tmp_path):
    from onspike.experiment.spec import resolve
    from onspike.experiment.store import RunFolder

    RunFolder(tmp_path / "run").create(resolve("cue-accumulation", settings=TINY))
    path = tmp_path / "run/spec.toml"
    whole = path.read_text()
    for text, message in {
        whole[: len(whole) // 2] + "= =": "is not valid TOML",
        whole.replace('"lif"', '"lfi"'): "unknown neuron 'lfi'; did you mean 'lif'?",
        whole.replace(
            "tau_mem = 2.0", "tau_mem = -2.0"
        ): "LIF.tau_mem must be positive",
        whole.replace("[train]", "[trian]"): "unknown section",
        "": "lacks [task] name",
    }.items():
        path.write_text(text)
        for word in ("eval", "resume"):
            assert message in refused(word, tmp_path / "run")


def test_the_version_is_the_packages():
    import onspike

    assert command("--version") == (0, [f"onspike {onspike.__version__}"], [])


def every_command(group, path=()):
    for name, found in group.commands.items():
        inner = hasattr(found, "commands")
        yield from (
            every_command(found, (*path, name)) if inner else [((*path, name), found)]
        )


COMMANDS = dict(every_command(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_examples_of_a_command_can_be_run(path):
    lines = re.findall("`onspike (.*)`", COMMANDS[path].epilog)
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert tuple(words[: len(path)]) == path
        given = COMMANDS[path].make_context(path[-1], words[len(path) :]).params
        if given.get("task"):
            settings = settings_of(given["settings"] or [])
            settings |= dict.fromkeys(space_of(given.get("search") or []), 1)
            for rule in (given.get("rules") or given.get("rule") or "").split(","):
                for device in (given.get("devices") or given.get("device") or "").split(
                    ","
                ):
                    chosen = {"rule": rule or None, "device": device or None}
                    chosen["neuron"] = given["neuron"]
                    resolve(given["task"], settings=settings, **chosen)
        if path == ("list",):
            assert command(*words)[0] == 0


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_reference_has_every_command(path, pytestconfig):
    page = (pytestconfig.rootpath / "docs/reference/cli.md").read_text()
    _, synopsis, table, *_ = page.split("```\n")
    begun = f"\n{synopsis}".partition(f"\nonspike {' '.join(path)} ")[2]
    call = begun.partition("\nonspike ")[0]
    options = [p for p in COMMANDS[path].params if p.param_type_name == "option"]
    for option in options:
        names = {*option.opts, *option.secondary_opts}
        assert names & {"--quiet", *re.findall(r"--[\w-]+", call)}, names
    assert call and f"\n| `{path[0]}` |" in table


def completed(words, shell="bash"):
    """What the shell offers after some words."""
    asked = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": " ".join(words)},
    }
    environment = {"_ONSPIKE_COMPLETE": f"complete_{shell}", **asked[shell]}
    with mock.patch.dict(os.environ, environment):
        code, said, complaints = command()
    assert complaints == []
    return said


BASH = ["onspike", "train", "yin-yang"]
OFFERED = {
    ("onspike", "tr"): ["train"],
    ("onspike", "train", "yin"): ["yin-yang"],
    (*BASH, "--rule", "dec"): ["decolle"],
    (*BASH, "--neuron", "cub"): ["cuba-lif"],
    (*BASH, "--device", "fix"): ["fixed8", "fixed4"],
    ("onspike", "list", "chip"): ["chips"],
    ("onspike", "compare", "digits", "--rules", "eprop,bp"): ["eprop,bptt"],
    # An option, its words, its value: bash takes "=" and ":" for spaces.
    (*BASH, "--set", "task.r_"): ["task.r_small=", "task.r_big="],
    (*BASH, "--set", "task.code"): [
        f"task.code={code}" for code in ("rate", "poisson", "latency", "graded")
    ],
    (*BASH, "--set", "task.code", "=", "g"): ["graded"],
    (*BASH, "--set", "=", "task.code", "=", "g"): ["graded"],
    (*BASH, "--set", "train.readers", "="): ["true", "false"],
    (*BASH, "--set", "rule.rate", "="): ["0.005"],  # the recipe's
    (*BASH, "--rule", "reckon", "--set", "rule.rate", "="): ["0.005"],
    (*BASH, "--rule", "stdp", "--set", "rule.tau_p"): ["rule.tau_plus=0.02"],
    (*BASH, "--set", "rule.tau_p"): [],  # eprop has none
    ("onspike", "train", "yinyang", "--set", "train.epo"): ["train.epochs=10"],
    ("onspike", "sweep", "yin-yang", "--search", "rule.rate", "="): [
        "log:0.0005:0.05",
        "0.0025:0.01",
    ],
    ("onspike", "sweep", "digits", "--search", "rule.rate", "=", "log", ":"): [
        "0.0003:0.03"
    ],
    ("onspike", "sweep", "digits", "--search", "train.batch", "="): ["int:16:64"],
}


@pytest.mark.parametrize("words", OFFERED, ids=" ".join)
def test_bash_completes(words):
    assert [line for line in completed(words) if line] == OFFERED[words]


def test_zsh_completes_and_says_what_things_mean():
    said = "".join(completed(["onspike", "train", "digits", "--set", "task.co"], "zsh"))
    assert '"task.code=graded":"the feature itself, in every tick"' in said


def test_run_folders_are_completed(tmp_path, monkeypatch):
    for path, name in {
        "runs/a/spec.toml": "a",
        "runs/b/compare.toml": "b",
        "runs/b/eprop-ideal/seed-0/spec.toml": "inside of b",
        "mine/sweep.toml": "",
        "other/file.txt": "",
        ".hidden/spec.toml": "",
        "one/two/three/four/spec.toml": "too deep",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(name)
    monkeypatch.chdir(tmp_path)
    for command_ in ("eval", "resume", "report", "energy", "doctor"):
        assert completed(["onspike", command_, ""]) == ["mine", "runs/a", "runs/b"]
    assert completed(["onspike", "eval", "ru"]) == ["runs/a", "runs/b"]
    assert completed(["onspike", "eval", "runs/b/"]) == ["runs/b/eprop-ideal/seed-0"]
    assert completed(["onspike", "eval", str(tmp_path / "m")]) == [
        str(tmp_path / "mine")
    ]
    assert completed(["onspike", "eval", "nowhere/"]) == [""]
