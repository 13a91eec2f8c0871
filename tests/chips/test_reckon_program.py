"""Programs for ReckOn: memory images, SPI transactions, event files, commands."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onspike as ons
from onspike.chips import reckon
from onspike.chips.reckon import dataset, images, programs
from onspike.chips.reckon.recorded import of_task
from onspike.chips.reckon.registers import FIELDS, UNSET
from tinyrun import command, listed, refused


def drawn(seed, **registers):
    """A program of random bits, wherever there are any."""
    rng = np.random.default_rng(seed)

    def bits(name):
        low, high = FIELDS[name].bounds
        return int(rng.integers(low, high + 1))

    values = {name: bits(name) for name in FIELDS} | registers | {"en_conf": 1}
    conf = int.from_bytes(rng.bytes(16), "little")
    chip = reckon.Chip(
        reckon.Registers(**values, alpha_conf=conf),
        rng.integers(0, 4096, 128),
        rng.integers(-(2**15), 2**15, 128),
    )
    tops = dict(u=2**16, tinp=2**12, trec=2**12, tout=2**10)
    neurons = {
        name: (rng.integers(0, top, 256) - (top // 2 if name == "u" else 0)).astype(
            np.int32
        )
        for name, top in tops.items()
    }
    weights = [
        rng.integers(-128, 128, (256, n)).astype(np.int8) for n in (256, 256, 16)
    ]
    return programs.Program(chip, *weights, neurons)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_goes_out_comes_back(seed):
    program = drawn(seed)
    back = images.received(images.transactions(program))
    assert images.same(program, back)
    for name in ("winp", "wrec", "wout"):
        assert np.array_equal(getattr(program, name), getattr(back, name))
    for name, values in program.neurons.items():
        assert np.array_equal(values, back.neurons[name])
    for name in FIELDS:
        ours, theirs = (getattr(p.chip.registers, name) for p in (program, back))
        assert int(ours) == int(theirs)


def test_what_was_cut_off_is_refused(tmp_path):
    *paths, _ = images.export(drawn(0), tmp_path)
    file = next(path for path in paths if path.suffix == ".spi")
    *lines, _ = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines))
    with pytest.raises(ValueError, match="program.spi: the last write to EN_CONF"):
        images.read(file)
    file.write_text("".join([*lines[:2], "00010000 00000000\n", *lines[2:]]))
    with pytest.raises(ValueError, match="memories are closed"):
        images.read(file)
    registers = tmp_path / "registers.hex"
    kept = [s for s in registers.read_text().splitlines(True) if "kappa" not in s]
    registers.write_text("".join(kept))
    with pytest.raises(ValueError, match="registers.hex: lacks register kappa"):
        images.read(tmp_path)


def test_a_file_of_arrays_that_was_cut_off_is_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, a=np.arange(1000))
    file.write_bytes(file.read_bytes()[:2000])
    (tmp_path / "a.json").write_text('{"registers": {}}')
    assert "not a file of arrays" in refused("chip", "reckon", "verify", str(file))


def test_words_are_where_the_documentation_puts_them():
    program = drawn(1, num_inp_neur=255, num_rec_neur=255, num_out_neur=15)
    writes = list(images.transactions(program))
    assert writes[0] == (0x00010000, [1])
    assert writes[-1] == (0x00010000, [0])
    register = {a & 0xFFFF: data for a, data in writes[1:-1] if a >> 28 == 0}
    level = int(program.chip.registers.thr_h_1)
    assert register[71] == [level & 0xFFFF]
    assert register[9] == [int(program.chip.registers.do_eprop)]
    memory = {}
    for a, data in writes:
        count = a >> 16 & 0xFFF
        assert a >> 31 == 0 and count == len(data) <= 4095
        memory |= {(a >> 28, (a & 0xFFFF) + k): w for k, w in enumerate(data)}

    def byte(code, word, b):
        return (
            np.array(memory[code, word] >> 8 * b & 0xFF).astype(np.uint8).view(np.int8)
        )

    rng = np.random.default_rng(0)
    for i, j, k in rng.integers(0, (256, 256, 16), (50, 3)):
        assert byte(3, 64 * i + (j >> 2), j & 3) == program.winp[i, j]
        assert byte(4, 64 * i + (j >> 2), j & 3) == program.wrec[i, j]
        assert byte(5, 4 * i + (k >> 2), k & 3) == program.wout[i, k]
        p = int(j) >> 1
        word = sum(memory[1, 4 * p + c] << 32 * c for c in range(4))
        assert word >> 116 == program.chip.alpha12[p]
        assert word >> 100 & 0xFFFF == int(program.chip.thr[p]) & 0xFFFF
        fields = program.neurons
        assert word & 0xFFFF == int(fields["u"][2 * p]) & 0xFFFF
        assert word >> 90 & 0x3FF == fields["tout"][2 * p + 1]
        assert word >> 28 & 0xFFF == fields["trec"][2 * p]
        assert word >> 66 & 0xFFF == fields["tinp"][2 * p + 1]


@pytest.fixture
def small(tmp_path):
    """The smallest program that does anything: one input, one neuron that fires."""
    registers = reckon.Registers(
        **dict.fromkeys(UNSET, 0) | {"h_4": 1},
        num_inp_neur=1,
        num_rec_neur=2,
        num_out_neur=1,
        fp_loc_winp=3,
        rst_mode=1,
    )
    chip = reckon.Chip(registers, np.full(128, 4000), np.full(128, 100))
    zero = {name: np.zeros(256, np.int32) for name in programs.STATE}
    winp, wrec, wout = (np.zeros((256, n), np.int8) for n in (256, 256, 16))
    winp[0, 0], winp[1, 1] = 100, 100
    wout[0, 0], wout[1, 1] = 90, 90
    program = programs.Program(chip, winp, wrec, wout, zero)
    programs.save(program, tmp_path / "small.npz")
    (tmp_path / "events.txt").write_text(
        "3\n0, 2\n-2, 0\n0, 6\n-1, 9\n1, 3\n1, 4\n-2, 1\n-1, 9\n1, 3\n-2, 0\n-1, 9\n"
    )
    return tmp_path


def test_a_program_goes_through_the_commands_and_comes_back(small):
    program, out = str(small / "small.npz"), small / "chip"
    code, said, _ = command("chip", "reckon", "export", program, str(out))
    assert code == 0
    assert {path.name for path in out.iterdir()} == {
        "program.spi",
        "registers.hex",
        "neurons.hex",
        "winp.hex",
        "wrec.hex",
        "wout.hex",
    }
    before = programs.load(small / "small.npz")
    for source in (out / "program.spi", out):
        again = str(small / "again.npz")
        assert command("chip", "reckon", "import", str(source), again)[0] == 0
        assert images.same(before, programs.load(small / "again.npz"))


def test_events_run_and_learn(small):
    words = [
        "chip",
        "reckon",
        "run",
        str(small / "small.npz"),
        str(small / "events.txt"),
    ]
    code, said, _ = command(*words, "--from", "4", "--answers")
    assert code == 0
    text = "\n".join(said)
    assert "0 0\n1 1\n0 1" in text
    assert "epoch 1: accuracy 0.6667 on 3 samples, 1.7 spikes per sample" in text
    out = str(small / "learnt.npz")
    code, said, _ = command(
        *words, "--from", "4", "--learn", "--epochs", "2", "--out", out
    )
    assert code == 0 and "epoch 2: accuracy while learning" in "\n".join(said)
    learnt = programs.load(small / "learnt.npz")
    assert not images.same(programs.load(small / "small.npz"), learnt)


def test_a_run_goes_on_where_its_snapshot_was_taken(small):
    """Learning twice at once is learning, keeping the program, and learning again."""
    words = [
        "chip",
        "reckon",
        "run",
        str(small / "small.npz"),
        str(small / "events.txt"),
    ]
    options = ["--from", "4", "--learn"]
    command(*words, *options, "--epochs", "2", "--out", str(small / "both.npz"))
    command(*words, *options, "--out", str(small / "one.npz"))
    words[3] = str(small / "one.npz")
    command(*words, *options, "--out", str(small / "two.npz"))
    both, two = (programs.load(small / f"{n}.npz") for n in ("both", "two"))
    assert images.same(both, two)


@pytest.mark.parametrize(
    "text, fault",
    [
        ("x\n", "line 1: the first line must be the number of samples"),
        ("1\n3, 1\n-2, 0\n-1, 9\n", "line 2: an address must be 0 to 1; got 3"),
        ("1\n1, 4\n0, 3\n-2, 0\n-1, 9\n", "line 3: events must be in order: tick 3"),
        ("1\n-2, 2\n-1, 9\n", "line 2: a label must be 0 to 1; got 2"),
        ("1\n0, 4\n-2, 0\n-1, 4\n", "line 4: .* longer than its last event .tick 4"),
        ("1\n0; 4\n", "line 2: needs two whole numbers; got '0; 4'"),
        ("1\n0, 4\n-1, 9\n", "line 3: the sample has no label"),
        ("1\n0, 4\n-2, 0\n", "line 3: the last sample is not closed"),
        ("2\n0, 4\n-2, 0\n-1, 9\n", "line 1: 2 samples announced; got 1"),
    ],
)
def test_wrong_event_files_are_refused(tmp_path, text, fault):
    (tmp_path / "e.txt").write_text(text)
    with pytest.raises(ValueError, match=f"e.txt, {fault}"):
        dataset.read(tmp_path / "e.txt", inputs=2, labels=2)


def test_addresses_end_at_255(tmp_path):
    (tmp_path / "e.txt").write_text("1\n256, 0\n-2, 0\n-1, 9\n")
    with pytest.raises(ValueError, match="an address must be 0 to 255; got 256"):
        dataset.read(tmp_path / "e.txt")


def test_event_files_come_back(tmp_path):
    (tmp_path / "a.txt").write_text("2\n1, 0\n0, 4\n-2, 1\n1, 5\n-1, 9\n-2, 0\n-1, 7\n")
    read = dataset.read(tmp_path / "a.txt")
    dataset.write(read, tmp_path / "b.txt", supervised=5)
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "b.txt").read_text()


def test_a_task_becomes_events(tmp_path):
    task = listed(n=4, ticks=50, n_in=5, rate=0.4)
    key = jax.random.key(0)
    found = of_task(task, "train", 4, key)
    for i, one in enumerate(found):
        episode = task.episode("train", jnp.int32(i), key)
        x = np.asarray(task.block(episode, jnp.int32(0), 50))
        assert np.array_equal(one.events(5), x != 0) and one.label == episode.label
    dataset.write(found, tmp_path / "e.txt", supervised=40)
    again = dataset.read(tmp_path / "e.txt", 5, 2)
    assert all(
        np.array_equal(a.events(5), b.events(5))
        for a, b in zip(found, again, strict=True)
    )


def test_a_float_network_becomes_a_program():
    net = ons.recurrent(n_in=3, hidden=ons.LIF(tau_mem=2.0), n_hidden=5, n_out=2)
    weights = net.init_params(jax.random.key(0)).weights
    made, notes = programs.of_network(net, weights, span=4.0)
    assert notes == ()
    lsb = 4 / 128
    assert np.array_equal(
        made.winp[:3, :5], np.round(np.asarray(weights["in"]).T / lsb)
    )
    assert np.array_equal(
        made.wout[:5, :2], np.round(np.asarray(weights["out"]).T / lsb)
    )
    assert not made.winp[3:].any() and not made.wrec[:, 5:].any()
    assert images.same(made, images.received(images.transactions(made)))
    _, notes = programs.of_network(net, weights, span=0.5)
    assert any("clipped to -0.5" in note for note in notes)
    small = {name: w / 1e3 for name, w in weights.items()}
    _, notes = programs.of_network(net, small, span=4.0)
    assert any("rounded to 0" in note for note in notes)


@pytest.mark.parametrize(
    "line, fault",
    [
        ("80010000 1", "a read; only writes program a chip"),
        ("20010000 1", "code 2 programs nothing"),
        ("10020000 1", "announces 2 words; got 1"),
        ("100101ff 1\n10010200 1", "neurons has 512 words; got up to 513"),
        ("00010004 1", "no register at address 4"),
        ("00010045 100", "register kappa .address 69. has 8 bits; got 0x100"),
        ("1001zz00 1", "line 1: not a hexadecimal word of at most 32 bits: '1001zz00'"),
        ("100100000 1", "line 1: not a hexadecimal word of at most 32 bits"),
        ("00010045 3", "registers without a reset value are missing: thr_h_0"),
    ],
)
def test_wrong_transactions_are_refused(tmp_path, line, fault):
    (tmp_path / "p.spi").write_text(line)
    with pytest.raises(ValueError, match=f"p.spi.*{fault}"):
        images.read(tmp_path / "p.spi")


def test_mistakes_are_one_line(small, tmp_path):
    program, events = str(small / "small.npz"), str(small / "events.txt")
    run = ("chip", "reckon", "run")
    assert "supervision begins at tick 9" in refused(
        *run, program, events, "--from", "9"
    )
    assert "not a file of arrays" in refused(*run, events, events, "--from", "4")
    assert "No such file" in refused("chip", "reckon", "verify", "none.npz")
    words = (*run, program, events, "--from", "4", "--learn", "--out")
    assert "must end in .npz" in refused(*words, str(tmp_path / "cue.v1"))
    (tmp_path / "file").write_text("")
    assert "cannot write to" in refused(*words, f"{tmp_path}/file/a.npz")
    settings = json.loads((small / "small.json").read_text())
    settings["registers"]["SPI_THR_H_0"] = 40000
    (small / "small.json").write_text(json.dumps(settings))
    said = refused("chip", "reckon", "export", program, str(tmp_path / "out"))
    assert "Registers.thr_h_0 must be a whole number from -32768 to 32767" in said


def test_verify_prints_one_line_per_file(shared, tmp_path):
    folder = shared / "reckon"
    good = str(folder / "cls_small.npz")
    with np.load(good) as found:
        f = dict(found)
    f["b_tinp"][1, 9, 4] ^= 64
    np.savez(tmp_path / "cls_small.npz", **f)
    shutil.copy(folder / "cls_small.json", tmp_path)
    bad = str(tmp_path / "cls_small.npz")
    code, said, _ = command("chip", "reckon", "verify", bad, good)
    lines = "".join(said).replace("\n", "")
    assert code == 1
    assert "sample 1, tick 9: b_tinp[4] expected" in lines
    assert "bit-exact in 4 samples, 240 ticks" in lines
    inputs = str(folder / "cueacc_data.npz")
    code, said, _ = command("chip", "reckon", "verify", inputs, good)
    assert code == 0 and "nothing to compare" in "".join(said)
    # What cannot be read is said, and the others are compared all the same.
    code, said, wrong = command("chip", "reckon", "verify", "none.npz", bad, good)
    assert code == 2 and "No such file" in "".join(wrong)
    assert "b_tinp[4]" in "".join(said) and "bit-exact" in "".join(said)
