"""Onspike: train spiking neural networks online, on the chip's terms.

Names are imported on first use, so that `onspike --help` does not wait for JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onspike import (
        chips,
        devices,
        learners,
        neurons,
        rules,
        surrogates,
        synapses,
        tasks,
    )
    from onspike.devices import Fixed, Ideal, Nearest, PlusMinusLSB, StochasticRounding
    from onspike.engine import infer
    from onspike.experiment.run import Run, train
    from onspike.layouts import controlled, feedforward, recurrent
    from onspike.learner import Learner
    from onspike.learners import BPTT, DFC, RTRL
    from onspike.network import Network, Population, Projection
    from onspike.neurons import (
        ALIF,
        DEXAT,
        LIF,
        CubaLIF,
        DPINeuron,
        GradedLIF,
        LeakyIntegrator,
        RateNeuron,
        Refractory,
        SubtractReset,
        ZeroReset,
    )
    from onspike.vitro import present, simulate

_HOME = {
    **dict.fromkeys(
        (
            "chips",
            "devices",
            "learners",
            "neurons",
            "rules",
            "surrogates",
            "synapses",
            "tasks",
        ),
        "",
    ),
    **dict.fromkeys(
        ("Fixed", "Ideal", "Nearest", "PlusMinusLSB", "StochasticRounding"), "devices"
    ),
    **dict.fromkeys(
        (
            "ALIF",
            "DEXAT",
            "LIF",
            "CubaLIF",
            "DPINeuron",
            "GradedLIF",
            "LeakyIntegrator",
            "RateNeuron",
            "Refractory",
            "SubtractReset",
            "ZeroReset",
        ),
        "neurons",
    ),
    **dict.fromkeys(("Network", "Population", "Projection"), "network"),
    **dict.fromkeys(("controlled", "feedforward", "recurrent"), "layouts"),
    **dict.fromkeys(("BPTT", "DFC", "RTRL"), "learners"),
    **dict.fromkeys(("Run", "train"), "experiment.run"),
    **dict.fromkeys(("present", "simulate"), "vitro"),
    "Learner": "learner",
    "infer": "engine",
}

__all__ = [
    "ALIF",
    "BPTT",
    "DEXAT",
    "DFC",
    "LIF",
    "RTRL",
    "CubaLIF",
    "DPINeuron",
    "Fixed",
    "GradedLIF",
    "Ideal",
    "LeakyIntegrator",
    "Learner",
    "Nearest",
    "Network",
    "PlusMinusLSB",
    "Population",
    "Projection",
    "RateNeuron",
    "Refractory",
    "Run",
    "StochasticRounding",
    "SubtractReset",
    "ZeroReset",
    "chips",
    "controlled",
    "devices",
    "feedforward",
    "infer",
    "key",
    "learners",
    "neurons",
    "present",
    "recurrent",
    "rules",
    "simulate",
    "surrogates",
    "synapses",
    "tasks",
    "train",
]

__version__ = "0.1.0"


def key(seed: int) -> Any:
    """The key from which a run draws all its randomness."""
    import jax

    return jax.random.key(seed)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'onspike' has no attribute '{name}'")
    home = _HOME[name]
    if not home:
        return importlib.import_module(f"onspike.{name}")
    return getattr(importlib.import_module(f"onspike.{home}"), name)
