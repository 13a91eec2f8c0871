"""Files of what the simulated hardware did: reading them, and comparing the twin.

A file of arrays has its configuration beside it, in a JSON file of the same name; files
`NAME_data`, `NAME_steps` and `NAME_train` share `NAME.json`.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from onspike.chips.reckon.files import (
    Arrays,
    arrays,
    configuration,
    data_of,
    need,
    shaped,
)
from onspike.chips.reckon.lfsr import flat
from onspike.chips.reckon.programs import programmed
from onspike.chips.reckon.registers import Registers
from onspike.chips.reckon.sample import Sample, Seen, observe, run, samples
from onspike.chips.reckon.state import Chip, State, start


class Difference(NamedTuple):
    """The first place where the twin and a file part."""

    sample: int | None  # None: before the first one
    tick: int | None  # None: what is compared once per sample
    field: str
    where: tuple[int, ...]  # of the neuron, output, generator or weight
    expected: int
    got: int

    def __str__(self) -> str:
        tick = "after its last tick" if self.tick is None else f"tick {self.tick}"
        when = f"sample {self.sample}, {tick}"
        when = "before the first sample" if self.sample is None else when
        place = f"[{', '.join(map(str, self.where))}]" if self.where else ""
        return f"{when}: {self.field}{place} expected {self.expected}, got {self.got}"


class Verdict(NamedTuple):
    """What came of a comparison."""

    samples: int
    ticks: int
    difference: Difference | None  # None: every bit is the same


def verify(file: Path) -> Verdict:
    """Compares the twin with a file, bit by bit; one of inputs has nothing to compare.

    Raises:
        ValueError: If the file, or its configuration, is not what it should be.
    """
    found, settings = arrays(file), configuration(file)
    if "pred_train" in found:
        return _verify_training(file, found, settings)
    if "a_u" not in found:
        if "train_ev_time" in found:
            return Verdict(0, 0, None)
        raise ValueError(f"{file}: nothing to compare: it lacks a_u and pred_train")
    if "is_test" in found:
        inputs, chip, sizes, splits = _task(file, settings)
        found |= {name: inputs[name] for name in _WEIGHTS}
        need(file, found, "which")
        shaped(file, found, _FORMS, sizes)
        told = []
        for i, test in zip(found["which"].tolist(), found["is_test"], strict=True):
            split = "test" if test else "train"
            if not 0 <= i < (most := len(splits[split].valid)):
                raise ValueError(
                    f"{file}: which: there are {most} {split} samples; got {i}"
                )
            told.append((_one(splits[split], i), _do_eprop(file, settings, split)))
    else:
        chip, sizes = _configured(file, found, settings)
        sizes |= _given(file, settings, S="n_samples", T="n_ticks")
        shaped(file, found, _FORMS, sizes)
        told = list(_told(file, found, chip))
    need(file, found, *_TICKS, *_SAMPLES)
    state = _start(chip, found)
    if (wrong := _seeds(found, state)) is not None:
        return Verdict(0, 0, wrong)
    ticks = 0
    for s, (pins, learns) in enumerate(told):
        now = learning(chip, learns)
        state, seen, label = observe(now, state, pins)
        ticks += len(pins.valid)
        difference = _in_ticks(s, found, seen, learns, chip) or _after(
            s, found, state, int(label)
        )
        if difference:
            return Verdict(s, ticks, difference)
    return Verdict(len(told), ticks, None)


def learning(chip: Chip, do_eprop: Any) -> Chip:
    """The same chip with that DO_EPROP; 0 turns learning off."""
    registers = dataclasses.replace(chip.registers, do_eprop=np.int32(do_eprop))
    return dataclasses.replace(chip, registers=registers)


@jax.jit
def _each(chip: Chip, state: State, samples: Sample) -> tuple[State, Any]:
    """Samples in order, and what is kept after each."""

    def one(state: State, pins: Sample) -> tuple[State, Any]:
        state, result = run(chip, state, pins)
        return state, (state.weights, flat(state.lfsr), result.label)

    return jax.lax.scan(one, state, samples)


_WEIGHTS = ("winp_init", "wrec_init", "wout_init")
_AXES = dict(NI="n_inp", NR="n_rec", NO="n_out", NP="n_post_padded")
_STORED = {"winp": ("NI", "NP"), "wrec": ("NR", "NP"), "wout": ("NR", "NO")}
_PARTS = dict.fromkeys(("u", "z", "tinp", "trec", "tout"), "NS") | {
    **dict.fromkeys(("o", "cnt", "err"), "NO"),
    **dict.fromkeys(("L", "h", "treg"), "NP"),
    "lfsr": "generators",
}
_SAMPLES = ("winp", "wrec", "wout", "lfsr", "pred")
_SIGNALS = ("L", "h", "treg")
_TICKS = (  # in the order in which they come about
    "step_done",
    *(f"a_{name}" for name in ("u", "z", "tinp", "trec", "tout", "o")),
    "eprop_done",
    *(f"e_{name}" for name in ("err", *_SIGNALS)),
    *(f"b_{name}" for name in ("u", "tinp", "trec", "tout", "o", "cnt", "lfsr")),
)


_FORMS = (
    {f"{name}_init": form for name, form in _STORED.items()}
    | {name: ("S", *form) for name, form in _STORED.items()}
    | {name: ("S", "T", _PARTS[name[2:]]) for name in _TICKS if name[2:] in _PARTS}
    | {
        **dict.fromkeys(("alpha12", "thr"), ("pairs",)),
        **dict.fromkeys(("step_done", "eprop_done"), ("S", "T")),
        **dict.fromkeys(("target_valid", "infer_acc"), ("S", "T")),
        **dict.fromkeys(("pred", "label", "do_eprop", "which", "is_test"), ("S",)),
        "in_spikes": ("S", "T", "NI"),
        "target": ("S", "T", "NO"),
        "lfsr": ("S", "generators"),
        "lfsr_init": ("generators",),
    }
)


def _number(file: Path, settings: dict[str, Any], name: str) -> int:
    """A whole number of a configuration."""
    if type(value := settings.get(name)) is not int:
        raise ValueError(
            f"{file}: its configuration needs a whole number {name}; got {value!r}"
        )
    return value


def _given(file: Path, settings: dict[str, Any], **names: str) -> dict[str, int]:
    """Lengths of axes that a configuration names."""
    return {a: _number(file, settings, n) for a, n in names.items() if n in settings}


def _configured(
    file: Path, found: Arrays, settings: dict[str, Any]
) -> tuple[Chip, dict[str, int]]:
    """The chip, and lengths of axes; whether arrays have them is not looked at."""
    need(file, found, *_WEIGHTS, "alpha12", "thr")
    chip = programmed(settings, found, file)
    r = chip.registers
    sizes = dict(NI=r.n_inp, NR=r.n_rec, NO=r.n_out, NP=r.n_post)
    for axis, said in _given(file, settings, **_AXES).items():
        if said != sizes[axis]:
            raise ValueError(
                f"{file}: its configuration says {_AXES[axis]} {said}, and its "
                f"registers {sizes[axis]}"
            )
    sizes |= dict(generators=13, pairs=128)
    return chip, sizes | _given(file, settings, NS="n_state")


def _task(
    file: Path, settings: dict[str, Any]
) -> tuple[Arrays, Chip, dict[str, int], dict[str, Sample]]:
    """Inputs of `NAME_part.npz`: arrays, the chip, lengths of axes, and both splits."""
    source = data_of(file)
    inputs = arrays(source)
    chip, sizes = _configured(source, inputs, settings)
    shaped(source, inputs, _FORMS, sizes)
    splits = _cue_samples(source, inputs, settings, chip.registers)
    return inputs, chip, sizes | {"T": splits["train"].valid.shape[1]}, splits


def _do_eprop(file: Path, settings: dict[str, Any], split: str) -> int:
    """DO_EPROP in a split of a task: as shipped, unless the configuration says."""
    shipped = {"do_eprop_train": 7, "do_eprop_test": 0}
    return _number(file, shipped | settings, f"do_eprop_{split}")


def _seeds(found: Arrays, state: State) -> Difference | None:
    """The first difference in the generators before anything is drawn."""
    if "lfsr_init" not in found:
        return None
    here = _unequal(0, "lfsr_init", found["lfsr_init"], flat(state.lfsr))
    return here and here._replace(sample=None)


def _twin(seen: Seen) -> dict[str, Array]:
    after, end = seen.stepped, seen.ended
    return {
        "step_done": jnp.arange(len(seen.learnt)) > 0,
        **{f"a_{name}": getattr(after, name) for name in ("u", "tinp", "trec", "tout")},
        "a_z": seen.z,
        "a_o": seen.stepped_o,
        "eprop_done": seen.learnt,
        "e_err": seen.err,
        **{f"e_{name}": getattr(seen.post, name) for name in _SIGNALS},
        **{
            f"b_{name}": getattr(end.memory, name)
            for name in ("u", "tinp", "trec", "tout")
        },
        "b_o": end.o,
        "b_cnt": end.cnt,
        "b_lfsr": jax.vmap(flat)(end.lfsr),
    }


def _in_ticks(
    s: int, found: Arrays, seen: Seen, learns: int, chip: Chip
) -> Difference | None:
    """The first difference within a sample, in time and then in order of phases."""
    twin = {name: np.asarray(a).astype(np.int64) for name, a in _twin(seen).items()}
    ran = found["eprop_done"][s] != 0
    first: tuple[int, int, Difference] | None = None
    for rank, name in enumerate(_TICKS):
        skipped = name == "e_treg" and not int(chip.registers.regul_mode)
        if skipped or (name[2:] in _SIGNALS and learns == 4):
            continue
        expected, got = found[name][s].astype(np.int64), twin[name]
        if got.ndim == 2:
            width = expected.shape[1]  # of `n_state`, which may be any number
            room = max(0, width - got.shape[1])  # what is not stored is 0
            got = np.pad(got, ((0, 0), (0, room)))[:, :width]
        differs = got != expected
        if name[2:] in _SIGNALS:
            differs &= ran[:, None]
        if differs.any():
            tick, *index = (int(i) for i in np.argwhere(differs)[0])
            where = (tick, *index)
            here = Difference(
                s, tick, name, tuple(index), int(expected[where]), int(got[where])
            )
            if first is None or (tick, rank) < first[:2]:
                first = tick, rank, here
    return None if first is None else first[2]


def _after(s: int, found: Arrays, state: State, label: int) -> Difference | None:
    """The first difference in what is compared once per sample."""
    got = {**state.weights._asdict(), "lfsr": flat(state.lfsr), "pred": label}
    for name in _SAMPLES:
        here = _unequal(s, name, found[name][s], np.asarray(got[name]))
        if here:
            return here
    return None


def _unequal(s: int, name: str, expected: Any, got: Any) -> Difference | None:
    expected = np.asarray(expected).astype(np.int64)
    got = np.asarray(got).astype(np.int64)
    got = got[tuple(slice(n) for n in expected.shape)]  # the rows that are in use
    if np.array_equal(got, expected):
        return None
    index = tuple(int(i) for i in np.argwhere(got != expected)[0])
    return Difference(s, None, name, index, int(expected[index]), int(got[index]))


def _told(file: Path, found: Arrays, chip: Chip) -> Iterator[tuple[Sample, int]]:
    """The samples of a file of scenarios, and DO_EPROP in each."""
    parts = ("in_spikes", "target_valid", "infer_acc", "label", "do_eprop")
    need(file, found, *parts)
    columns = [found[name] for name in parts]
    for s, (events, valid, infer, label, learns) in enumerate(
        zip(*columns, strict=True)
    ):
        if int(chip.registers.regression):
            need(file, found, "target")
        target = found["target"][s] if "target" in found else None
        yield (
            samples(chip.registers, events, label, valid, infer, target),
            int(learns),
        )


def _cue_samples(
    file: Path, data: Arrays, settings: dict[str, Any], registers: Registers
) -> dict[str, Sample]:
    """The event lists of both splits, as pins see them."""
    ticks, told = _number(file, settings, "n_ticks"), {}
    pins = np.arange(ticks) >= _number(file, settings, "target_start_tick")
    for split in ("train", "test"):
        parts = [f"{split}_{a}" for a in ("ev_sample", "ev_time", "ev_neuron", "label")]
        need(file, data, *parts)
        *where, label = (data[name] for name in parts)
        shape = len(label), ticks, registers.n_inp
        for name, some, most in zip(parts, where, shape, strict=False):
            bad = some[(some < 0) | (some >= most)]
            if bad.size:
                raise ValueError(
                    f"{file}: {name} must be 0 to {most - 1}; got {bad[0]}"
                )
        events = np.zeros(shape, np.uint8)
        events[tuple(where)] = 1
        valid = pins & (split == "train")
        told[split] = samples(registers, events, label, valid, pins)
    return told


def _start(chip: Chip, memory: Arrays) -> State:
    winp, wrec, wout = (memory[name] for name in _WEIGHTS)
    return start(chip, winp, wrec, wout)


def _one(samples: Sample, i: int) -> Sample:
    return Sample(*(a[i] for a in samples))


def _verify_training(file: Path, found: Arrays, settings: dict[str, Any]) -> Verdict:
    """Whole epochs: weights after each sample of the first, then after each epoch."""
    data, chip, sizes, told = _task(file, settings)
    kept = (*_STORED, "lfsr")
    need(file, found, *kept, *(f"{n}_epoch" for n in kept), "pred_test", "pred_partial")
    sizes |= {"S": len(told["train"].valid), "tests": len(told["test"].valid)}
    epochs = {f"{name}_epoch": ("epochs", *_FORMS[name][1:]) for name in kept}
    forms = {"pred_train": ("epochs", "S"), "pred_test": ("more", "tests")}
    forms |= {"pred_partial": ("last",)}
    shaped(file, found, _FORMS | epochs | forms, sizes)
    state = _start(chip, data)
    if (wrong := _seeds(found, state)) is not None:
        return Verdict(0, 0, wrong)
    train, test = found["pred_train"], found["pred_test"]
    parts = []  # of the schedule: the split, and what is predicted in it
    for epoch, expected in enumerate(train):
        parts.append(("train", expected))
        parts += [("test", test[epoch])] if epoch < len(test) else []
    rest = "train" if len(train) == len(test) else "test"
    parts.append((rest, found["pred_partial"]))

    seen, epoch, long = 0, 0, told["train"].valid.shape[1]
    for part, (split, expected) in enumerate(parts):
        whole = part < len(parts) - 1
        if not len(expected):
            continue
        some = Sample(*(a[: len(expected)] for a in told[split]))
        now = learning(chip, _do_eprop(file, settings, split))
        state, (weights, lfsr, label) = _each(now, state, some)
        pairs = [(f"pred_{split if whole else 'partial'}", expected, label)]
        if whole and split == "train":
            kept = {**weights._asdict(), "lfsr": lfsr}
            for name, got in kept.items():
                if epoch == 0:
                    pairs.append((name, found[name], got))
                pairs.append((f"{name}_epoch", found[f"{name}_epoch"][epoch], got[-1]))
            epoch += 1
        for name, wanted, got in pairs:
            here = (
                _unequal(len(expected) - 1, name, wanted, np.asarray(got))
                if name.endswith("_epoch")
                else _first(wanted, np.asarray(got), name)
            )
            if here:
                here = here._replace(sample=(here.sample or 0) + seen)
                return Verdict(seen, seen * long, here)
        seen += len(expected)
    return Verdict(seen, seen * long, None)


def _first(expected: np.ndarray, got: np.ndarray, name: str) -> Difference | None:
    """The first sample whose values differ."""
    for s, (wanted, mine) in enumerate(zip(expected, got, strict=True)):
        here = _unequal(s, name, wanted, mine)
        if here:
            return here
    return None
