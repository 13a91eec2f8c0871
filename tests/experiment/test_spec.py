"""Specifications: resolved, checked, and the same after a trip through a file."""

import itertools
import random

import equinox as eqx
import msgspec
import pytest

from onspike import catalog
from onspike.experiment import build
from onspike.experiment.baselines import control_of
from onspike.experiment.spec import (
    SECTIONS,
    chosen,
    kind_of,
    load,
    parse,
    resolve,
    settings_of,
)
from tinyrun import tiny

FILES = {"task.train": "a.h5", "task.test": "b.h5"}


def needed(task):
    """Settings that a task cannot do without."""
    fields = msgspec.structs.fields(kind_of("task", task))
    required = {f"task.{f.name}" for f in fields if f.required} - {"task.name"}
    return {path: value for path, value in FILES.items() if path in required}


def everything():
    """Combinations of names, few, that have each pair of names in one of them."""
    kinds = (catalog.TASKS, catalog.RULES, catalog.NEURONS, catalog.DEVICES)
    mixed, seen = list(itertools.product(*kinds)), set()
    random.Random(0).shuffle(mixed)
    for names in mixed:
        pairs = set(itertools.combinations(enumerate(names), 2))
        if not pairs <= seen:
            seen |= pairs
            yield names


def test_names_of_all_kinds_combine_and_survive_a_file(tmp_path):
    for seed, (task, rule, neuron, device) in enumerate(everything()):
        spec = resolve(
            task,
            rule=rule,
            neuron=neuron,
            device=device,
            seed=seed,
            settings=needed(task),
        )
        named = (spec.task, spec.rule, spec.neuron, spec.device)
        assert tuple(part.name for part in named) == (task, rule, neuron, device)
        assert parse(spec.toml()) == spec
    path = tmp_path / "spec.toml"
    path.write_text(spec.toml())
    assert load(path) == spec and spec.seed > 0


def test_what_was_chosen_is_found_again():
    for task, rule, neuron, device in everything():
        names = {"rule": rule, "neuron": neuron, "device": device, "seed": 3}
        given = needed(task) | {"network.hidden": [17, 11], "train.weight_decay": 0.125}
        given["network.recurrent"] = not resolve(
            task, settings=needed(task), **names
        ).network.recurrent
        found = chosen(spec := resolve(task, settings=given, **names))
        assert found.keys() == given.keys()
        assert resolve(task, settings=found, **names) == spec


def test_what_was_unset_is_found_again():
    unset = {"neuron.floor": "null"}
    assert resolve("binary", rule="hebb").neuron.floor is not None
    spec = resolve("binary", rule="hebb", settings=unset)
    assert spec.neuron.floor is None and chosen(spec) == unset


@pytest.mark.parametrize("task", catalog.TASKS)
def test_defaults_resolve_to_the_recipe(task):
    row = catalog.TASKS[task]
    spec = resolve(task, settings=needed(task))
    assert (spec.rule.name, spec.neuron.name) == (row.recipe.rule, row.recipe.neuron)
    for path, value in row.recipe.settings.items():
        section, option = path.split(".")
        found = getattr(getattr(spec, section), option, value)
        keys = (spec.rule.name, spec.neuron.name)
        special = any(path in row.recipe.choices.get(key, {}) for key in keys)
        assert found == value or special


def test_options_that_are_unset_survive_a_file():
    spec = tiny("reckon", settings={"rule.rate_out": None, "train.clamp": None})
    assert spec.rule.rate_out is None  # whose default is a number
    again = parse(spec.toml())
    assert again == spec
    assert again.rule.rate_out is None and again.train.clamp is None
    set_again = settings_of(["rule.rate_out=null", "train.clamp=0.5"])
    spec = tiny("reckon", settings=set_again)
    assert spec.rule.rate_out is None and parse(spec.toml()).train.clamp == 0.5


def test_every_table_and_default_is_written():
    tables = msgspec.toml.decode(tiny("eprop").toml().encode())
    assert set(tables) == {"seed", *SECTIONS}
    unset = {"rate_out", "rate_neurons", "trace_bits"}  # None: not written
    assert (
        set(tables["rule"]) == set(kind_of("rule", "eprop").__struct_fields__) - unset
    )
    assert tables["network"]["hidden"] == [4]


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("neuron.tau_mem=0.5", "neuron.tau_mem", 0.5),
        ("neuron.tau_mem=2", "neuron.tau_mem", 2.0),
        ("rule.rate=1e-3", "rule.rate", 1e-3),
        ("train.epochs=3", "train.epochs", 3),
        ("task.fresh=true", "task.fresh", True),
        ("task.fresh=false", "task.fresh", False),
        ("rule.gate=every-tick", "rule.gate", "every-tick"),
        ('rule.gate="every-tick"', "rule.gate", "every-tick"),
        ("network.hidden=30", "network.hidden", (30,)),
        ("network.hidden=[30]", "network.hidden", (30,)),
        ("network.hidden=[30, 20]", "network.hidden", (30, 20)),
        ("neuron.slope=null", "neuron.slope", None),
        ("neuron.slope=0.25", "neuron.slope", 0.25),
        (" train.batch = 4", "train.batch", 4),
    ],
)
def test_set_reads_numbers_text_lists_and_booleans(text, path, value):
    section, option = path.split(".")
    found = getattr(getattr(tiny(settings=settings_of([text])), section), option)
    assert found == value and type(found) is type(value)


def test_the_last_setting_wins():
    settings = settings_of(["train.epochs=3", "train.epochs=4"])
    assert tiny(settings=settings).train.epochs == 4


MISTAKES = {
    "train.epochs": "needs section.option=value",
    "epochs=3": "needs section.option=value; got 'epochs=3'",
    "trian.epochs=3": "unknown section 'trian'; did you mean 'train'?",
    "train.epoch=3": r"unknown option in \[train\] 'epoch'; did you mean 'epochs'?",
    "neuron.tau_men=1": "unknown option in .neuron. 'tau_men'; did you mean 'tau_mem'?",
    "device.bits=4": "'bits'; this device has none, others have: fixed8",
    "neuron.name=alif": "unknown option in .neuron. 'name'",
    "train.epochs=many": "train.epochs: .*; got 'many'",
    "train.epochs=1.5": "train.epochs: .*; got 1.5",
    "train.epochs=0": "train.epochs must be a whole number >= 1, in epochs; got 0",
    "train.epochs=[1]": "train.epochs: ",
    "train.batch=-1": "train.batch must be",
    "train.clamp=nan": "train.clamp must be positive, in weight units; got nan",
    "train.weight_decay=-1": "train.weight_decay must be zero or positive",
    "train.optimiser=sdg": "unknown train.optimiser 'sdg'; did you mean 'sgd'?",
    "train.beta1=1.5": "train.beta1 must be between 0 and 1",
    "train.beta2=1": "train.beta2 must be positive, in 1 below 1; got 0.0",
    "rule.rate=true": "rule.rate: ",
    "rule.gate=never": "unknown rule.gate 'never'; .*known: every-tick, target",
    "task.fresh=perhaps": "task.fresh: ",
    "network.hidden=a": "network.hidden: ",
    "network.hidden=[1, 0.5]": "network.hidden: ",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistaken_setting_is_named_with_its_path(text):
    with pytest.raises(ValueError, match=MISTAKES[text].replace("?", r"\?")):
        tiny(settings=settings_of([text]))


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("task", "cue-acumulation", "cue-accumulation"),
        ("rule", "epropp", "eprop"),
        ("neuron", "lfi", "lif"),
        ("device", "fixed9", "fixed8"),
    ],
)
def test_an_unknown_name_gets_the_nearest(kind, wrong, right):
    names = {"task": "digits"} | {kind: wrong}
    expected = (
        f"unknown {kind} '{wrong}'; did you mean '{right}'\\? "
        f"`onspike list {kind}s` shows all"
    )
    with pytest.raises(ValueError, match=expected):
        resolve(names.pop("task"), **names)


def test_files_that_must_be_named():
    with pytest.raises(ValueError, match=r"task.train must be set: --set task.train="):
        resolve("spoken-digits")
    with pytest.raises(ValueError, match=r"task.test must be set"):
        resolve("spoken-digits", settings={"task.train": "a.h5"})


@pytest.mark.parametrize("seed", ["-1", str(2**32), "0.5", '"0"', "true", "nan"])
def test_seeds_are_whole_numbers_of_32_bits(seed):
    text = tiny(seed=2**32 - 1).toml()
    assert parse(text).seed == 2**32 - 1
    with pytest.raises(ValueError, match=r"^seed must be "):
        parse(text.replace(f"seed = {2**32 - 1}", f"seed = {seed}"))
    with pytest.raises(ValueError, match=r"^seed must be "):
        tiny(seed=2**80)


BROKEN = {
    "not TOML": ("= 3", "not valid TOML"),
    "no names": ("seed = 1", r"lacks \[task\] name"),
    "a name that is none": ("[task]\nname = 3", r"lacks \[task\] name"),
    "a table that is none": ("task = 3", r"\[task\] .* must be a table"),
    "a strange table": ("[trian]", "unknown section .*'trian'; did you mean 'train'"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_no_specification(what):
    text, message = BROKEN[what]
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_file_with_an_unknown_option_or_without_an_option_that_is_needed():
    text = tiny().toml()
    with pytest.raises(ValueError, match=r"unknown option in \[neuron\] 'tau'"):
        parse(text.replace("[neuron]", "[neuron]\ntau = 1"))
    lacking = resolve("spoken-digits", settings=FILES).toml().replace("test =", "dt =")
    with pytest.raises(ValueError, match=r"task.test must be set|not valid TOML"):
        parse(lacking)


def test_layers_of_varying_neurons_and_a_recurrent_net_of_two():
    spec = tiny(
        neuron="alif",
        settings={"network.hidden": [4, 5], "network.recurrent": False},
    )
    task = spec.built("task")
    net = spec.built("network", task=task, neuron=spec.built("neuron"))
    assert [net.populations[f"hidden{i}"].n for i in (1, 2)] == [4, 5]
    spec = tiny(settings={"network.hidden": [4, 5]})
    with pytest.raises(ValueError, match=r"network.hidden must hold one size while"):
        spec.built("network", task=task, neuron=spec.built("neuron"))


def test_one_trace_per_neuron_is_refused_where_it_is_no_e_prop():
    task = tiny().built("task")
    for rule, neuron, fine in (
        ("eprop", {}, True),
        ("eprop", {"neuron.reset": "zero"}, False),
        ("eprop", {"neuron.reset": "zero", "rule.eligibility": "e-prop"}, True),
        ("reckon", {"neuron.reset": "zero"}, True),
    ):
        spec = tiny(rule, settings=neuron)
        if fine:
            build.learner(spec, task)
        else:
            with pytest.raises(ValueError, match="--set rule.eligibility=e-prop"):
                build.learner(spec, task)


def test_a_rate_of_constants_that_nobody_learns_is_refused():
    task, rate = tiny().built("task"), {"rule.rate_neurons": 1e-3}
    with pytest.raises(ValueError, match="set network.learns, .*; got 0.001"):
        build.learner(tiny("reckon", settings=rate), task)
    build.learner(tiny("reckon", settings=rate | {"network.learns": "tau_mem"}), task)


@pytest.mark.parametrize("task", catalog.TASKS)
def test_every_task_has_a_frozen_control(task):
    spec = resolve(task, settings=needed(task) | {"train.baselines": True})
    control = control_of(spec)
    assert control.rule.name == "frozen-hidden" and control.task == spec.task


@pytest.mark.parametrize("task", sorted(set(catalog.TASKS) - {"spoken-digits"}))
def test_python_and_the_command_line_mean_the_same_task(task):
    by_name = catalog.TASKS[task].build()
    assert eqx.tree_equal(by_name, type(by_name)())
