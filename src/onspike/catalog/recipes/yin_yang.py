"""Yin-Yang: what it is trained with when nothing else is said."""

from onspike.catalog.recipes.parts import BATCHED, FACTORED, MLP, ONE_LAYER, tuned
from onspike.catalog.rows import Recipe, Settings

# Feedback control of two layers, driven from outside: biases near threshold.
_TWO_LAYERS: Settings = {
    "task.window": 0.18,  # the onset would teach transients
    "network.hidden": (100,),
    "network.gain_in": 1.0,
    "network.gain_out": 1.4,
    "network.bias_out": 1.0,
    "neuron.normalised": True,
    "neuron.floor": -1.0,
    "neuron.bias": 1.0,
    "neuron.bias_spread": 0.25,
    "neuron.slope": 1.0,
    "rule.target_high": 60.0,
    "rule.target_low": 0.0,
    "rule.overshoot": 0.1,
    "rule.control_gain": 1.0,
    "rule.control_weight": 2.0,
    "train.epochs": 3,
    "train.decay": "linear",
    "train.batch": 1,
    "train.optimiser": "sgd",
}

# Two layers that hear Yin-Yang as latencies, with their memory in the synapses.
_LATENCY: Settings = {
    "task.code": "latency",
    "task.ticks": 80,
    "task.window": 0.04,
    "network.hidden": (30, 30),
    "network.synapse": "double-exponential",
    "train.epochs": 15,
}

# A net of rate neurons: real numbers in, and a sample is one tick.
_RATE: Settings = {
    "task.code": "graded",
    "task.ticks": 1,
    "network.hidden": (30,),
    "network.gain_in": 10.0,
    "rule.rate": 1e-2,
    "train.epochs": 20,
    "train.batch": 20,
}

RECIPE = Recipe(
    rule="eprop",
    neuron="lif",
    settings={
        "network.recurrent": False,
        "network.gain_in": 0.5,
        "rule.rate": 5e-3,
        "rule.rate_out": None,
        "train.epochs": 10,
        "train.batch": 50,
        "train.optimiser": "adam",
        "train.decay": "linear",
    },
    neurons={
        "feedback-control": "cuba-lif",
        "deep-feedback-control": "cuba-lif",
        "tug-of-war": "cuba-lif",
        "frozen-feedback-control": "cuba-lif",
    },
    choices={
        "feedback-control": {
            **ONE_LAYER,
            "task.code": "poisson",
            "task.n_per_feature": 20,
            "task.train_samples": 1500,
            "network.gain_out": 0.32,
            "network.mean_out": 0.0,
            "rule.rate": 5e-3,
            "rule.target_high": 120.0,
            "rule.target_low": 10.0,
            "rule.overshoot": 0.0,
            "rule.control_gain": 0.3,
            "rule.control_weight": 2.0,
            "rule.control_tau": 0.1,
            "train.epochs": 4,
            "train.decay": "linear",
        },
        "deep-feedback-control": {
            **_TWO_LAYERS,
            "rule.rate": 0.6,
            "rule.rate_out": 7e-3,
        },
        "tug-of-war": {
            **_TWO_LAYERS,
            "rule.rate": 0.6,
            "rule.rate_out": 7e-3,
        },
        "frozen-feedback-control": {  # its own best of 80 settings
            **_TWO_LAYERS,
            "network.gain_in": 2.4,
            "network.gain_out": 0.35,
            "neuron.bias_spread": 1.0,
            "rule.rate": 1.7e-3,
            "rule.target_high": 100.0,
            "rule.overshoot": 0.3,
            "rule.control_gain": 0.0,
            "rule.control_tau": 0.1,
        },
        **BATCHED,
        "spike-response": _LATENCY,  # each rule's own best of 24 settings
        "decolle+spike-response": {
            "network.gain_in": 190.0,
            "network.gain_rec": 7.1,
            "network.tau_out": 17e-3,
            "rule.readout_scale": 0.81,
            "rule.rate": 1e-2,
            "rule.rate_out": 9.3e-4,
        },
        "eprop+spike-response": {
            **FACTORED,  # exact: the membrane forgets at once
            "network.gain_in": 120.0,
            "network.gain_rec": 1.8,
            "network.tau_out": 33e-3,
            "rule.rate": 0.12,
            "rule.rate_out": 0.018,
        },
        "bptt+spike-response": {
            "network.gain_in": 150.0,
            "network.gain_rec": 1.2,
            "network.tau_out": 9.5e-3,
            "rule.rate": 0.25,
            "rule.rate_out": 0.09,
        },
        "frozen-hidden+spike-response": {
            "network.gain_in": 120.0,
            "network.gain_rec": 7.9,
            "network.tau_out": 29e-3,
            "rule.rate_out": 0.06,
        },
        "rate": _RATE,
        "strong-dfc": {"rule.one_sided": True},
        # 64 settings each: docs/explanation/feedback-alignment.md
        "bptt+rate": tuned(0.2, 0.2, 13.0),
        "frozen-hidden+rate": tuned(None, 0.25, 6.8),
        "fa+rate": {**MLP, **tuned(0.2, 0.2, 13.0)},
        "dfa+rate": {**MLP, **tuned(0.2, 0.2, 13.0)},
        "sdfa+rate": {**MLP, **tuned(6e-5, 0.14, 6.3)},
        "drtp+rate": {**MLP, **tuned(7e-4, 0.066, 11.0)},
        "eprop-adaptive+rate": {
            **MLP,
            **tuned(0.078, 0.037, 5.4),
            "train.weight_decay": 3e-4,
        },
    },
)
