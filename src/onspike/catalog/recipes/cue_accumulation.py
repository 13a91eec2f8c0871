"""Cue accumulation: what it is trained with when nothing else is said."""

from onspike.catalog.recipes.parts import FACTORED
from onspike.catalog.rows import Recipe, Settings

# Cue accumulation: rules that write once per batch, through Adam.
_CUE_ADAM: Settings = {
    "rule.rate": 1e-3,
    "train.batch": 5,
    "train.optimiser": "adam",
}

# Feedback alignment and its kin: decoupled and written at once, as reckon.
_CUE_ALIGNED: Settings = {
    "rule.rate": 2e-5,
    "rule.rate_out": 4e-4,
    "rule.feedback_scale": 0.2,
    "rule.eligibility": "pre-trace",
    "rule.readout_filter": False,
    "rule.gate": "target-window",
    "rule.hinge": 0.003,
}

# 50 LIF and 50 ALIF neurons with biological time constants.
_CUE_ALIF: Settings = {
    "network.gain_in": 0.5**0.5,
    "network.gain_rec": 0.5**0.5,
    "network.gain_out": 0.5**0.5,
    "neuron.tau_mem": 20e-3,
    "neuron.tau_adapt": 2.0,
    "neuron.adaptive": 0.5,
    "neuron.tau_ref": 5e-3,
}

_CUE_ALIF_ADAM: Settings = {
    "rule.rate": 5e-3,
    "rule.feedback_scale": 1.0,
    "rule.rate_cost": 1.3e-3,
    "task.fresh": True,
    "task.train_samples": 800,
    "train.epochs": 10,
    "train.batch": 32,  # 250 iterations
    "train.optimiser": "adam",
}

# Plasticity of spike pairs in a recurrent net: scaling keeps all neurons awake.
_AWAKE: Settings = {
    "rule.rate": 1e-4,
    "rule.homeostasis": 0.1,
    "rule.rate_target": 20.0,
}

RECIPE = Recipe(
    rule="reckon",
    neuron="lif",
    settings={
        "network.hidden": (100,),
        "network.gain_in": 0.5,
        "network.gain_rec": 0.1,
        "network.gain_out": 0.5,
        "neuron.tau_mem": 2.0,
        "neuron.v_threshold": 0.6,
        "train.epochs": 5,
        "train.decay": "linear",
    },
    choices={
        "eprop": _CUE_ADAM,
        "eprop-random": _CUE_ADAM,
        "eprop+lif": FACTORED,
        "eprop-random+lif": FACTORED,
        "fa": _CUE_ALIGNED,
        "dfa": _CUE_ALIGNED,
        "sdfa": _CUE_ALIGNED,
        "drtp": _CUE_ALIGNED,
        "eprop-adaptive": _CUE_ALIGNED,
        "decolle": {  # of 12 settings; its memory is the synapse's
            "network.tau_mem": 2.0,
            "network.gain_in": 139.0,
            "network.gain_rec": 1.3,
            "rule.readout_scale": 0.38,
            "rule.rate": 6.1e-3,
            "rule.rate_out": 1e-3,
        },
        "error-triggered": {  # of 24 settings, fewest writes at 98 % on validation
            "rule.rate": 3.64e-4,
            "rule.rate_out": 7.76e-3,
            "rule.theta": 0.362,
        },
        "bptt": _CUE_ADAM,
        "rtrl": _CUE_ADAM,
        "alif": _CUE_ALIF,
        "eprop+alif": _CUE_ALIF_ADAM,
        "eprop-random+alif": _CUE_ALIF_ADAM,
        "bptt+alif": _CUE_ALIF_ADAM,
        "stdp": _AWAKE,
        "rstdp": _AWAKE,
        "hebb": _AWAKE,
        "frozen-hidden+alif": {
            **_CUE_ALIF_ADAM,
            "rule.gate": "end-of-sample",
            "rule.rate_out": 5e-3,
        },
    },
)
