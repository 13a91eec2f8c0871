"""Rules, and learners of their own, by name."""

from onspike.catalog.rows import Row
from onspike.catalog.rules import (
    chips,
    control,
    eprop,
    feedback,
    local,
    own,
    plasticity,
    sdsp,
    three_factor,
)

RULES: dict[str, Row] = {
    **eprop.ROWS,
    **feedback.ROWS,
    **control.ROWS,
    **local.ROWS,
    **plasticity.ROWS,
    **sdsp.ROWS,
    **three_factor.ROWS,
    **own.ROWS,
    **chips.ROWS,
}
