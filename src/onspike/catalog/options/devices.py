"""What the options of devices mean."""

from onspike.catalog.options.form import Option

_DTOD = "from device to device: standard deviation over mean, of "
_SCALES = "largest initial weight of the projection"

DEVICE: dict[str, Option] = {
    # The die, around every device.
    "shadow": Option("whether the writer keeps a copy in floats, which is written out"),
    "dale": Option(
        "share of presynaptic neurons that excite, the others inhibit: a weight keeps "
        "its neuron's sign; null for weights of either sign",
        "probability",
        "0 to 1",
    ),
    "fan_in": Option(
        "most synapses that a neuron has; null for all", "synapses", ">= 1"
    ),
    "mismatch": Option(
        "coefficient of variation of the constants of neurons and controllers, of "
        "synapses' gains and of injected currents; or a table of what varies: "
        "{tau_mem = 0.2, weights = 0.1}",
        "sd over mean",
        ">= 0",
    ),
    "mismatch_control": Option(
        "the same, of controllers and the synapses into them alone",
        "sd over mean",
        ">= 0",
    ),
    "dead": Option("chance of a neuron to be dead", "probability", "0 to 1"),
    "stuck": Option("chance of a synapse to be stuck", "probability", "0 to 1"),
    "drift": Option(
        "slow wander of the neurons' constants, of their logarithm: 0.1 is about 10 %",
        "sd of a logarithm",
        ">= 0",
    ),
    "drift_tau": Option("correlation time of that drift", "seconds", "> 0"),
    "noise": Option("noise current into every neuron", "membrane units", ">= 0"),
    "noise_tau": Option("correlation time of that noise", "seconds", "> 0"),
    "spike_loss": Option("chance of a spike to be lost", "probability", "0 to 1"),
    "spike_jitter": Option("longest random delay of a spike", "ticks", ">= 0"),
    "readout_noise": Option(
        "noise of what is read at the outputs", "output units", ">= 0"
    ),
    # Fixed-point and binary weights.
    "bits": Option("width of a weight", "bits", "2 to 16"),
    "write": Option(
        "how a change becomes whole steps",
        choices={
            "plus-minus-lsb": "one step up or down, as likely as the change is large",
            "stochastic": "rounded up or down at random, right on average",
            "nearest": "rounded to the nearest; small changes are lost",
        },
    ),
    "headroom": Option(f"range over the {_SCALES}", "factor", "> 0"),
    "strong": Option(
        "size of a strong synapse; null for twice the mean initial size in its "
        "projection",
        "weight units",
        "> 0",
    ),
    "weak": Option("size of a weak synapse", "share of a strong one", "0 to <1"),
    "theta": Option("hidden state between weak and strong", "1", "0 to 1"),
    "drift_up": Option("drift above theta", "hidden state per write", ">= 0"),
    "drift_down": Option("drift below theta", "hidden state per write", ">= 0"),
    "budget": Option("connections that a neuron can take", "connections", ">= 1"),
    # Pulses into an analogue memory.
    "dw_min": Option(
        f"mean step of a pulse at weight 0; 1 is device.headroom times the {_SCALES}",
        "shares of that",
        "> 0",
    ),
    "dw_min_dtod": Option(f"{_DTOD}dw_min", "sd over mean", ">= 0"),
    "dw_min_std": Option("from cycle to cycle: of a step", "sd over mean", ">= 0"),
    "up_down": Option(
        "how much larger than dw_min a pulse up is, and a pulse down smaller",
        "shares of dw_min",
        ">-1 to <1",
    ),
    "up_down_dtod": Option(
        "the same, from device to device", "shares of dw_min", ">= 0"
    ),
    "w_max": Option("mean upper bound", "as dw_min", "> 0"),
    "w_max_dtod": Option(f"{_DTOD}w_max", "sd over mean", ">= 0"),
    "w_min": Option("mean lower bound", "as dw_min", "< 0"),
    "w_min_dtod": Option(f"{_DTOD}w_min", "sd over mean", ">= 0"),
    "write_noise_std": Option("noise of a write", "shares of dw_min", ">= 0"),
    "lifetime": Option(
        "retention of a weight; 0 for ever, else above 1", "writes", ">= 0"
    ),
    "lifetime_dtod": Option(f"{_DTOD}lifetime", "sd over mean", ">= 0"),
    "mult_noise": Option(
        "whether noise from cycle to cycle scales with the step at the weight, not "
        "with the step at 0"
    ),
    "pulses": Option("most pulses that a write sends to a synapse", "pulses", ">= 1"),
}
