"""What can be turned while learning goes on."""

import pytest

from onspike import catalog
from onspike.experiment.spec import resolve
from onspike.lab.knobs import knobs


@pytest.mark.parametrize("rule", catalog.RULES)
def test_every_rule_has_its_rate_within_reach(rule):
    spec = resolve("yin-yang", rule=rule)
    found = {knob.path: knob for knob in knobs(spec)}
    for knob in found.values():
        assert knob.low <= knob.value <= knob.high
        assert knob.scale == "linear" or knob.low > 0
    rate = getattr(spec.rule, "rate", None)
    assert rate is None or found["rule.rate"].value == rate


def test_feedback_weights_are_a_knob_where_they_are_random():
    paths = {
        rule: {knob.path for knob in knobs(resolve("yin-yang", rule=rule))}
        for rule in ("dfa", "reckon", "reckon-random")
    }
    assert "rule.feedback_scale" in paths["dfa"] & paths["reckon-random"]
    assert "rule.feedback_scale" not in paths["reckon"]
