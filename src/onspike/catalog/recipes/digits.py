"""8x8 digits: what it is trained with when nothing else is said."""

from onspike.catalog.recipes.parts import BATCHED, MLP, tuned
from onspike.catalog.rows import Recipe, Settings

# SDSP of one layer, one pass: for 50 ms a sample is only answered, and what calcium
# then remembers decides what the next 100 ms, with the teacher, change.
_SDSP: Settings = {
    "task.ticks": 150,
    "task.window": 0.1,
    "network.hidden": (),
    "network.mean_out": 0.085,
    "network.gain_out": 0.155,
    "network.bias_out": -0.08,
    "neuron.floor": -1.0,
    "rule.rate": 0.11,  # a and b are steps of X
    "rule.a": 0.028,
    "rule.b": 0.013,
    "rule.theta_v": 0.3,
    "rule.up_low": 0.0,
    "rule.up_high": 13.0,
    "rule.down_low": 3.6,
    "rule.down_high": 40.0,
    "rule.tau_calcium": 0.1,
    "rule.excite": 0.18,
    "rule.inhibit": 0.38,
    "rule.gate": "target-window",
    "device.strong": 0.11,
    "device.drift_up": 3e-6,
    "device.drift_down": 3e-6,
    "train.epochs": 1,
    "train.decay": "linear",
}

RECIPE = Recipe(
    rule="eprop",
    neuron="lif",
    settings={
        "network.recurrent": False,
        "rule.rate": 3e-3,
        "rule.rate_out": None,
        "train.epochs": 20,
        "train.batch": 32,
        "train.optimiser": "adam",
        "train.decay": "linear",
    },
    choices={
        **BATCHED,
        "sdsp": _SDSP,
        "rate": {
            "task.code": "graded",
            "task.ticks": 1,
            "network.hidden": (200, 200),
            "train.epochs": 40,
        },
        # 24 settings each: docs/explanation/feedback-alignment.md
        "fa+rate": {**MLP, **tuned(8.4e-3, 0.0114, 1.34)},
        "dfa+rate": {**MLP, **tuned(5.5e-3, 0.028, 0.3)},
        "sdfa+rate": {**MLP, **tuned(3.1e-6, 0.01, 1.3)},
        "drtp+rate": {**MLP, **tuned(5e-6, 0.039, 1.0)},
        "eprop-adaptive+rate": {
            **MLP,
            **tuned(3.2e-3, 1.5e-4, 0.65),
            "train.weight_decay": 2.8e-4,
        },
        "bptt+rate": tuned(2.7e-3, 1.3e-4, 1.6),
        "frozen-hidden+rate": tuned(None, 7e-3, 0.73),
    },
)
