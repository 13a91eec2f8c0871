"""Search spaces as the command line says them, and samplers that draw from them."""

import sys

import numpy as np
import pytest

from onspike.experiment.search import (
    TPE,
    Choice,
    Integer,
    LogUniform,
    Random,
    Uniform,
    space_of,
)

SPACE = {
    "rule.rate": LogUniform(1e-4, 1e-2),
    "rule.control_gain": Uniform(0.1, 2.0),
    "network.hidden": Integer(2, 4),
    "rule.feedback": Choice(["symmetric", "random"]),
}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.1:2", Uniform(0.1, 2.0)),
        ("-1:1e3", Uniform(-1.0, 1000.0)),
        ("log:1e-4:1e-2", LogUniform(1e-4, 1e-2)),
        ("int:2:40", Integer(2, 40)),
        ("true,false", Choice([True, False])),
        ("symmetric, random", Choice(["symmetric", "random"])),
        ("[60,30],[40]", Choice([[60, 30], [40]])),
        ("null,0.5", Choice(["null", 0.5])),
    ],
)
def test_a_range_is_read_as_it_is_meant(text, meant):
    assert space_of([f"rule.x={text}"]) == {"rule.x": meant}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("rule.rate", r"--search needs section.option=RANGE; got 'rule.rate'"),
        ("rule.rate=0.1", r"rule.rate: a range is low:high, log:.*got '0.1'"),
        ("rule.rate=lin:0:1", r"a range is low:high, .*got 'lin:0:1'"),
        ("rule.rate=a:1", "a bound must be a number; got 'a'"),
        ("rule.rate=int:1:2.5", "a bound must be a whole number; got '2.5'"),
        ("rule.rate=2:1", "finite bounds, low < high; got 2.0:1.0"),
        ("rule.rate=0:inf", "finite bounds, low < high; got 0.0:inf"),
        ("rule.rate=log:0:1", "a log range must begin above 0; got 0.0"),
        ("rule.rate=1,", r"a choice needs two values or more; got \[1\]"),
        ("rule.rate=1,1", r"a choice names no value twice; got \[1, 1\]"),
    ],
)
def test_what_is_no_range_is_refused(pair, message):
    with pytest.raises(ValueError, match=message):
        space_of([pair])
    with pytest.raises(ValueError, match="rule.rate is given twice"):
        space_of(["rule.rate=0:1", "rule.rate=0:2"])


@pytest.fixture(params=[Random, TPE])
def sampler(request):
    return request.param


def test_draws_lie_in_their_ranges_and_repeat(sampler):
    drawn = sampler(SPACE, 3).ask(60)
    assert drawn == sampler(SPACE, 3).ask(60) != sampler(SPACE, 4).ask(60)
    by_option = {option: [one[option] for one in drawn] for option in SPACE}
    assert set(by_option["network.hidden"]) == {2, 3, 4}
    assert set(by_option["rule.feedback"]) == {"symmetric", "random"}
    rates = np.array(by_option["rule.rate"])
    assert 1e-4 <= rates.min() < 3e-4 and 3e-3 < rates.max() <= 1e-2
    assert 0.1 <= min(by_option["rule.control_gain"])
    assert max(by_option["rule.control_gain"]) <= 2.0


def test_log_uniform_means_equal_decades():
    drawn = [one["rule.rate"] for one in Random(SPACE, 0).ask(4000)]
    share = np.mean(np.array(drawn) < 1e-3)
    assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(4000))


def test_tpe_learns_from_scores():
    sampler = TPE(SPACE, 0)
    for _ in range(8):
        asked = sampler.ask(8)
        sampler.tell([1 - abs(one["rule.control_gain"] - 1.5) for one in asked])
    gains = np.array([one["rule.control_gain"] for one in sampler.ask(8)])
    assert np.median(np.abs(gains - 1.5)) < 0.2  # 0.48 for draws that do not learn


def test_tpe_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"pip install 'onspike\[search\]'"):
        TPE(SPACE, 0)
