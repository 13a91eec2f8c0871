"""What is said of an option."""

from collections.abc import Mapping
from typing import NamedTuple


class Option(NamedTuple):
    """One option: what it means, and what it takes.

    Its type and its default are its builder's. `unit` and `takes` belong to numbers:
    "1" is a number without unit, and `takes` is what is accepted, ">= 0" or "0 to 1".
    `choices` says what each of a few words means.
    """

    meaning: str
    unit: str = ""
    takes: str = ""
    choices: Mapping[str, str] = {}
