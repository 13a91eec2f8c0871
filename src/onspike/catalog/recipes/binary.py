"""Two blobs: what it is trained with when nothing else is said."""

from onspike.catalog.recipes.parts import ONE_LAYER
from onspike.catalog.rows import Recipe, Settings

# Plasticity told by a reward, one layer: synapses excite, scaling keeps both outputs
# awake.
_REWARDED: Settings = {
    **ONE_LAYER,
    "network.mean_out": 0.06,
    "train.clamp": 1.0,
    "train.clamp_low": 0.0,
    "rule.rate": 2e-4,
    "rule.homeostasis": 0.1,
    "rule.rate_target": 30.0,
}

RECIPE = Recipe(
    rule="feedback-control",
    neuron="cuba-lif",
    settings={
        "network.recurrent": False,
        "network.hidden": (30,),
        "train.epochs": 1,
    },
    choices={
        "feedback-control": ONE_LAYER,
        "stdp": _REWARDED,
        "rstdp": _REWARDED,
        "hebb": {**_REWARDED, "rule.rate": 1e-3},
    },
)
