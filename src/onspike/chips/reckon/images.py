"""Memory images and SPI transactions: from a program to the wire, and back.

An address word `a` goes first: bit 31 is 0 for a write, bits 30:28 say what is written,
bits 27:16 how many data words of 32 bits follow, and bits 15:0 where they begin; the
chip goes on to the next address by itself. Every word is sent most significant bit
first.

Two forms of text, both of hexadecimal words. Transactions: a line each, the address
word and its data. Memories: 128 bits a line, most significant first, and the registers
as `address value`. Text after `#` is a comment.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from onspike.chips.reckon.programs import STATE, Program, alpha_conf
from onspike.chips.reckon.registers import FIELDS, OUTPUTS, PAIRS, N, named
from onspike.chips.reckon.state import Chip

CODES = {"registers": 0, "neurons": 1, "outputs": 2, "winp": 3, "wrec": 4, "wout": 5}
WORDS = {"neurons": PAIRS, "winp": N * 16, "wrec": N * 16, "wout": N}  # of 128 bits
MOST = 4032  # data words of a grouped write: whole rows, below the limit of 4095
_ALPHA_CONF = 65  # the first of four addresses
_BY_ADDRESS = {field.address: name for name, field in FIELDS.items()}
_NEURON = {  # where fields are in a neuron word: lowest bit, and bits
    "u": ((0, 50), 16),
    "tinp": ((16, 66), 12),
    "trec": ((28, 78), 12),
    "tout": ((40, 90), 10),
}

Images = dict[str, list[int]]  # words of 128 bits, by memory
Transaction = tuple[int, list[int]]  # the address word, and the data


def registers_of(program: Program) -> dict[int, int]:
    """What each register is set to, by its address, as unsigned numbers."""
    values = {}
    for name, field in FIELDS.items():
        value = int(getattr(program.chip.registers, name))
        values[field.address] = value & (1 << field.bits) - 1
    conf = alpha_conf(program.chip.registers)
    for k in range(4):
        values[_ALPHA_CONF + k] = conf >> 32 * k & 0xFFFFFFFF
    return dict(sorted(values.items()))


def images_of(program: Program) -> Images:
    """What is in each memory."""
    alpha12, thr = np.asarray(program.chip.alpha12), np.asarray(program.chip.thr)
    neurons = []
    for p in range(PAIRS):
        word = int(alpha12[p]) << 116 | (int(thr[p]) & 0xFFFF) << 100
        for name, (places, bits) in _NEURON.items():
            for n, low in enumerate(places):
                value = int(program.neurons[name][2 * p + n])
                word |= (value & (1 << bits) - 1) << low
        neurons.append(word)
    weights = {
        name: [
            int.from_bytes(row.tobytes(), "little")
            for row in getattr(program, name).astype(np.int8).reshape(-1, 16)
        ]
        for name in ("winp", "wrec", "wout")
    }
    return {"neurons": neurons, **weights}


def program_of(registers: dict[int, int], images: Images) -> Program:
    """The program that registers and memories make up.

    Raises:
        ValueError: If a register is unknown, missing, or holds too many bits.
    """
    values, conf = {}, 0
    for address, value in registers.items():
        if _ALPHA_CONF <= address < _ALPHA_CONF + 4:
            conf |= value << 32 * (address - _ALPHA_CONF)
            continue
        name = _BY_ADDRESS.get(address)
        if name is None:
            raise ValueError(f"no register at address {address}")
        field = FIELDS[name]
        if value >> field.bits:
            raise ValueError(
                f"register {name} (address {address}) has {field.bits} bits; "
                f"got {value:#x}"
            )
        negative = field.signed and value >> field.bits - 1
        values[name] = value - (1 << field.bits) if negative else value
    values.pop("en_conf", None)  # it says that programming is over
    words = images["neurons"]
    chip = Chip(
        named(values, alpha_conf=conf),
        np.array([w >> 116 for w in words]),
        np.array([_signed(w >> 100 & 0xFFFF, 16) for w in words]),
    )
    neurons = {}
    for name, (places, bits) in _NEURON.items():
        field = [w >> low & (1 << bits) - 1 for w in words for low in places]
        neurons[name] = np.array(
            [_signed(v, bits) if name == "u" else v for v in field], np.int32
        )
    assert neurons.keys() == STATE.keys()
    winp, wrec, wout = (
        np.frombuffer(b"".join(w.to_bytes(16, "little") for w in images[name]), np.int8)
        for name in ("winp", "wrec", "wout")
    )
    return Program(
        chip,
        winp.reshape(N, N),
        wrec.reshape(N, N),
        wout.reshape(N, OUTPUTS),
        neurons,
    )


def transactions(program: Program) -> Iterator[Transaction]:
    """All writes that program a chip, in order; the last one lets it run."""
    registers = registers_of(program)
    registers.pop(0)
    yield _address("registers", 0, 1), [1]
    for address, value in registers.items():
        yield _address("registers", address, 1), [value]
    for name, words in images_of(program).items():
        chunks = [w >> 32 * c & 0xFFFFFFFF for w in words for c in range(4)]
        for first in range(0, len(chunks), MOST):
            some = chunks[first : first + MOST]
            yield _address(name, first, len(some)), some
    yield _address("registers", 0, 1), [0]


def received(writes: Iterable[Transaction]) -> Program:
    """The program that a chip holds after these writes; memories are 0 at first.

    Raises:
        ValueError: If a write is not one, or goes where nothing is.
    """
    registers: dict[int, int] = {}
    chunks = {name: [0] * (4 * words) for name, words in WORDS.items()}
    programmable = True  # EN_CONF, which is set after a reset
    for number, (a, data) in enumerate(writes):
        where = f"transaction {number} ({a:08x})"
        code, count, first = a >> 28 & 7, a >> 16 & 0xFFF, a & 0xFFFF
        name = {code: name for name, code in CODES.items()}.get(code)
        if a >> 31:
            raise ValueError(f"{where}: a read; only writes program a chip")
        if name is None or name == "outputs":
            raise ValueError(f"{where}: code {code} programs nothing")
        if count != len(data):
            raise ValueError(f"{where}: announces {count} words; got {len(data)}")
        if name == "registers":
            registers |= {first + k: value for k, value in enumerate(data)}
            programmable = bool(data[0]) if first == 0 else programmable
            continue
        if not programmable:
            raise ValueError(f"{where}: EN_CONF (register 0) is 0: memories are closed")
        room = len(chunks[name])
        if first + count > room:
            raise ValueError(
                f"{where}: {name} has {room} words; got up to {first + count}"
            )
        chunks[name][first : first + count] = data
    images = {
        name: [
            sum(words[4 * k + c] << 32 * c for c in range(4))
            for k in range(len(words) // 4)
        ]
        for name, words in chunks.items()
    }
    program = program_of(registers, images)
    if programmable:
        raise ValueError(
            "the last write to EN_CONF (register 0) does not clear it, so the chip "
            "would never run: is the end of the file missing?"
        )
    return program


def export(program: Program, folder: Path) -> list[Path]:
    """Writes a program as SPI transactions and as memory images; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# address word, then data words; write in this order"]
    for a, data in transactions(program):
        lines.append(" ".join(f"{word:08x}" for word in (a, *data)))
    texts = {"program.spi": lines}
    texts["registers.hex"] = ["# address value"] + [
        f"{address:04x} {value:08x}  # {_name(address)}"
        for address, value in registers_of(program).items()
    ]
    for name, words in images_of(program).items():
        texts[f"{name}.hex"] = [f"{word:032x}" for word in words]
    for name, text in texts.items():
        (folder / name).write_text("\n".join(text) + "\n")
    return [folder / name for name in texts]


def read(path: Path) -> Program:
    """Reads a program back: from a file of transactions, or a folder of images.

    Raises:
        ValueError: If the text is not what it should be; it names file and line.
    """
    if path.is_dir():
        registers = {}
        for number, words in _lines(path / "registers.hex", 32):
            if len(words) != 2:
                raise ValueError(
                    f"{path / 'registers.hex'}, line {number}: needs `address value`"
                )
            registers[words[0]] = words[1]
        lacking = [n for a, n in _BY_ADDRESS.items() if a and a not in registers]
        if lacking:
            raise ValueError(
                f"{path / 'registers.hex'}: lacks register {', '.join(lacking)}"
            )
        images = {}
        for name, room in WORDS.items():
            file = path / f"{name}.hex"
            images[name] = [w for _, words in _lines(file, 128) for w in words]
            if len(images[name]) != room:
                raise ValueError(
                    f"{file}: needs {room} words of 128 bits; got {len(images[name])}"
                )
        return _blamed(path, lambda: program_of(registers, images))
    writes = [(words[0], words[1:]) for _, words in _lines(path, 32)]
    return _blamed(path, lambda: received(writes))


def same(one: Program, other: Program) -> bool:
    """Whether two programs put the same bits on a chip."""
    mine, theirs = registers_of(one), registers_of(other)
    del mine[0], theirs[0]  # EN_CONF: programming, or running
    return mine == theirs and images_of(one) == images_of(other)


def _blamed(path: Path, make) -> Program:
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _lines(file: Path, bits: int) -> Iterator[tuple[int, list[int]]]:
    """The words of each line that is not empty, and its number."""
    try:
        text = file.read_text()
    except UnicodeDecodeError:
        raise ValueError(f"{file}: not text") from None
    for number, line in enumerate(text.splitlines(), 1):
        words = []
        for word in line.partition("#")[0].split():
            if len(word) > bits // 4 or not all(
                c in "0123456789abcdefABCDEF" for c in word
            ):
                raise ValueError(
                    f"{file}, line {number}: not a hexadecimal word of at most {bits} "
                    f"bits: {word[:40]!r}"
                )
            words.append(int(word, 16))
        if words:
            yield number, words


def _address(name: str, first: int, count: int) -> int:
    return CODES[name] << 28 | count << 16 | first


def _name(address: int) -> str:
    k = address - _ALPHA_CONF
    return f"alpha_conf {k}" if 0 <= k < 4 else _BY_ADDRESS[address]


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value
