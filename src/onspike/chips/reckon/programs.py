"""Programs: a configuration, and what is in the memories, as files.

A program is two files, `NAME.json` (registers by their documented names) and `NAME.npz`
(alpha12, thr, the initial weights and, where they are not 0, the neurons' state).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onspike.chips.reckon.calibrate import calibrate, stored
from onspike.chips.reckon.files import Arrays, arrays, configuration, need
from onspike.chips.reckon.registers import (
    FIELDS,
    OUTPUTS,
    PAIRS,
    SIZES,
    N,
    Registers,
    named,
)
from onspike.chips.reckon.state import Chip, State, blank, start
from onspike.network import Network

STATE = {"u": 16, "tinp": 12, "trec": 12, "tout": 10}  # bits of the state fields
_WEIGHTS = {"winp": (N, N), "wrec": (N, N), "wout": (N, OUTPUTS)}


class Program(NamedTuple):
    """A configuration, and whole memories: 0 where nothing was said."""

    chip: Chip
    winp: np.ndarray  # (256, 256), [pre, post]
    wrec: np.ndarray
    wout: np.ndarray  # (256, 16)
    neurons: dict[str, np.ndarray]  # of 256: the fields of `STATE`

    def start(self) -> State:
        """The chip that was programmed with it."""
        state = start(self.chip, self.winp, self.wrec, self.wout)
        n = len(state.memory.u)
        fields = {name: jnp.asarray(self.neurons[name][:n], np.int32) for name in STATE}
        return state._replace(memory=state.memory._replace(**fields))


def load(file: Path) -> Program:
    """Reads a program; of `NAME_data.npz`, the configuration is `NAME.json`.

    Raises:
        ValueError: If a file is not what it should be.
    """
    found = arrays(file)
    chip = programmed(configuration(file), found, file)
    inits = {name: f"{name}_init" for name in _WEIGHTS}
    need(file, found, *inits.values())
    winp, wrec, wout = (found[init] for init in inits.values())
    start(chip, winp, wrec, wout)  # checks them
    whole = {}
    for name, init in inits.items():
        whole[name] = np.zeros(_WEIGHTS[name], np.int8)
        rows, columns = found[init].shape
        whole[name][:rows, :columns] = found[init]
    neurons = {name: found.get(name, np.zeros(N, np.int32)) for name in STATE}
    for name, bits in STATE.items():
        low = -(1 << bits - 1) if name == "u" else 0
        values = neurons[name]
        if values.shape != (N,) or np.any(
            (values < low) | (values >= low + (1 << bits))
        ):
            raise ValueError(f"{file}: {name} must be {N} numbers of {bits} bits")
    return Program(chip, neurons=neurons, **whole)


def programmed(settings: dict[str, Any], memory: Arrays, file: Path) -> Chip:
    """The chip that a configuration and the arrays beside it describe."""
    conf = settings.get("alpha_conf_hex", "0")
    try:
        pairs = int(str(conf), 16)
    except ValueError:
        raise ValueError(f"{file}: alpha_conf_hex is not hex: {conf!r}") from None
    need(file, memory, "alpha12", "thr")
    registers = named(settings["registers"], alpha_conf=pairs)
    return Chip(registers, memory["alpha12"], memory["thr"])


def writable(file: Path) -> None:
    """Raises ValueError unless a program can be written there, as `NAME.npz`."""
    if file.suffix != ".npz":
        raise ValueError(f"{file}: the file of a program must end in .npz")
    folder = file.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{file}: cannot write to '{folder}'")


def save(program: Program, file: Path) -> None:
    """Writes a program as `file` (.npz) and its configuration beside it.

    Raises:
        ValueError: If it is not `writable`.
    """
    writable(file)
    r = program.chip.registers
    settings = {
        "registers": {f"SPI_{name.upper()}": int(getattr(r, name)) for name in FIELDS},
        "alpha_conf_hex": f"{alpha_conf(r):032x}",
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".json").write_text(json.dumps(settings, indent=1) + "\n")
    kept: dict[str, Any] = {
        name: v.astype(np.int32) for name, v in program.neurons.items()
    }
    kept |= {f"{name}_init": getattr(program, name) for name in _WEIGHTS}
    kept["alpha12"] = np.asarray(program.chip.alpha12).astype(np.uint16)
    kept["thr"] = np.asarray(program.chip.thr).astype(np.int16)
    np.savez_compressed(file, **kept)


def alpha_conf(registers: Registers) -> int:
    """Register ALPHA_CONF as one number of 128 bits."""
    bits = np.asarray(registers.alpha_conf)
    return sum(int(bits[p]) << p for p in range(PAIRS))


def snapshot(program: Program, state: State) -> Program:
    """The program that goes on where a chip is between two samples.

    Weights are what it learnt, and the seeds are where its generators are now.
    """
    lfsr = jax.tree.map(np.asarray, state.lfsr)
    seeds = dict(
        seed_inp=lfsr.winp,
        seed_rec=lfsr.wrec,
        seed_out=lfsr.wout,
        seed_strnd_oneur=lfsr.oneur,
        seed_noise_neur=lfsr.noise,
        **{
            f"seed_strnd_{name}": getattr(lfsr, name)[1] << 15 | getattr(lfsr, name)[0]
            for name in ("neur", "tinp", "trec", "tout")
        },
    )
    r = program.chip.registers
    values = {name: getattr(r, name) for name in FIELDS if name not in SIZES}
    sizes = {name: getattr(r, name) for name in SIZES}
    registers = Registers(**values | seeds, **sizes, alpha_conf=r.alpha_conf)
    whole = {name: np.array(getattr(program, name)) for name in _WEIGHTS}
    for name, kept in zip(_WEIGHTS, state.weights, strict=True):
        rows, columns = kept.shape
        whole[name][:rows, :columns] = np.asarray(kept)
    neurons = {name: np.array(program.neurons[name]) for name in STATE}
    for name in STATE:
        now = np.asarray(getattr(state.memory, name))
        neurons[name][: len(now)] = now
    chip = Chip(registers, program.chip.alpha12, program.chip.thr)
    return Program(chip, neurons=neurons, **whole)


def program(chip: Chip, state: State) -> Program:
    """The program that puts a chip where it is, between two samples."""
    whole = {name: np.zeros(shape, np.int8) for name, shape in _WEIGHTS.items()}
    neurons = {name: np.zeros(N, np.int32) for name in STATE}
    clean = state._replace(memory=blank(chip.registers))
    return snapshot(Program(chip, neurons=neurons, **whole), clean)


def of_network(
    network: Network, weights: Mapping[str, Any], **options: Any
) -> tuple[Program, tuple[str, ...]]:
    """The program of a network of floats, and what was rounded or clipped.

    Args:
        network: As `calibrate` takes it.
        weights: By projection, [post, pre].
        options: Of `calibrate`.
    """
    found = calibrate(network, **options)
    kept, lost = stored(weights, found.lsb)
    state = start(found.chip, kept["winp"], kept["wrec"], kept["wout"])
    return program(found.chip, state), (*found.notes, *lost)
