"""Templates, and how numbers are written on a page."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from onspike.report.load import number

MISSING = "–"


@dataclass(frozen=True)
class Plate:
    """Panels that share a number and a caption."""

    label: str  # for whoever cannot see the panels
    caption: str
    panels: list[Markup] = field(default_factory=list)
    number: int = 0  # its place on the page, once that is known


def numbered(**plates: Plate | None) -> dict[str, Plate | None]:
    """The plates of a page, numbered in this order; those that are `None` stay so."""
    places = itertools.count(1)
    return {
        name: replace(plate, number=next(places)) if plate is not None else None
        for name, plate in plates.items()
    }


def percent(value: Any, digits: int = 1) -> str:
    """A share as per cent: 0.975 is `97.5 %`."""
    share = number(value)
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else MISSING


def count(value: Any) -> str:
    """A count, with separators; decimals where it is small and not whole."""
    amount = number(value)
    if not math.isfinite(amount):
        return MISSING
    if amount == int(amount) or abs(amount) >= 1000:
        return f"{amount:,.0f}"
    return f"{amount:.1f}" if abs(amount) >= 10 else f"{amount:.3g}"


def kibibytes(bits: Any) -> str:
    """Bits as KiB."""
    size = number(bits) / 8 / 1024
    return f"{size:,.2f}" if math.isfinite(size) else MISSING


def duration(seconds: Any) -> str:
    """A time in seconds, as a person says it."""
    total = number(seconds)
    if not math.isfinite(total):
        return MISSING
    if total < 120:
        return f"{total:.3g} s"
    minutes, rest = divmod(round(total), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def ratio(value: Any) -> str:
    """A ratio, three digits."""
    amount = number(value)
    return f"{amount:#.3g}".rstrip(".") if math.isfinite(amount) else MISSING


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers as ranges: 1, 2, 3, 7 is `1–3, 7`."""
    spans: list[list[int]] = []
    for value in sorted(set(numbers)):
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in spans)


def words(name: str) -> str:
    """A key as words: `frozen_hidden_accuracy` is `frozen hidden accuracy`."""
    return name.replace("_", " ")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("onspike.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (percent, count, kibibytes, duration, ratio, words)
    environment.filters.update({one.__name__: one for one in filters})
    environment.globals["missing"] = MISSING
    return environment


def render(template: str, **values: Any) -> str:
    """Fills a template; what comes from files is escaped."""
    return _environment().get_template(template).render(**values)
