"""What a sweep may vary, and how it chooses: ranges, and samplers that draw from them.

A search space is a range for every option that is searched, by "section.option".
"""

import math
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from onspike.experiment.spec import value_of

Settings = dict[str, Any]  # a value for every searched option


class Uniform(msgspec.Struct, frozen=True, tag_field="kind", tag="uniform"):
    """Any number from `low` to `high`, in the option's own unit.

    Raises:
        ValueError: If a bound is not finite or `low` is not less than `high`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)

    def draw(self, random: np.random.Generator) -> float:
        return float(random.uniform(self.low, self.high))

    def examples(self) -> Sequence[Any]:
        return (self.low, self.high)


class LogUniform(msgspec.Struct, frozen=True, tag_field="kind", tag="log"):
    """Any number from `low` to `high`, every factor as likely as its like.

    Raises:
        ValueError: As for `Uniform`, or if `low` is not positive.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)
        if self.low <= 0:
            raise ValueError(f"a log range must begin above 0; got {self.low}")

    def draw(self, random: np.random.Generator) -> float:
        drawn = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        return min(max(drawn, self.low), self.high)  # whatever rounding says

    def examples(self) -> Sequence[Any]:
        return (self.low, self.high)


class Integer(msgspec.Struct, frozen=True, tag_field="kind", tag="int"):
    """Any whole number from `low` to `high`, both included.

    Raises:
        ValueError: If `low` is not less than `high`.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)

    def draw(self, random: np.random.Generator) -> int:
        return int(random.integers(self.low, self.high, endpoint=True))

    def examples(self) -> Sequence[Any]:
        return (self.low, self.high)


class Choice(msgspec.Struct, frozen=True, tag_field="kind", tag="choice"):
    """One of some values, in no order.

    Raises:
        ValueError: If there are fewer than two, or one twice.
    """

    values: list[Any]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(f"a choice needs two values or more; got {self.values}")
        # Written out, as true is 1 to Python.
        if len(set(map(repr, self.values))) < len(self.values):
            raise ValueError(f"a choice names no value twice; got {self.values}")

    def draw(self, random: np.random.Generator) -> Any:
        return self.values[int(random.integers(len(self.values)))]

    def examples(self) -> Sequence[Any]:
        return self.values


Range = Uniform | LogUniform | Integer | Choice
Space = Mapping[str, Range]  # by "section.option"


def space_of(pairs: Iterable[str]) -> dict[str, Range]:
    """Reads `section.option=RANGE` pairs.

    A range is `low:high`, `log:low:high`, `int:low:high`, or `a,b,...`.

    Raises:
        ValueError: If a pair is none, a range is not usable or an option comes twice.
    """
    space: dict[str, Range] = {}
    for pair in pairs:
        option, equals, text = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ValueError(f"--search needs section.option=RANGE; got '{pair}'")
        if option in space:
            raise ValueError(f"--search {option} is given twice")
        try:
            space[option] = _range(text)
        except ValueError as error:
            raise ValueError(f"--search {option}: {error}") from None
    return space


def _range(text: str) -> Range:
    if "," in text:
        return Choice(_values(text))
    match text.split(":"):
        case ["int", low, high]:
            return Integer(_number(int, low), _number(int, high))
        case ["log", low, high]:
            return LogUniform(_number(float, low), _number(float, high))
        case [low, high]:
            return Uniform(_number(float, low), _number(float, high))
    raise ValueError(
        f"a range is low:high, log:low:high, int:low:high or a,b,...; got '{text}'"
    )


def _number(kind: type[int] | type[float], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        what = "whole number" if kind is int else "number"
        raise ValueError(f"a bound must be a {what}; got '{text}'") from None


def _values(text: str) -> list[Any]:
    """Values between commas: TOML, or else plain text each."""
    try:
        return tomllib.loads(f"values = [{text}]")["values"]
    except tomllib.TOMLDecodeError:
        return [value_of(part.strip()) for part in text.split(",")]


def _check_bounds(low: float | int, high: float | int) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"a range needs finite bounds, low < high; got {low}:{high}")


class AbstractSampler(ABC):
    """Chooses settings; one that learns from scores must hear them in the same order.

    Args:
        space: What to choose from.
        seed: All choices derive from it, and from the scores.
    """

    learns: ClassVar[bool]  # whether scores matter to later choices

    @abstractmethod
    def __init__(self, space: Space, seed: int): ...

    @abstractmethod
    def ask(self, n: int) -> list[Settings]:
        """The settings of the next `n` trials."""

    @abstractmethod
    def tell(self, scores: Sequence[float]) -> None:
        """The scores of what was asked last."""


class Random(AbstractSampler):
    """Independent draws.

    Source: Bergstra & Bengio 2012, J. Mach. Learn. Res. 13.
    """

    learns = False

    def __init__(self, space: Space, seed: int):
        self._space, self._random = space, np.random.default_rng(seed)

    def ask(self, n: int) -> list[Settings]:
        return [
            {option: each.draw(self._random) for option, each in self._space.items()}
            for _ in range(n)
        ]

    def tell(self, scores: Sequence[float]) -> None:
        del scores


class TPE(AbstractSampler):
    """Tree-structured Parzen estimator: draws more where scores were good.

    Raises:
        ValueError: If optuna, which does the work, is not installed.

    Source: Bergstra et al. 2011, NeurIPS 24; Akiba et al. 2019, arXiv 1907.10902.
    """

    learns = True

    def __init__(self, space: Space, seed: int):
        try:
            import optuna
        except ImportError:
            raise ValueError(
                "sampler 'tpe' needs optuna: pip install 'onspike[search]', or use "
                "--sampler random"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._distributions = {
            option: _distribution(each, optuna.distributions)
            for option, each in space.items()
        }
        # Trials of a batch are asked together; the liar keeps them apart.
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._asked: list[Any] = []

    def ask(self, n: int) -> list[Settings]:
        self._asked = [self._study.ask(self._distributions) for _ in range(n)]
        return [
            {option: _found(self._space[option], v) for option, v in t.params.items()}
            for t in self._asked
        ]

    def tell(self, scores: Sequence[float]) -> None:
        for trial, score in zip(self._asked, scores, strict=True):
            self._study.tell(trial, score)


def _distribution(each: Range, kinds: Any) -> Any:
    if isinstance(each, Choice):  # by number, as optuna takes no lists
        return kinds.CategoricalDistribution(range(len(each.values)))
    if isinstance(each, Integer):
        return kinds.IntDistribution(each.low, each.high)
    log = isinstance(each, LogUniform)
    return kinds.FloatDistribution(each.low, each.high, log=log)


def _found(each: Range, value: Any) -> Any:
    return each.values[value] if isinstance(each, Choice) else value


SAMPLERS: dict[str, type[AbstractSampler]] = {"random": Random, "tpe": TPE}
