"""The choice of an engine: the fastest that is exact, and why."""

import pytest

from onspike import ALIF, CubaLIF, Fixed, Learner
from onspike.engine import Chunked, Event, Scan, fastest
from onspike.experiment.spec import resolve
from onspike.rules import EndOfSample, eprop, reckon
from oracle import small

SPARSE = resolve("cue-accumulation").built("task")
DENSE = resolve("yin-yang", settings={"task.code": "graded"}).built("task")
ONCE = reckon(gate=EndOfSample())


def given(task, rule, neuron=None, **more):
    network = small(neuron, n_in=task.n_in, n_out=task.n_out)
    return Learner(network, rule, **more)


@pytest.mark.parametrize(
    ("task", "rule", "more", "batch", "engine", "reason"),
    [
        (SPARSE, reckon(), {}, 1, Event, "it takes all of this"),
        (SPARSE, ONCE, {}, 64, Event, "it takes all of this"),
        (SPARSE, reckon(), {}, 64, Scan, "not event: a batch of 64 is written at"),
        (SPARSE, reckon(), {"device": Fixed()}, 64, Event, "it takes all of this"),
        (DENSE, ONCE, {}, 1, Event, "it takes all of this"),
        (DENSE, ONCE, {}, 16, Chunked, "not event: 100% of the input has an event"),
        (DENSE, ONCE, {}, 64, Scan, "not chunked: a batch of 64 is large"),
        (DENSE, eprop(), {"neuron": ALIF()}, 64, Event, "it takes all of this"),
        (SPARSE, eprop(), {"neuron": CubaLIF()}, 64, Chunked, "the neuron CubaLIF has"),
    ],
)
def test_the_fastest_is_chosen_and_says_why(task, rule, more, batch, engine, reason):
    chosen = fastest(given(task, rule, **more), task, batch)
    assert type(chosen.engine) is engine and reason in chosen.reason
