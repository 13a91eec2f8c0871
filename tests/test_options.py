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

EVERY = [
    (section, name, field)
    for section in OPTIONS
    for name in catalog.KINDS.get(section, [None])
    for field in msgspec.structs.fields(kind_of(section, name))
    if field.name != "name"
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
    for section, name, field in EVERY:
        said, path = meaning(section, name, field.name), (section, name, field.name)
        own = f"{name}.{field.name}"
        used.add((section, own if own in OPTIONS[section] else field.name))
        assert len(said.meaning) > 3, path
        assert bool(said.unit) == bool(said.takes) == is_number(field.type), path
        assert words_of(field.type) <= set(said.choices), path
        assert bool(said.choices) == bool(words_of(field.type)), path
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
for section, name, field in EVERY:
    said = meaning(section, name, field.name)
    row = catalog.KINDS.get(section, {}).get(name)
    if said.takes and said.takes not in WORDS:
        build_of = row and str(row.build)
        RANGES.setdefault((section, field.name, said.takes, build_of), (name, said))


@pytest.mark.filterwarnings("ignore:SpokenDigits")  # a sample of one tick
@pytest.mark.parametrize("section", OPTIONS)
def test_the_range_that_is_told_is_the_range_that_is_taken(section, tmp_path):
    files, wrong = spoken(tmp_path), []
    for (part, option, *_), (name, said) in RANGES.items():
        if part != section:
            continue
        (kind,) = [
            f.type for s, n, f in EVERY if (s, n, f.name) == (part, name, option)
        ]
        path, step = f"{section}.{option}", 1 if whole(kind) else 1e-3
        beside = {
            other: value
            for other, value in BESIDE.get(path, {}).items()
            if other.split(".")[0] != section or has(section, name, other)
        }
        if "random" in words_of_option(section, name, "feedback"):
            beside = {**beside, "rule.feedback": "random"}
        if "e-prop" in words_of_option(section, name, "eligibility"):
            beside = {**beside, "rule.eligibility": "e-prop"}
        outside, inside = bounds(said.takes, step)
        for values, right in ((outside, False), (inside, True)):
            for value in values:
                try:
                    built(section, name, {**beside, path: value}, files)
                    taken, why = True, ""
                except ValueError as error:
                    taken, why = False, str(error)
                if taken != right or (not taken and "unknown option" in why):
                    wrong.append((path, name, value, said.takes, why))
    assert not wrong


def has(section, name, path):
    return any(
        path == f"{s}.{f.name}" for s, n, f in EVERY if (s, n) == (section, name)
    )


def words_of_option(section, name, option):
    kinds = [f.type for s, n, f in EVERY if (s, n, f.name) == (section, name, option)]
    return words_of(kinds[0]) if kinds else set()


@pytest.mark.parametrize("name", catalog.RULES)
def test_a_rule_has_ticks_if_its_learner_has(name):
    tiny = {**TINY, "network.recurrent": False} if "dfc" in name else TINY
    spec = resolve("cue-accumulation", rule=name, settings=tiny)
    learner = build.learner(spec, spec.built("task"))
    assert catalog.RULES[name].ticks == isinstance(learner, Learner)
