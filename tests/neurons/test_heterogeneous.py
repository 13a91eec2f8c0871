"""Constants that differ by design."""

import numpy as np
import pytest

from onspike.experiment import build
from onspike.experiment.spec import resolve
from onspike.neurons import gamma_spread
from tinyrun import listed

TASK = listed(n=4, ticks=20, n_in=5, rate=0.4)


def hidden(neuron, **settings):
    settings = {f"neuron.{name}": value for name, value in settings.items()}
    settings |= {"network.hidden": 40, "rule.eligibility": "e-prop"}
    settings["train.batch"] = 2
    spec = resolve("cue-accumulation", rule="eprop", neuron=neuron, settings=settings)
    return build.learner(spec, TASK).network.populations["hidden"].neuron


def test_moments_are_those_of_the_distribution():
    drawn = np.asarray(gamma_spread(20e-3, 3.0, 2000))
    assert drawn.mean() == pytest.approx(20e-3, rel=1e-2)
    assert drawn.std() / drawn.mean() == pytest.approx(3**-0.5, rel=2e-2)
    wide = np.sort(gamma_spread(20e-3, 1.0, 10))  # an exponential: closed form
    assert np.allclose(wide, -20e-3 * np.log(1 - (np.arange(10) + 0.5) / 10))
    other = gamma_spread(20e-3, 3.0, 2000, order=1)
    assert np.array_equal(np.sort(other), np.sort(drawn))
    assert abs(np.corrcoef(other, drawn)[0, 1]) < 0.1


def test_catalogue_spreads_time_constants():
    one = hidden("cuba-lif", tau_mem_shape=3.0, tau_syn_shape=2.0, tau_syn=5e-3)
    assert one.tau_mem.shape == one.tau_syn.shape == (40,)
    assert np.mean(one.tau_syn) == pytest.approx(5e-3, rel=0.05)
    assert abs(np.corrcoef(one.tau_mem, one.tau_syn)[0, 1]) < 0.5
    mixed = hidden("alif", tau_adapt_shape=3.0, adaptive=0.25)
    assert mixed.tau_adapt.shape == (40,) and np.shape(mixed.tau_mem) == ()
    assert np.count_nonzero(mixed.beta) == 10
    for name in ("dexat", "graded-lif"):
        assert hidden(name, tau_mem_shape=3.0).tau_mem.shape == (40,)
    assert hidden("lif", tau_mem_shape=3.0, bias_spread=0.1).bias.shape == (40,)
    assert np.shape(hidden("lif").tau_mem) == ()


def test_bad_spreads_are_refused():
    with pytest.raises(ValueError, match="neuron.tau_mem_shape must be positive"):
        hidden("lif", tau_mem_shape=0.0)
    with pytest.raises(ValueError, match="gamma_spread.mean must be positive"):
        gamma_spread(-1.0, 3.0, 4)
    for n in (0, -1):
        with pytest.raises(ValueError, match=rf"spread.n .* >= 1, in neurons; got {n}"):
            gamma_spread(1.0, 3.0, n)
    spec = resolve("yin-yang", settings={"neuron.tau_mem_shape": 3.0})
    with pytest.raises(ValueError, match="share one tau_mem .*rule.eligibility=e-prop"):
        build.learner(spec, spec.built("task"))
