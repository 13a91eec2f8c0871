"""What a row says of itself."""

import pytest

from onspike import catalog
from onspike.experiment.spec import resolve
from onspike.rules import AbstractRule


@pytest.mark.parametrize("rule", catalog.RULES)
def test_a_rule_of_ticks_is_one(rule):
    made = resolve("yin-yang", rule=rule).built("rule")
    assert catalog.row("rule", rule).ticks == isinstance(made, AbstractRule)


def test_a_rule_of_ones_own_has_ticks():
    row = catalog.row("rule", "onspike.rules:hebb")
    assert isinstance(row.build(rate=0.1), AbstractRule) and row.ticks


def test_there_are_as_many_online_rules_as_the_readme_says():
    assert sum(row.ticks for row in catalog.RULES.values()) > 20
