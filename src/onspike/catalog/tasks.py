"""Tasks by name."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from onspike.catalog.recipes import RECIPES
from onspike.catalog.rows import TaskRow

if TYPE_CHECKING:
    from onspike.tasks.base import AbstractTask
    from onspike.tasks.codes import AbstractCode


def _cue_accumulation(
    ticks: int = 2250,
    n_cues: int = 7,
    n_per_group: int = 10,
    cue_duration: float = 0.1,
    cue_period: float = 0.15,
    recall_duration: float = 0.15,
    active_rate: float = 40.0,
    background_rate: float = 10.0,
    flip_probability: float = 0.3,
    dt: float = 1e-3,
    train_samples: int = 200,
    validation_samples: int = 200,
    test_samples: int = 1000,
    fresh: bool = False,
) -> "AbstractTask":
    from onspike.tasks import CueAccumulation

    return CueAccumulation(
        ticks=ticks,
        n_cues=n_cues,
        n_per_group=n_per_group,
        cue_duration=cue_duration,
        cue_period=cue_period,
        recall_duration=recall_duration,
        active_rate=active_rate,
        background_rate=background_rate,
        flip_probability=flip_probability,
        dt=dt,
        train_samples=train_samples,
        validation_samples=validation_samples,
        test_samples=test_samples,
        fresh=fresh,
    )


Code = Literal["rate", "poisson", "latency", "graded"]


def _code(
    code: Code, rate: float, n: int, t_min: float, t_max: float, bias: float | None
) -> "AbstractCode":
    from onspike.tasks import Graded, Latency, Poisson, Rate

    if code == "latency":
        return Latency(t_min, t_max, bias)
    if code == "graded":
        return Graded()
    return {"rate": Rate, "poisson": Poisson}[code](rate, n)


def _binary(
    code: Code = "poisson",
    rate: float = 100.0,
    n_per_feature: int = 10,
    t_min: float = 10e-3,
    t_max: float = 40e-3,
    bias: float | None = 20e-3,
    ticks: int = 200,
    dt: float = 1e-3,
    window: float | None = None,
    spread: float = 0.08,
    train_samples: int = 300,
    validation_samples: int = 300,
    test_samples: int = 1000,
    fresh: bool = True,
) -> "AbstractTask":
    from onspike.tasks import TwoBlobs

    return TwoBlobs(
        code=_code(code, rate, n_per_feature, t_min, t_max, bias),
        ticks=ticks,
        dt=dt,
        window=window,
        spread=spread,
        train_samples=train_samples,
        validation_samples=validation_samples,
        test_samples=test_samples,
        fresh=fresh,
    )


def _yin_yang(
    code: Code = "rate",
    rate: float = 100.0,
    n_per_feature: int = 5,
    t_min: float = 10e-3,
    t_max: float = 40e-3,
    bias: float | None = 20e-3,
    ticks: int = 200,
    dt: float = 1e-3,
    window: float | None = None,
    r_small: float = 0.1,
    r_big: float = 0.5,
    train_samples: int = 5000,
    validation_samples: int = 1000,
    test_samples: int = 1000,
    fresh: bool = True,
) -> "AbstractTask":
    from onspike.tasks import YinYang

    return YinYang(
        code=_code(code, rate, n_per_feature, t_min, t_max, bias),
        ticks=ticks,
        dt=dt,
        window=window,
        r_small=r_small,
        r_big=r_big,
        train_samples=train_samples,
        validation_samples=validation_samples,
        test_samples=test_samples,
        fresh=fresh,
    )


def _two_timescales(
    n_fast: int = 24,
    n_per_group: int = 5,
    slow_duration: float = 0.04,
    fast_duration: float = 0.01,
    fast_period: float = 0.02,
    rate: float = 100.0,
    dt: float = 5e-3,
    train_samples: int = 2000,
    validation_samples: int = 1000,
    test_samples: int = 1000,
    fresh: bool = True,
) -> "AbstractTask":
    from onspike.tasks import TwoTimescales

    return TwoTimescales(
        n_fast=n_fast,
        n_per_group=n_per_group,
        slow_duration=slow_duration,
        fast_duration=fast_duration,
        fast_period=fast_period,
        rate=rate,
        dt=dt,
        train_samples=train_samples,
        validation_samples=validation_samples,
        test_samples=test_samples,
        fresh=fresh,
    )


def _digits(
    code: Literal["rate", "poisson", "graded"] = "rate",
    rate: float = 200.0,
    n_per_feature: int = 1,
    gain: float = 1.0,
    ticks: int = 50,
    dt: float = 1e-3,
    window: float | None = None,
    fresh: bool = True,
) -> "AbstractTask":
    from onspike.tasks import Digits, Graded, Poisson, Rate

    codes = {
        "rate": lambda: Rate(rate, n_per_feature),
        "poisson": lambda: Poisson(rate, n_per_feature),
        "graded": lambda: Graded(gain),
    }
    return Digits(code=codes[code](), ticks=ticks, dt=dt, window=window, fresh=fresh)


def _spoken_digits(
    train: Path,
    test: Path,
    ticks: int = 100,
    dt: float = 10e-3,
    channels: int = 70,
    n_units: int = 700,
    classes: tuple[int, ...] = (),
    amplitude: Literal["sqrt", "counts", "binary"] = "sqrt",
    gain: float = 1.0,
    validation_share: float = 0.1,
    validation_speakers: tuple[int, ...] = (),
    warp_channels: int = 1,
    warp_shift: float = 0.05,
    warp_stretch: float = 0.2,
    window: float | None = None,
) -> "AbstractTask":
    from onspike.tasks import (
        Binary,
        Counts,
        HeldOutSpeakers,
        RandomShare,
        SpokenDigits,
        SquareRoot,
        Warp,
    )

    amplitudes = {
        "sqrt": lambda: SquareRoot(gain),
        "counts": lambda: Counts(gain),
        "binary": Binary,
    }
    held = (
        HeldOutSpeakers(validation_speakers)
        if validation_speakers
        else RandomShare(validation_share)
    )
    return SpokenDigits(
        train,
        test,
        ticks=ticks,
        dt=dt,
        channels=channels,
        n_units=n_units,
        classes=classes,
        amplitude=amplitudes[amplitude](),
        validation=held,
        augment=Warp(warp_channels, warp_shift, warp_stretch),
        window=window,
    )


TASKS: dict[str, TaskRow] = {
    "cue-accumulation": TaskRow(
        _cue_accumulation,
        "which side showed more cues? asked after a second of silence",
        "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y",
        RECIPES["cue-accumulation"],
    ),
    "binary": TaskRow(
        _binary,
        "two blobs in a plane, which one layer can tell apart",
        "after Saponati et al. 2026, arXiv 2602.13261",
        RECIPES["binary"],
    ),
    "yin-yang": TaskRow(
        _yin_yang,
        "three interleaved regions of the plane: needs a hidden layer that learns",
        "Kriener et al. 2022, arXiv 2102.08211",
        RECIPES["yin-yang"],
    ),
    "two-timescales": TaskRow(
        _two_timescales,
        "the sides of a slow cue, long gone, and of the last of many fast ones",
        "onspike, for the neurons of Perez-Nieves et al. 2021",
        RECIPES["two-timescales"],
    ),
    "digits": TaskRow(
        _digits,
        "8x8 handwritten digits, bundled with scikit-learn",
        "Alpaydin & Kaynak 1998, doi:10.24432/C50P49",
        RECIPES["digits"],
    ),
    "spoken-digits": TaskRow(
        _spoken_digits,
        "spoken digits as cochlear spikes, from HDF5 files that you name",
        "Cramer et al. 2020, doi:10.1109/TNNLS.2020.3044364",
        RECIPES["spoken-digits"],
    ),
}
