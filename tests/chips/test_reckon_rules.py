"""ReckOn's twin against its rules in plain Python, on drawn configurations."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reckon_model import Model

from onspike.chips import reckon
from onspike.chips.reckon.lfsr import flat


class Drawn(NamedTuple):
    """A configuration, and samples for it."""

    registers: dict[str, int]
    alpha_conf: int
    alpha12: np.ndarray
    thr: np.ndarray
    weights: tuple[np.ndarray, np.ndarray, np.ndarray]
    raw: dict[str, np.ndarray]
    samples: list[tuple[int, reckon.Sample]]  # with DO_EPROP


def draw(seed: int, sizes: tuple[int, int, int], ticks: int, n: int) -> Drawn:
    """Everything that a chip may be set to: ranges are wide, and extremes frequent."""
    rng = np.random.default_rng(seed)
    n_inp, n_rec, n_out = sizes
    pre, post = max(n_inp, n_rec), (n_rec + 15) // 16 * 16

    def among(*values):
        return int(values[rng.integers(len(values))])

    def upto(top, low=0):
        return int(rng.integers(low, top + 1))

    mode = upto(7)
    shift = upto(7)  # of membranes: some configurations saturate at once
    levels = sorted(int(x) for x in rng.integers(-(40 << shift), 120 << shift, 4))
    levels = [max(-32768, min(32767, x)) for x in levels]
    if rng.random() < 0.3:
        levels = [int(x) for x in rng.permutation(levels)]
    g = dict(
        RST_MODE=upto(1),
        DO_EPROP=7,
        FP_LOC_WINP=shift,
        FP_LOC_WREC=max(0, min(7, shift + upto(1, -1))),
        FP_LOC_WOUT=upto(7),
        FP_LOC_TINP=upto(7),
        FP_LOC_TREC=upto(7),
        FP_LOC_TOUT=upto(7),
        LEARN_SIG_SCALE=upto(15),
        REGUL_MODE=mode,
        REGUL_W=upto(3),
        EN_STOCH_ROUND=upto(1),
        REGRESSION=upto(1),
        SINGLE_LABEL=upto(1),
        NO_OUT_ACT=upto(1),
        NOISE_EN=int(rng.random() < 0.4),
        FORCE_TRACES=int(rng.random() < 0.3),
        KAPPA=among(0x80, 0x81, 0xFF, 0, upto(255), upto(127, 96)),
        H_0=upto(15, -16),
        H_1=upto(15, -16),
        H_2=among(0, 1, 15, -16),
        H_3=upto(15, -16),
        H_4=among(0, 1, 3, -1),
        NUM_INP_NEUR=n_inp - 1,
        NUM_REC_NEUR=n_rec - 1,
        NUM_OUT_NEUR=n_out - 1,
        REGUL_F0=among(0, upto(20), upto(500), upto(4095)),
        REGUL_K_INP_R=among(0, 0, upto(6), upto(31)),
        REGUL_K_INP_P=among(upto(31), upto(20, 8)),
        REGUL_K_REC_R=among(0, 0, upto(6), upto(31)),
        REGUL_K_REC_P=among(upto(31), upto(20, 8)),
        REGUL_K_MUL=among(upto(31), upto(8)),
        NOISE_STR=among(upto(15), upto(9, 3)),
        SEED_INP=upto(2**25 - 1),
        SEED_REC=upto(2**25 - 1),
        SEED_OUT=upto(2**22 - 1),
        SEED_STRND_NEUR=upto(2**30 - 1),
        SEED_STRND_ONEUR=upto(2**15 - 1),
        SEED_STRND_TINP=upto(2**30 - 1),
        SEED_STRND_TREC=upto(2**30 - 1),
        SEED_STRND_TOUT=upto(2**30 - 1),
        SEED_NOISE_NEUR=upto(2**17 - 1),
    )
    for k, level in enumerate(levels):
        g[f"THR_H_{k}"] = level
    for which in ("WINP", "WREC", "WOUT"):
        g[f"LR_P_{which}"] = among(upto(31), upto(16, 4))
        g[f"LR_R_{which}"] = among(0, 0, 0, upto(4), upto(31))
    width = among(128, 128, 60, 10)
    weights = [
        np.clip(rng.normal(0, width / 2, (pre, columns)), -128, 127).astype(int)
        for columns in (post, post, n_out)
    ]
    weights[1][np.arange(min(pre, post)), np.arange(min(pre, post))] *= upto(1)
    if rng.random() < 0.5:  # else rows and columns beyond the layers are used as well
        weights[0][n_inp:] = weights[1][n_rec:] = weights[2][n_rec:] = 0
        weights[0][:, n_rec:] = weights[1][:, n_rec:] = 0
    thr = rng.integers(1, 80 << shift, 128) + 4
    thr = np.where(rng.random(128) < 0.05, -thr, thr).clip(-32768, 32767)
    alpha12 = rng.integers(0, 4096, 128)
    conf = int.from_bytes(rng.bytes(16), "little") if rng.random() < 0.5 else 0
    no_leak = rng.random(128) < (0.3 if conf else 0)
    alpha12[no_leak] = 0  # with its bit set: exactly 1
    raw = {}
    if rng.random() < 0.4:
        tops = dict(u=2**15, tinp=2**12, trec=2**12, tout=2**10)
        raw = {
            name: rng.integers(-top if name == "u" else 0, top, 256)
            for name, top in tops.items()
        }
    samples = []
    for _ in range(n):
        events = rng.random((ticks, pre)) < rng.choice([0.02, 0.1, 0.4])
        if rng.random() < 0.5:
            events[:, n_inp:] = False
        samples.append(
            (
                among(7, 7, 7, upto(7)),
                reckon.Sample(
                    events=events.astype(np.uint8),
                    valid=(rng.random(ticks) < rng.choice([0.1, 0.5])).astype(np.uint8),
                    infer=(rng.random(ticks) < 0.5).astype(np.uint8),
                    label=np.int32(rng.integers(n_out)),
                    target=rng.integers(-(2**15), 2**15, (ticks, n_out)).astype(
                        np.int32
                    )
                    // among(1, 16, 64),
                ),
            )
        )
    return Drawn(g, conf, alpha12, thr, tuple(weights), raw, samples)


def twin(drawn: Drawn) -> tuple[reckon.Chip, reckon.State]:
    registers = reckon.named(drawn.registers, alpha_conf=drawn.alpha_conf)
    chip = reckon.Chip(registers, drawn.alpha12, drawn.thr)
    state = reckon.start(chip, *drawn.weights)
    if drawn.raw:
        n = len(state.memory.u)
        raw = {k: jnp.asarray(v[:n], jnp.int32) for k, v in drawn.raw.items()}
        state = state._replace(memory=state.memory._replace(**raw))
    return chip, state


def check(drawn: Drawn, observed) -> dict[str, int]:
    """Compares every array of every tick; what happened in the samples."""
    g, happened = dict(drawn.registers), dict.fromkeys(("spikes", "learnt", "moved"), 0)
    model = Model(
        g, drawn.alpha12, drawn.thr, drawn.alpha_conf, *drawn.weights, drawn.raw
    )
    shapes = [w.shape for w in drawn.weights]
    for (state, seen, label), (do_eprop, sample) in zip(
        observed, drawn.samples, strict=True
    ):
        before = [w.copy() for w in (model.winp, model.wrec, model.wout)]
        model.g["DO_EPROP"] = do_eprop
        state, seen = jax.tree.map(np.asarray, (state, seen))
        lfsrs = np.stack([_flat(seen.ended.lfsr, t) for t in range(len(sample.valid))])
        got = {
            **{f"a_{k}": getattr(seen.stepped, k) for k in FIELDS},
            **{f"b_{k}": getattr(seen.ended.memory, k) for k in FIELDS},
            "a_o": seen.stepped_o,
            "a_z": seen.z,
            "e_err": seen.err,
            "e_L": seen.post.L,
            "e_h": seen.post.h,
            "e_treg": seen.post.treg,
            "b_o": seen.ended.o,
            "b_cnt": seen.ended.cnt,
            "b_lfsr": lfsrs,
        }
        ticks = len(sample.valid)
        for k in range(ticks):
            told = model.tick(
                k,
                ticks,
                sample.events[k],
                sample.valid[k],
                sample.infer[k],
                int(sample.label),
                sample.target[k],
            )
            assert bool(seen.learnt[k]) == model.runs, f"EPROP at tick {k}"
            for name, expected in told.items():
                mine = got[name][k]
                assert np.array_equal(mine, expected[: len(mine)]), f"{name}, tick {k}"
            happened["spikes"] += sum(told.get("a_z", []))
            happened["learnt"] += model.runs
        assert label == model.boundary()
        for name, w, mine, shape, old in zip(
            ("winp", "wrec", "wout"),
            (model.winp, model.wrec, model.wout),
            state.weights,
            shapes,
            before,
            strict=True,
        ):
            assert np.array_equal(mine, w[: shape[0], : shape[1]]), name
            happened["moved"] += np.sum(w != old)
        assert np.array_equal(np.asarray(flat(state.lfsr)), model.lfsr())
    return happened


FIELDS = ("u", "tinp", "trec", "tout")


def _flat(lfsrs, t: int) -> np.ndarray:
    return np.concatenate([np.atleast_1d(a[t]) for a in lfsrs])


def observed(drawn: Drawn) -> list:
    chip, state = twin(drawn)
    found = []
    for do_eprop, sample in drawn.samples:
        state, seen, label = reckon.observe(
            reckon.learning(chip, do_eprop), state, sample
        )
        found.append((state, seen, label))
    return found


def totals(seeds, sizes, ticks, n):
    kept = [draw(seed, sizes, ticks, n) for seed in seeds]
    found = [check(drawn, observed(drawn)) for drawn in kept]
    # The last of an odd number of neurons never spikes, so one alone does not.
    assert any(f["spikes"] for f in found) or max(sizes) == 1
    return {k: sum(f[k] for f in found) for k in found[0]}


# Sizes and lengths are those of the vectors: the same programs.
@pytest.mark.parametrize("sizes, ticks", [((12, 32, 3), 60), ((41, 19, 5), 50)])
def test_drawn_configurations(sizes, ticks):
    found = totals(range(3), sizes, ticks=ticks, n=2)
    assert found["spikes"] > 300
    assert found["learnt"] > 30
    assert found["moved"] > 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes, seeds, ticks",
    [
        ((9, 18, 3), 300, 12),
        ((23, 7, 2), 300, 12),
        ((12, 33, 16), 150, 12),
        ((41, 19, 5), 100, 12),
        ((3, 5, 9), 300, 12),  # the output layer is the largest
        ((2, 2, 16), 300, 12),
        ((1, 1, 1), 300, 12),
        ((17, 16, 1), 200, 12),
        ((256, 64, 10), 6, 8),
        ((30, 255, 4), 6, 8),
        ((256, 256, 16), 6, 6),
    ],
)
def test_many_drawn_configurations(sizes, seeds, ticks):
    totals(range(1000, 1000 + seeds), sizes, ticks=ticks, n=3)


@pytest.mark.slow  # a program of its own; the conformance tests map seeds, too
def test_a_population_is_its_members():
    """Configurations, seeds and weights side by side give what each gives alone."""
    kept = [draw(seed, (9, 18, 3), 12, 3) for seed in range(100, 106)]
    chips, states = zip(*map(twin, kept), strict=True)

    def stacked(trees):
        return jax.tree.map(lambda *a: jnp.stack([jnp.asarray(x) for x in a]), *trees)

    state, many = stacked(states), jax.jit(jax.vmap(reckon.observe))
    each = [[] for _ in kept]
    for s in range(3):
        now = [
            reckon.learning(chip, drawn.samples[s][0])
            for chip, drawn in zip(chips, kept, strict=True)
        ]
        sample = stacked([drawn.samples[s][1] for drawn in kept])
        state, seen, label = many(stacked(now), state, sample)
        for k, found in enumerate(each):
            found.append(jax.tree.map(lambda a, k=k: a[k], (state, seen, label)))
    for drawn, found in zip(kept, each, strict=True):
        check(drawn, found)


def test_registers_can_be_replaced():
    chip, _ = twin(draw(0, (9, 18, 3), 12, 1))
    again = dataclasses.replace(chip.registers, kappa=3)
    assert again.kappa == 3 and chip.registers.kappa != 3
