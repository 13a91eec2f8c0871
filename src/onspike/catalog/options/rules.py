"""What the options of rules mean."""

from onspike.catalog.options.form import Option

_ELIGIBILITIES = {
    "e-prop": "full eligibility, from the neuron's own Jacobians",
    "pre-trace": "presynaptic trace times pseudo-derivative",
}
_MORE = {
    **_ELIGIBILITIES,
    "coincidence": "presynaptic spike times pseudo-derivative",
    "presynaptic": "presynaptic spike",
    "stdp": "pairs of spikes",
    "hebb": "spikes of both sides in one tick",
}
_HELD = Option("firing rate that synaptic scaling holds", "hertz", "> 0")
_STEERING = Option(
    "weights of the controller onto neurons",
    choices={
        "transposed": "the network's transposed Jacobian",
        "random": "fixed random weights",
        "learnt": "weights that learn from noise in a phase of their own",
    },
)
_STEERS = Option(
    "standard deviation of random and first learnt weights",
    "current per control",
    ">= 0",
)

RULE: dict[str, Option] = {
    # Every rule.
    "rate": Option(
        "learning rate of all projections that have none of their own; with adam the "
        "size of its steps",
        "weight units per update",
        ">= 0",
    ),
    "rate_out": Option(
        "learning rate of the readout; null for rule.rate",
        "weight units per update",
        ">= 0",
    ),
    "frozen-hidden.rate_out": Option(
        "learning rate of the readout, which alone learns",
        "weight units per update",
        ">= 0",
    ),
    "rate_neurons": Option(
        "learning rate of constants of neurons, of their logarithms, where "
        "network.learns names some; null for rule.rate",
        "1 per update",
        ">= 0",
    ),
    "gate": Option(
        "when weights may be written",
        choices={
            "every-tick": "in every tick",
            "target-window": "in every tick with a valid target",
            "end-of-sample": "once, the sum of a sample",
            "end-of-window": "once, the sum of the ticks with a valid target",
        },
    ),
    # Credit.
    "feedback": Option(
        "how hidden neurons hear of the error",
        choices={
            "symmetric": "through the readout's own weights",
            "sign": "through their signs",
            "learnt": "through weights that learn to resemble them (Kolen-Pollack)",
            "random": "through fixed random weights",
            "none": "not at all",
        },
    ),
    "feedback_scale": Option(
        "size of feedback weights that are no transpose: of their signs, or their "
        "standard deviation",
        "signal per error",
        "> 0",
    ),
    "eprop-adaptive.feedback_scale": Option(
        "standard deviation of the feedback weights at first",
        "signal per error",
        ">= 0",
    ),
    "reach": Option(
        "share of each hidden population that hears the controllers", "share", "0 to 1"
    ),
    "eligibility": Option("what a synapse remembers", choices=_ELIGIBILITIES),
    "three-factor.eligibility": Option(
        "what a hidden synapse remembers", choices=_MORE
    ),
    "readout": Option("what a synapse of the readout remembers", choices=_MORE),
    "readout_filter": Option(
        "whether eligibility passes through the readout's decay: exact behind a leaky "
        "readout, one more value per synapse"
    ),
    "tau_elig": Option("time constant of the eligibility", "seconds", "> 0"),
    "three-factor.tau_elig": Option(
        "time constant of a trace of the eligibility; 0 for none", "seconds", ">= 0"
    ),
    "signal": Option(
        "who tells a neuron what to change",
        choices={
            "symmetric": "the error, through the readout's own weights",
            "sign-symmetric": "the same, through their signs",
            "fa": "the same, through fixed random weights, layer by layer",
            "kolen-pollack": "the same, through weights that learn",
            "dfa": "the error, broadcast through fixed random weights",
            "sdfa": "its sign, broadcast",
            "drtp": "the target, broadcast",
            "local": "a random readout of the layer's own",
            "reward": "one number for all",
            "unmodulated": "nobody: eligibility is written as it is",
            "none": "nobody: hidden weights stay",
        },
    ),
    "signal_scale": Option(
        "size of feedback weights, of signals that have their own",
        "signal per message",
        "> 0",
    ),
    # Activity.
    "hinge": Option(
        "pull down of hidden neurons that fire too much; 0 for none",
        "signal per spike",
        ">= 0",
    ),
    "hinge_bound": Option(
        "what that pull allows: a neuron's spikes, through its membrane's decay",
        "spikes",
        ">= 0",
    ),
    "rate_cost": Option(
        "pull of hidden neurons to rule.rate_target; 0 for none",
        "signal per hertz",
        ">= 0",
    ),
    "rate_target": Option("firing rate that neurons are held at", "hertz", ">= 0"),
    **dict.fromkeys(
        ("stdp.rate_target", "rstdp.rate_target", "hebb.rate_target"), _HELD
    ),
    "homeostasis": Option(
        "synaptic scaling towards rule.rate_target; 0 for none",
        "share of a weight per second",
        ">= 0",
    ),
    # Integers.
    "trace_bits": Option("width of a trace; null for floats", "bits", "2 to 16"),
    "trace_largest": Option(
        "largest trace of so many bits", "units of the eligibility", "> 0"
    ),
    # Feedback control.
    "target_high": Option(
        "rate that the true class is steered to", "hertz", "> rule.target_low"
    ),
    "target_low": Option("rate that the other classes are steered to", "hertz", ">= 0"),
    "overshoot": Option(
        "how much a pull counts against an overshoot on the right side: 1 makes the "
        "targets points, 0 margins",
        "share",
        ">= 0",
    ),
    "control_gain": Option(
        "current that steers an output, per unit of pull; 0 teaches without steering",
        "current per pull",
        ">= 0",
    ),
    "control_weight": Option(
        "weight of a spike in a controller", "controllers' thresholds", ">= 0"
    ),
    "control_tau": Option("time constant of the pull", "seconds", "> 0"),
    "control_hidden": Option(
        "current that steers hidden neurons, per unit of pull; null for none",
        "current per pull",
        ">= 0",
    ),
    "rate_predictive": Option(
        "learning rate of predictive plasticity in hidden projections; null for none",
        "weight units per update",
        ">= 0",
    ),
    # Local and triggered errors.
    "local_loss": Option(
        "what the local readouts make small",
        choices={
            "smooth-l1": "squared error near 0, absolute beyond",
            "squared": "squared error",
            "cross-entropy": "cross-entropy",
        },
    ),
    "readout_scale": Option(
        "standard deviation of the local readouts, times the root of a layer's size",
        "readout per spike",
        "> 0",
    ),
    "burn_in": Option("ticks of a sample's start without error", "ticks", ">= 0"),
    "transposed": Option(
        "whether local errors come back through the local readout's transpose, or "
        "through other random weights"
    ),
    "bounds": Option(
        "pull of membranes away from silence and saturation; 0 for none",
        "loss per potential",
        ">= 0",
    ),
    "theta": Option(
        "error from which one is an event, and its step; null for all errors",
        "error units",
        "> 0",
    ),
    "set_point": Option(
        "steps per error that an adaptive threshold holds, beginning at theta; null "
        "for a fixed one",
        "steps",
        "> 0",
    ),
    "ternary": Option("whether an event carries a sign only"),
    # Pairs of spikes, and reward.
    "plus": Option("change by a spike before another", "weight units per rate", "any"),
    "minus": Option("change by a spike after another", "weight units per rate", "any"),
    "tau_plus": Option("time constant of the first", "seconds", "> 0"),
    "tau_minus": Option("time constant of the second", "seconds", "> 0"),
    "nearest": Option("whether spikes pair with the last one only, or with all"),
    "tau_baseline": Option(
        "time constant of the mean reward that is subtracted, in time with a valid "
        "target; null for none",
        "seconds",
        "> 0",
    ),
    # Spike-driven plasticity.
    "sdsp.rate": Option("factor on both steps", "1", ">= 0"),
    "a": Option("step up", "hidden state per spike", ">= 0"),
    "b": Option("step down", "hidden state per spike", ">= 0"),
    "theta_v": Option(
        "membrane above which a spike strengthens", "units of potential", "any"
    ),
    "up_low": Option("calcium above which synapses may grow", "spikes", ">= 0"),
    "up_high": Option(
        "calcium from which they no longer do", "spikes", "> rule.up_low"
    ),
    "down_low": Option("calcium above which they may shrink", "spikes", ">= 0"),
    "down_high": Option(
        "calcium from which they no longer do", "spikes", "> rule.down_low"
    ),
    "tau_calcium": Option("time constant of calcium", "seconds", "> 0"),
    "excite": Option(
        "teacher's current into the right output", "threshold units per tick", ">= 0"
    ),
    "inhibit": Option(
        "teacher's current out of the others", "threshold units per tick", ">= 0"
    ),
    # Deep feedback control of rate neurons.
    **dict.fromkeys(("dfc.feedback", "strong-dfc.feedback"), _STEERING),
    **dict.fromkeys(("dfc.feedback_scale", "strong-dfc.feedback_scale"), _STEERS),
    "strength": Option("how far the output is nudged", "output units per error", "> 0"),
    "gain": Option("controller's gain", "control per output", ">= 0"),
    "leak": Option("controller's leak", "output per control", ">= 0"),
    "dt": Option("length of a step of the loop", "time of the loop", "> 0"),
    "steps": Option("steps until the loop counts as settled", "steps", ">= 1"),
    "strong-dfc.target_high": Option(
        "output of the true class", "output units", "> rule.target_low"
    ),
    "strong-dfc.target_low": Option(
        "output of the other classes", "output units", "any"
    ),
    "one_sided": Option(
        "whether targets are margins, so that correct overshoot is left alone"
    ),
    # The chip ReckOn.
    "reckon-chip.rate": Option(
        "learning rate of input and recurrent weights, a power of two",
        "weight units per update",
        "> 0",
    ),
    "reckon-chip.rate_out": Option(
        "learning rate of the readout, a power of two; null for rule.rate",
        "weight units per update",
        "> 0",
    ),
    "span": Option("largest weight", "threshold units", "a power of two, 1/8 to 16"),
    "slope": Option(
        "pseudo-derivative",
        choices={
            "straight-through": "a step, as shipped",
            "surrogate": "the neuron's, in steps",
        },
    ),
    "regul_mode": Option("register REGUL_MODE: which regularisation", "1", "0 to 7"),
    "regul_w": Option(
        "register REGUL_W: of input (1), recurrent (2) or both weights (3)",
        "bits",
        "0 to 3",
    ),
    "regul_f0": Option("register REGUL_F0: target of spikes", "1", "0 to 4095"),
    "regul_k": Option("registers REGUL_K_*_P: strength", "1", "0 to 31"),
    "stochastic_rounding": Option("register EN_STOCH_ROUND: whether steps are drawn"),
}
