"""What the options of hidden neurons mean."""

from onspike.catalog.options.form import Option

_SHAPE = "; null for none"

NEURON: dict[str, Option] = {
    # A membrane.
    "tau_mem": Option("membrane time constant", "seconds", "> 0"),
    "tau_mem_shape": Option(
        "spreads tau_mem over the neurons: the shape of a Gamma distribution with that "
        f"mean, 1 for exponential, larger for narrower{_SHAPE}",
        "1",
        "> 0",
    ),
    "v_threshold": Option("firing threshold", "threshold units", "> 0"),
    "spike-response.v_threshold": Option(
        "firing threshold", "units of potential", ">= 0"
    ),
    "tau_ref": Option("refractory period, rounded to ticks", "seconds", ">= 0"),
    "spike-response.tau_ref": Option(
        "time constant of the after-potential of the neuron's own spikes",
        "seconds",
        "> 0",
    ),
    "reset": Option(
        "what a spike does to the membrane",
        choices={"subtract": "lowers it by the threshold", "zero": "sets it to 0"},
    ),
    "normalised": Option(
        "whether input is scaled by 1 - exp(-dt / tau_mem), so that a constant current "
        "I leads to v = I"
    ),
    "surrogate": Option(
        "pseudo-derivative dz/dv of the spike",
        choices={
            "triangle": "falls linearly to 0 at one threshold from the threshold",
            "fast-sigmoid": "derivative of a fast sigmoid",
            "box": "constant near the threshold, 0 elsewhere",
            "arctan": "derivative of an arc tangent",
            "table": "steps, as in a chip's registers",
        },
    ),
    "slope": Option(
        "the pseudo-derivative's own number: damping of triangle, steepness of "
        "fast-sigmoid and arctan (1 / threshold units), width of box (threshold "
        "units); null for its default",
        "see there",
        "> 0",
    ),
    "bias": Option(
        "constant input current, in threshold units if neuron.normalised",
        "threshold units per tick",
        "any",
    ),
    "bias_spread": Option(
        "spreads biases evenly over the population, from neuron.bias minus this to "
        "plus this",
        "as neuron.bias",
        ">= 0",
    ),
    "floor": Option(
        "the membrane falls no lower; null for no floor", "threshold units", "any"
    ),
    # Adaptive thresholds.
    "tau_adapt": Option("time constant of the threshold", "seconds", "> 0"),
    "tau_adapt_shape": Option(
        f"spreads tau_adapt, as tau_mem_shape does tau_mem{_SHAPE}", "1", "> 0"
    ),
    "beta": Option(
        "rise of the threshold per spike", "threshold units per spike", ">= 0"
    ),
    "adaptive": Option(
        "share of the population that adapts; the others are LIF", "share", "0 to 1"
    ),
    "tau_fast": Option("time constant of the fast adaptation", "seconds", "> 0"),
    "tau_slow": Option("time constant of the slow adaptation", "seconds", "> 0"),
    "beta_fast": Option(
        "rise of the threshold by the fast adaptation, of a neuron that fires in "
        "every tick",
        "threshold units",
        ">= 0",
    ),
    "beta_slow": Option("the same, by the slow adaptation", "threshold units", ">= 0"),
    # Spikes with a payload, and behind synapses.
    "bits": Option("width of what a spike carries", "bits", "1 to 16"),
    "quantum": Option("smallest step of it", "threshold units", "> 0"),
    "tau_syn": Option("time constant of the synaptic current", "seconds", "> 0"),
    "tau_syn_shape": Option(
        f"spreads tau_syn, as tau_mem_shape does tau_mem{_SHAPE}", "1", "> 0"
    ),
    # A silicon neuron.
    "I_tau": Option("leak of the membrane: its time constant", "pA", "> 0"),
    "I_th": Option("gain of the membrane", "pA", "> 0"),
    "I_spk": Option("membrane current at which it spikes", "pA", "> 1"),
    "I_a": Option("most that positive feedback gives; 0 for none", "pA", ">= 0"),
    "I_tau_syn": Option("leak of the synapse: its time constant", "pA", "> 0"),
    "I_w": Option("current of a pulse of weight 1", "pA", "> 0"),
    "I_tau_ahp": Option("leak of the adaptation: its time constant", "pA", "> 0"),
    "I_w_ahp": Option("current of an adaptation's pulse; 0 for none", "pA", ">= 0"),
    "substeps": Option("steps of integration per tick", "steps", ">= 1"),
    "dpi.tau_ref": Option(
        "refractory period, in which the membrane is held", "seconds", ">= 0"
    ),
    "dpi.bias": Option("constant input current, past the synapse", "pA", "any"),
    "spike-response.bias": Option("constant input", "units of potential", "any"),
    # Rates.
    "phi": Option(
        "activation function",
        choices={
            "tanh": "hyperbolic tangent",
            "sigmoid": "logistic function",
            "linear": "none",
        },
    ),
    "rate.bias": Option("constant input current", "units of the current", "any"),
}
