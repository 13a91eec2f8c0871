"""What the options of the network mean."""

from onspike.catalog.options.form import Option

NETWORK: dict[str, Option] = {
    "hidden": Option(
        "hidden neurons, one size per layer; [] for no hidden layer", "neurons", ">= 1"
    ),
    "recurrent": Option("one recurrent layer, or a stack of layers"),
    "gain_in": Option(
        "size of the initial weights into the first hidden layer", "1", ">= 0"
    ),
    "gain_rec": Option(
        "size of the initial weights between hidden neurons", "1", ">= 0"
    ),
    "gain_out": Option("size of the initial weights into the readout", "1", ">= 0"),
    "mean_out": Option(
        "mean of the initial weights into the readout", "weight units", "any"
    ),
    "readout": Option(
        "what the outputs are",
        choices={
            "integrator": "leaky integrators, without spikes",
            "spiking": "neurons as the hidden ones, counted",
        },
    ),
    "tau_out": Option("time constant of an integrating readout", "seconds", "> 0"),
    "bias_out": Option("constant current into the readout", "as a neuron's", "any"),
    "unit": Option("readout neurons per output", "neurons", ">= 1"),
    "delay": Option("delay of the recurrent projection", "ticks", ">= 1"),
    "synapse": Option(
        "how spikes reach hidden neurons",
        choices={
            "none": "at once",
            "exponential": "through a current with network.tau_syn",
            "double-exponential": "through two, network.tau_syn and network.tau_mem",
        },
    ),
    "tau_syn": Option(
        "time constant of that synapse; not the neuron's", "seconds", "> 0"
    ),
    "tau_mem": Option(
        "second time constant of a double-exponential synapse; not the neuron's",
        "seconds",
        "> 0",
    ),
    "learns": Option(
        "constants of hidden neurons that the rule learns with the weights: tau_mem, "
        "v_threshold"
    ),
    "controllers": Option(
        "controllers of each kind for one output, as feedback control needs; 0 for "
        "none",
        "neurons",
        ">= 0",
    ),
    "tau_control": Option("controllers' time constant", "seconds", "> 0"),
    "floor_control": Option(
        "controllers' membranes fall no lower", "threshold units", "any"
    ),
}
