"""What can be turned while learning goes on."""

import pytest

from onspike import catalog
from onspike.experiment.spec import kind_of, resolve
from onspike.lab.knobs import knobs


@pytest.mark.parametrize("rule", catalog.RULES)
def test_every_rule_has_its_rate_within_reach(rule):
    spec = resolve("yin-yang", rule=rule)
    found = {knob.path: knob for knob in knobs(spec, spec)}
    for knob in found.values():
        assert knob.low <= knob.value <= knob.high
        assert knob.scale == "linear" or knob.low > 0
    names = {"rate", "rate_out"} & set(kind_of("rule", rule).__struct_fields__)
    given = {name: getattr(spec.rule, name) for name in names}
    given = {name: rate for name, rate in given.items() if rate is not None}
    assert given
    for name, rate in given.items():
        assert found[f"rule.{name}"].value == rate


def test_feedback_weights_are_a_knob_where_they_are_random():
    paths = {
        rule: {knob.path for knob in knobs(spec, spec)}
        for rule in ("dfa", "reckon", "reckon-random")
        for spec in [resolve("yin-yang", rule=rule)]
    }
    assert "rule.feedback_scale" in paths["dfa"] & paths["reckon-random"]
    assert "rule.feedback_scale" not in paths["reckon"]


def test_a_slider_stands_still_until_its_value_is_beyond_it():
    def turned(rate, mismatch=0.0):
        settings = {"rule.rate": rate, "device.mismatch": mismatch}
        spec = resolve("yin-yang", rule="eprop", settings=settings)
        return {knob.path: knob for knob in knobs(spec, start)}

    start = resolve("yin-yang", rule="eprop")
    at = start.rule.rate
    for rate in (at / 99, at, at * 99, 0.0):
        knob = turned(rate)["rule.rate"]
        assert knob.value == rate
        assert (knob.low, knob.high) == pytest.approx((at / 100, at * 100))
    beyond = turned(at * 1000)["rule.rate"]
    assert beyond.low < beyond.value < beyond.high
    high = turned(at, 0.0)["device.mismatch"].high
    assert turned(at, high)["device.mismatch"].high == high
    assert turned(at, 2 * high)["device.mismatch"].high > 2 * high
