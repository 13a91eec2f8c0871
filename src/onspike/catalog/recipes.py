"""What each task is trained with when nothing else is said."""

from onspike.catalog.rows import Recipe, Settings

# With plain LIF neurons one trace per presynaptic neuron is exact.
_FACTORED: Settings = {"rule.eligibility": "pre-trace"}
# The decoupled rules in a batch: their updates of a sample add up and pass through
# Adam once, instead of a write per tick.
_ONCE: Settings = {"rule.gate": "end-of-sample", "rule.hinge": 0.0}
# Feed-forward nets that learn in batches, through Adam.
_BATCHED: dict[str, Settings] = {
    "eprop+lif": _FACTORED,
    "eprop-random+lif": _FACTORED,
    "reckon": _ONCE,
    "reckon-random": _ONCE,
    "frozen-hidden": {**_ONCE, "rule.rate_out": 5e-3},
}
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

# The same with local rules: what a neuron without memory needs, and no more.
_MLP: Settings = {"rule.eligibility": "pre-trace", "rule.readout_filter": False}


def _tuned(rate: float | None, rate_out: float, gain_in: float) -> Settings:
    """Rates, and the size of the first weights, by a sweep on validation samples."""
    rates = {"rule.rate_out": rate_out, "network.gain_in": gain_in}
    return rates if rate is None else {"rule.rate": rate, **rates}


# Feedback control of one layer: no hidden population, outputs that spike.
_ONE_LAYER: Settings = {
    "network.hidden": (),
    "network.recurrent": False,
    "network.gain_out": 0.09,
    "network.mean_out": 0.02,
    "neuron.normalised": True,
    "neuron.floor": -1.0,
    "train.clamp": 2.0,
    "train.batch": 1,
    "train.optimiser": "sgd",
}

# Plasticity told by a reward, one layer: synapses excite, scaling keeps both outputs
# awake.
_REWARDED: Settings = {
    **_ONE_LAYER,
    "network.mean_out": 0.06,
    "train.clamp": 1.0,
    "train.clamp_low": 0.0,
    "rule.rate": 2e-4,
    "rule.homeostasis": 0.1,
    "rule.rate_target": 30.0,
}

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

# Plasticity of spike pairs in a recurrent net: scaling keeps all neurons awake.
_AWAKE: Settings = {
    "rule.rate": 1e-4,
    "rule.homeostasis": 0.1,
    "rule.rate_target": 20.0,
}

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

RECIPES: dict[str, Recipe] = {
    "cue-accumulation": Recipe(
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
            "eprop+lif": _FACTORED,
            "eprop-random+lif": _FACTORED,
            "fa": _CUE_ALIGNED,
            "dfa": _CUE_ALIGNED,
            "sdfa": _CUE_ALIGNED,
            "drtp": _CUE_ALIGNED,
            "eprop-adaptive": _CUE_ALIGNED,
            "error-triggered": {  # the best of 8 settings, also in writes
                "rule.rate": 1.23e-4,
                "rule.rate_out": 3.56e-3,
                "rule.theta": 0.193,
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
    ),
    "binary": Recipe(
        rule="feedback-control",
        neuron="cuba-lif",
        settings={
            "network.recurrent": False,
            "network.hidden": (30,),
            "train.epochs": 1,
        },
        choices={
            "feedback-control": _ONE_LAYER,
            "stdp": _REWARDED,
            "rstdp": _REWARDED,
            "hebb": {**_REWARDED, "rule.rate": 1e-3},
        },
    ),
    "yin-yang": Recipe(
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
                **_ONE_LAYER,
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
            **_BATCHED,
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
                **_FACTORED,  # exact: the membrane forgets at once
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
            "bptt+rate": _tuned(0.2, 0.2, 13.0),
            "frozen-hidden+rate": _tuned(None, 0.25, 6.8),
            "fa+rate": {**_MLP, **_tuned(0.2, 0.2, 13.0)},
            "dfa+rate": {**_MLP, **_tuned(0.2, 0.2, 13.0)},
            "sdfa+rate": {**_MLP, **_tuned(6e-5, 0.14, 6.3)},
            "drtp+rate": {**_MLP, **_tuned(7e-4, 0.066, 11.0)},
            "eprop-adaptive+rate": {
                **_MLP,
                **_tuned(0.078, 0.037, 5.4),
                "train.weight_decay": 3e-4,
            },
        },
    ),
    "two-timescales": Recipe(  # the best of 16 settings with a spread
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
            "rule.eligibility": "full",
            "train.epochs": 2,
            "train.batch": 32,
            "train.optimiser": "adam",
            "train.decay": "linear",
        },
        choices={},
    ),
    "digits": Recipe(
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
            **_BATCHED,
            "sdsp": _SDSP,
            "rate": {
                "task.code": "graded",
                "task.ticks": 1,
                "network.hidden": (200, 200),
                "train.epochs": 40,
            },
            # 24 settings each: docs/explanation/feedback-alignment.md
            "fa+rate": {**_MLP, **_tuned(8.4e-3, 0.0114, 1.34)},
            "dfa+rate": {**_MLP, **_tuned(5.5e-3, 0.028, 0.3)},
            "sdfa+rate": {**_MLP, **_tuned(3.1e-6, 0.01, 1.3)},
            "drtp+rate": {**_MLP, **_tuned(5e-6, 0.039, 1.0)},
            "eprop-adaptive+rate": {
                **_MLP,
                **_tuned(3.2e-3, 1.5e-4, 0.65),
                "train.weight_decay": 2.8e-4,
            },
            "bptt+rate": _tuned(2.7e-3, 1.3e-4, 1.6),
            "frozen-hidden+rate": _tuned(None, 7e-3, 0.73),
        },
    ),
    "spoken-digits": Recipe(
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
            "reckon": _ONCE,
            "reckon-random": _ONCE,
            "frozen-hidden": {  # its own best of 27 settings on validation samples
                **_ONCE,
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
    ),
}
