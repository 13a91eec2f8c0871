"""Rules, and learners of their own, by name."""

from onspike.catalog.rows import Row
from onspike.catalog.rules import (
    chips,
    control,
    eprop,
    feedback,
    learners,
    local,
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
    **learners.ROWS,
    **chips.ROWS,
}
