"""ReckOn's twin against the simulated hardware, bit by bit."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from onspike.chips import reckon
from onspike.chips.reckon import lfsr
from onspike.chips.reckon.registers import FIELDS, SIZES, UNSET

REQUIRED = dict.fromkeys(UNSET, 0)


@pytest.fixture
def vectors(shared):
    return shared / "reckon"


@pytest.mark.parametrize(
    "name, ticks",
    [
        ("cls_small", 240),
        ("reg_small", 240),
        ("odd_sizes", 150),
        ("cueacc_steps", 6750),
        pytest.param("cueacc_train", 697_500, marks=pytest.mark.slow),
    ],
)
def test_every_bit_of_the_simulated_hardware(vectors, name, ticks):
    verdict = reckon.verify(vectors / f"{name}.npz")
    assert verdict.difference is None
    assert verdict.ticks == ticks


@pytest.mark.parametrize(
    "array, where, told",
    [
        ("a_u", (2, 17, 5), "sample 2, tick 17: a_u[5] expected {new}, got {old}"),
        ("e_L", (0, 47, 31), "sample 0, tick 47: e_L[31] expected {new}, got {old}"),
        ("b_lfsr", (3, 58, 11), "sample 3, tick 58: b_lfsr[11] expected"),
        ("wrec", (1, 3, 9), "sample 1, after its last tick: wrec[3, 9] expected"),
        ("pred", (1,), "sample 1, after its last tick: pred expected {new}, got {old}"),
        ("lfsr_init", (8,), "before the first sample: lfsr_init[8] expected {new}"),
    ],
)
def test_one_flipped_bit_is_found_and_named(vectors, tmp_path, array, where, told):
    with np.load(vectors / "cls_small.npz") as found:
        f = dict(found)
    if array == "e_L":
        assert f["eprop_done"][where[:2]]
    old = int(f[array][where])
    f[array][where] ^= 1
    np.savez(tmp_path / "cls_small.npz", **f)
    shutil.copy(vectors / "cls_small.json", tmp_path)
    found = reckon.verify(tmp_path / "cls_small.npz").difference
    assert str(found).startswith(told.format(new=old ^ 1, old=old))


@pytest.mark.parametrize(
    "change, told",
    [
        (dict(a_u=np.s_[..., :0]), "a_u must have shape .S, T, NS., where .* NS = 24"),
        (dict(wrec=np.s_[..., :9]), "wrec must have shape .*NP = 32; got .4, 24, 9."),
        (dict(b_o=np.s_[:3]), "b_o must have shape .*S = 4, .* got .3, 60, 2."),
        (dict(pred=np.s_[:, None]), "pred must have shape .S., where S = 4"),
        (dict(winp_init=np.s_[:7]), "winp_init must have shape .*NI = 8"),
        (dict(target=None), "lacks target"),
        (dict(winp_init=None), "lacks winp_init"),
        (dict(e_err=lambda a: a + 0.5), "e_err must be whole numbers; got float64"),
    ],
)
def test_a_file_of_other_shapes_is_refused(vectors, tmp_path, change, told):
    with np.load(vectors / "reg_small.npz") as found:
        f = dict(found)
    ((name, how),) = change.items()
    old = f.pop(name)
    if how is not None:
        f[name] = how(old) if callable(how) else old[how]
    np.savez(tmp_path / "reg_small.npz", **f)
    shutil.copy(vectors / "reg_small.json", tmp_path)
    with pytest.raises(ValueError, match=told):
        reckon.verify(tmp_path / "reg_small.npz")


def test_sizes_that_disagree_are_refused(vectors, tmp_path):
    shutil.copy(vectors / "reg_small.npz", tmp_path)
    settings = json.loads((vectors / "reg_small.json").read_text())
    for changed, told in (
        ({"n_inp": 9}, "says n_inp 9, and its registers 8"),
        (
            {"registers": settings["registers"] | {"SPI_KAPPA": [1]}},
            "kappa must be one",
        ),
    ):
        (tmp_path / "reg_small.json").write_text(json.dumps(settings | changed))
        with pytest.raises(ValueError, match=told):
            reckon.verify(tmp_path / "reg_small.npz")


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("train_ev_time", 2250, "train_ev_time must be 0 to 2249; got 2250"),
        ("test_ev_neuron", 40, "test_ev_neuron must be 0 to 39; got 40"),
        ("which", 50, "which: there are 50 train samples; got 50"),
    ],
)
def test_events_of_a_task_that_do_not_fit_are_refused(
    vectors, tmp_path, name, value, told
):
    for part in ("data", "steps"):
        with np.load(vectors / f"cueacc_{part}.npz") as found:
            f = dict(found)
        if name in f:
            f[name][0] = value
        np.savez(tmp_path / f"cueacc_{part}.npz", **f)
    shutil.copy(vectors / "cueacc.json", tmp_path)
    with pytest.raises(ValueError, match=told):
        reckon.verify(tmp_path / "cueacc_steps.npz")


@pytest.mark.parametrize(
    "kind, state, first, second, after",
    [
        (lfsr.ROUND_15, 0x1234, {0: 0x71EC}, 0x2F5B, 0x71ED),
        (lfsr.ROUND_7, 0x7ABA, {0: 0x2A}, 0x43, 0x3919),
        (lfsr.NOISE, 0x1F0F1, {0: 0xB9623939}, 0x13D94689, 0x172C1),
        (
            lfsr.WEIGHT,
            0x0424242,
            {0: 0x840964D2, 1: 0x3EB7FDE5, 15: 0x32AB8F53},
            0x08D66627,
            0x065571F,
        ),
        (
            lfsr.WEIGHT_OUT,
            0x2C94CF,
            {0: 0xDB8C45, 1: 0x94125EF, 15: 0x3C1B291},
            0x0850246,
            0x0F06CA,
        ),
    ],
)
def test_published_words_of_the_generators(kind, state, first, second, after):
    state = jnp.int32(state)
    words = np.asarray(kind.words(state, 2))
    assert {k: words[0, k] for k in first} == first
    assert words[1, 0] == second
    assert kind.after(state, jnp.int32(1), 2) == after


@pytest.mark.parametrize("kind", [lfsr.WEIGHT, lfsr.WEIGHT_OUT])
def test_a_leap_is_many_steps(kind):
    start, n = jnp.int32(0x12345), 3 * kind.block + 5
    words, state = np.asarray(kind.words(start, n)), start
    for i in range(n):
        assert kind.after(start, jnp.int32(i), n) == state
        assert np.array_equal(kind.words(state, 1)[0], words[i])
        state = kind.after(state, jnp.int32(1), 1)


@pytest.mark.parametrize("name", FIELDS)
def test_a_register_takes_its_range_and_no_more(name):
    low, high = FIELDS[name].bounds
    for value in (low, high):
        kept = getattr(reckon.Registers(**REQUIRED | {name: value}), name)
        assert kept == value
        # The same type for every value: else each would be compiled anew.
        wide = "uint32" if value > 2**31 else "int32"
        assert name in SIZES or kept.dtype == wide
    beyond = [low - 1, high + 1] + [0.5] * (name not in SIZES)
    for value in beyond:
        with pytest.raises(
            ValueError, match=f"Registers.{name} must be .* got {value}"
        ):
            reckon.Registers(**REQUIRED | {name: value})


def test_registers_without_a_reset_value_must_be_given():
    some = {f"SPI_{n.upper()}": 0 for n in UNSET if n != "thr_h_2"}
    with pytest.raises(ValueError, match=r"reset value are missing: thr_h_2$"):
        reckon.named(some)
    with pytest.raises(ValueError, match="unknown register 'kapa'.*did you mean"):
        reckon.named({"KAPA": 3})
    with pytest.raises(ValueError, match="alpha_conf must be a number of 128 bits"):
        reckon.Registers(**REQUIRED, alpha_conf=1 << 128)


def test_programs_that_do_not_fit_are_refused():
    r = reckon.Registers(**REQUIRED, num_inp_neur=3, num_rec_neur=5, num_out_neur=1)
    with pytest.raises(ValueError, match=r"Chip.thr must have shape \(128,\)"):
        reckon.Chip(r, np.zeros(128, int), 3)
    with pytest.raises(
        ValueError, match="Chip.alpha12 must be .* 0 to 4095; got 0 to 4096"
    ):
        reckon.Chip(
            r, np.arange(128) * 32 + np.eye(128, dtype=int)[-1] * 32, np.zeros(128, int)
        )
    chip = reckon.Chip(r, np.zeros(128, int), np.full(128, 9))
    w = np.zeros((6, 6), int)
    with pytest.raises(ValueError, match="winp must have 4 to 256 rows and 6 to 256"):
        reckon.start(chip, w[:3], w, w[:, :2])
    with pytest.raises(ValueError, match="start.wout must be whole numbers from -128"):
        reckon.start(chip, w, w, w[:, :2] + 200)


def test_wrong_files_are_refused(vectors, tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("nonsense")
    with pytest.raises(ValueError, match="a.npz: not a file of arrays"):
        reckon.verify(path)
    np.savez(path, x=np.zeros(3))
    with pytest.raises(ValueError, match=r"no configuration beside it \(a.json\)"):
        reckon.verify(path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match="a.json: not a configuration"):
        reckon.verify(path)
    shutil.copy(vectors / "cls_small.json", tmp_path / "a.json")
    with pytest.raises(ValueError, match="a.npz: nothing to compare"):
        reckon.verify(path)
    with np.load(vectors / "cls_small.npz") as found:
        f = dict(found)
    del f["b_cnt"]
    np.savez(path, **f)
    with pytest.raises(ValueError, match="a.npz: lacks b_cnt"):
        reckon.verify(path)
    settings = json.loads((vectors / "cls_small.json").read_text())
    settings["registers"]["SPI_KAPPA"] = 256
    (tmp_path / "a.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="Registers.kappa must be .* 0 to 255"):
        reckon.verify(path)
