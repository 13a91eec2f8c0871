"""Spoken digits: what it is trained with when nothing else is said."""

from onspike.catalog.recipes.parts import ONCE
from onspike.catalog.rows import Recipe, Settings

# ReckOn's twin: events at 140 of its 256 addresses, membranes and outputs that remember
# most of a recording, and a target for its last 9 ticks only: in more of them, and at
# higher rates, the weights follow the sample instead of the task.
_CHIP: Settings = {
    "task.channels": 140,
    "task.ticks": 60,
    "task.window": 0.09,
    "task.amplitude": "binary",
    "network.hidden": (100,),
    "network.gain_in": 0.5,
    "network.gain_out": 0.3,
    "neuron.tau_mem": 0.3,
    "neuron.v_threshold": 0.6,
    "rule.rate": 2.0**-13,
    "rule.rate_out": 2.0**-15,
    "rule.span": 0.25,
    "train.epochs": 30,
}

RECIPE = Recipe(
    rule="eprop",
    neuron="alif",
    settings={
        "network.hidden": (200,),
        "network.gain_rec": 0.3,
        "network.tau_out": 0.3,
        "neuron.tau_mem": 0.04,
        "neuron.tau_adapt": 0.5,
        "neuron.beta": 0.1,
        "rule.rate": 2e-3,
        "rule.rate_out": None,
        "train.epochs": 60,
        "train.batch": 32,
        "train.optimiser": "adam",
        "train.decay": "linear",
    },
    choices={
        "reckon": ONCE,
        "reckon-random": ONCE,
        "reckon-chip": _CHIP,
        "frozen-hidden": {  # its own best of 27 settings on validation samples
            **ONCE,
            "network.gain_in": 0.5,
            "network.gain_rec": 0.6,
            "neuron.tau_mem": 0.01,
            "neuron.beta": 0.0,
            "rule.rate_out": 1e-2,
        },
        "bptt": {"rule.rate": 1e-3},
        "decolle": {  # a bin is 10 ms
            "network.gain_in": 1.1,
            "network.gain_rec": 0.16,
            "network.tau_out": 0.18,
            "network.tau_syn": 0.03,
            "network.tau_mem": 0.14,
            "neuron.tau_ref": 0.0232,
            "neuron.v_threshold": 0.3,
            "rule.readout_scale": 2.5,
            "rule.burn_in": 10,
            "rule.rate": 1.8e-4,
            "rule.rate_out": 7e-4,
        },
    },
)
