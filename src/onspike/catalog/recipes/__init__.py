"""What each task is trained with when nothing else is said."""

from onspike.catalog.recipes import (
    binary,
    cue_accumulation,
    digits,
    spoken_digits,
    two_timescales,
    yin_yang,
)
from onspike.catalog.rows import Recipe

RECIPES: dict[str, Recipe] = {
    "cue-accumulation": cue_accumulation.RECIPE,
    "binary": binary.RECIPE,
    "yin-yang": yin_yang.RECIPE,
    "two-timescales": two_timescales.RECIPE,
    "digits": digits.RECIPE,
    "spoken-digits": spoken_digits.RECIPE,
}
