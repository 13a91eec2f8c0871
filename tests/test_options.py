"""What is said of options: every one has its meaning, and its range is enforced."""

import re
import typing

import msgspec
import pytest

from onspike import catalog
from onspike.catalog.options import OPTIONS, meaning
from onspike.experiment import build
from onspike.experiment.run import fit
from onspike.experiment.spec import kind_of, resolve
from onspike.learner import Learner
from onspike.neurons import AbstractNeuron
from tinyrun import TINY, spoken

TYPES = {  # of all options, by section and name
    (section, name): {
        field.name: field.type
        for field in msgspec.structs.fields(kind_of(section, name))
        if field.name != "name"
    }
    for section in OPTIONS
    for name in catalog.KINDS.get(section, [None])
}
EVERY = [
    (*of, option, kind) for of, types in TYPES.items() for option, kind in types.items()
]
WORDS = {  # ranges that another option has a part in
    "room for both",
    "two or more",
    "those of the file",
    "as many as there are",
    ">= 0, less than all",
    "a power of two, 1/8 to 16",
    "below train.clamp",
    ">= task.cue_duration",
    ">= task.t_min",
    "> 0, in whole ticks",
    "1/50 to 1/2 of task.r_big",
    "2 to 50 times task.r_small",
    *(f"> rule.{bound}" for bound in ("target_low", "up_low", "down_low")),
}


def whole(kind):
    return "int" in str(kind)


def is_number(kind):
    return not words_of(kind) and any(w in str(kind) for w in ("int", "float"))


def words_of(kind):
    choices = typing.get_args(kind)
    return set(choices) if all(isinstance(c, str) for c in choices) else set()


def test_every_option_has_a_meaning_a_unit_and_a_range():
    used = set()
    for section, name, option, kind in EVERY:
        said, path = meaning(section, name, option), (section, name, option)
        own = f"{name}.{option}"
        used.add((section, own if own in OPTIONS[section] else option))
        assert len(said.meaning) > 3, path
        assert bool(said.unit) == bool(said.takes) == is_number(kind), path
        assert words_of(kind) <= set(said.choices), path
        assert bool(said.choices) == bool(words_of(kind)), path
    assert used == {(s, option) for s, table in OPTIONS.items() for option in table}


# Where an option means something only beside another.
BESIDE = {
    "task.train_samples": {"train.batch": 1},
    "task.t_min": {"task.code": "latency"},
    "task.t_max": {"task.code": "latency"},
    "task.bias": {"task.code": "latency"},
    "task.gain": {"task.code": "graded"},
    "network.tau_syn": {"network.synapse": "exponential"},
    "network.tau_mem": {"network.synapse": "double-exponential"},
    "network.tau_control": {"network.controllers": 1},
    "network.floor_control": {"network.controllers": 1},
    "rule.rate_neurons": {"network.learns": ["tau_mem"]},
    "rule.signal_scale": {"rule.signal": "dfa"},
    "rule.set_point": {"rule.theta": 0.3},
    "device.up_down": {"device.up_down_dtod": 0.0},
}


def bounds(takes, step):
    """Values that a range leaves out, and values that it takes."""
    if takes == "any":
        return [float("nan")], [0.0]
    if found := re.fullmatch(r"(odd, )?>= (\d+)", takes):
        low = int(found[2])
        return [low - step, *([low + 1] if found[1] else [])], [low]
    if found := re.fullmatch(r"([<>]) (\d+)", takes):
        edge = int(found[2])
        return [edge], [edge + step if found[1] == ">" else edge - step]
    found = re.fullmatch(r"(>?)(-?\d+) to (<?)(\d+)", takes)
    low, high = int(found[2]), int(found[4])
    ends = (low, bool(found[1]), -step), (high, bool(found[3]), step)
    out = [end if left_out else end + past for end, left_out, past in ends]
    return out, [end - past if left_out else end for end, left_out, past in ends]


def built(section, name, settings, files):
    """What a section describes, made with these settings."""
    named = {section: name} if section in ("rule", "neuron", "device") else {}
    task = name if section == "task" else "cue-accumulation"
    base = files if name == "spoken-digits" else {}
    base = TINY if task == "cue-accumulation" and section != "task" else base
    spec = resolve(task, **named, settings={**base, **settings})
    if section == "device":
        spec.built("device")
    elif section == "neuron":
        neuron = spec.built("neuron")
        isinstance(neuron, AbstractNeuron) or neuron(5)
    else:
        task = spec.built("task")
        fit(build.learner(spec, task), task)


RANGES = {}  # one of the names that share a builder
for section, name, option, kind in EVERY:
    said = meaning(section, name, option)
    row = catalog.KINDS.get(section, {}).get(name)
    if said.takes and said.takes not in WORDS:
        builder = row and str(row.build)
        RANGES.setdefault((section, option, said.takes, builder), (name, kind))


def beside(section, name, option):
    """What makes an option mean something, of what there is to be set."""
    types = TYPES[section, name]
    found = dict(BESIDE.get(f"{section}.{option}", {}))
    if "random" in words_of(types.get("feedback")):
        found["rule.feedback"] = "random"
    if "e-prop" in words_of(types.get("eligibility")):
        found["rule.eligibility"] = "e-prop"
    own = {f"{section}.{option}" for option in types}
    return {p: v for p, v in found.items() if p in own or p.split(".")[0] != section}


@pytest.mark.filterwarnings("ignore:SpokenDigits")  # a sample of one tick
@pytest.mark.parametrize("section", OPTIONS)
def test_the_range_that_is_told_is_the_range_that_is_taken(section, tmp_path):
    files, wrong = spoken(tmp_path), []
    for (part, option, takes, _), (name, kind) in RANGES.items():
        if part != section:
            continue
        path, others = f"{section}.{option}", beside(section, name, option)
        outside, inside = bounds(takes, 1 if whole(kind) else 1e-3)
        for values, right in ((outside, False), (inside, True)):
            for value in values:
                try:
                    built(section, name, {**others, path: value}, files)
                    taken, why = True, ""
                except ValueError as error:
                    taken, why = False, str(error)
                if taken != right or "unknown option" in why:
                    wrong.append((path, name, value, takes, why))
    assert not wrong


@pytest.mark.parametrize("name", catalog.RULES)
def test_a_rule_has_ticks_if_its_learner_has(name):
    tiny = {**TINY, "network.recurrent": False} if "dfc" in name else TINY
    spec = resolve("cue-accumulation", rule=name, settings=tiny)
    learner = build.learner(spec, spec.built("task"))
    assert catalog.RULES[name].ticks == isinstance(learner, Learner)
