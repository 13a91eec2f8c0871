"""Two time scales: what it is trained with when nothing else is said."""

from onspike.catalog.recipes.parts import BATCHED
from onspike.catalog.rows import Recipe

RECIPE = Recipe(  # the best of 16 settings with a spread
    rule="eprop",
    neuron="cuba-lif",
    settings={
        "network.hidden": (20,),
        "network.recurrent": False,
        "network.gain_in": 0.0519,
        "network.tau_out": 5.65e-3,
        "neuron.tau_mem": 15.1e-3,
        "neuron.tau_syn": 0.292,
        "neuron.tau_syn_shape": 1.0,
        "rule.rate": 0.013,
        "rule.rate_out": None,
        "rule.eligibility": "e-prop",
        "train.epochs": 2,
        "train.batch": 32,
        "train.optimiser": "adam",
        "train.decay": "linear",
    },
    choices=BATCHED,
)
