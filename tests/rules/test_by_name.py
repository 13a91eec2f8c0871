"""Rules put together by name are the published ones where the factors are theirs."""

import equinox as eqx
import pytest

from onspike import rules
from onspike.catalog import RULES
from onspike.experiment.spec import resolve

NAN = float("nan")
NAMED = {
    "reckon": dict(rate=2e-5, rate_out=4e-4, hinge=0.003),
    "reckon-random": dict(
        rate=2e-5, rate_out=4e-4, hinge=0.003, signal="dfa", signal_scale=0.2
    ),
    "eprop": dict(eligibility="e-prop", readout_filter=True, gate="end-of-sample"),
    "stdp": dict(
        rate=1e-2,
        signal="unmodulated",
        eligibility="stdp",
        readout="stdp",
        gate="every-tick",
    ),
    "error-triggered": dict(rate=2e-5, rate_out=4e-4, hinge=0.003, theta=0.3),
}


@pytest.mark.parametrize("name", NAMED)
def test_factors_by_name_make_the_published_rule(name):
    row = RULES[name]
    published = row.build(**row.defaults)
    named = RULES["three-factor"].build(**NAMED[name])
    assert isinstance(named, rules.ThreeFactor)
    assert eqx.tree_equal(named, published) is True


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("fa", {"rate_target": -1.0}, "RateTarget.target .* in hertz; got -1.0"),
        ("three-factor", {"hinge_bound": NAN}, "RateHinge.bound .* in spikes; got nan"),
        ("error-triggered", {"feedback_scale": -1.0}, "rule.feedback_scale .* got -1"),
        ("three-factor", {"signal_scale": NAN}, "rule.signal_scale must be .* got nan"),
        ("three-factor", {"signal_scale": 0.5}, "nothing to rule.signal 'symmetric'"),
        ("stdp", {"rate_target": 0.0}, "Homeostasis.target must be positive, in hertz"),
        ("decolle", {"set_point": 0.1}, "set rule.theta too; got set_point=0.1"),
        ("decolle", {"ternary": True}, "set rule.theta too; .* ternary=True"),
    ],
)
def test_an_option_that_is_bad_or_idle_is_refused(name, options, says):
    with pytest.raises(ValueError, match=says):
        RULES[name].build(**options)


def test_a_name_that_is_none_gets_the_choices():
    with pytest.raises(ValueError, match="rule.signal.*did you mean 'symmetric'"):
        resolve("digits", rule="three-factor", settings={"rule.signal": "symetric"})
