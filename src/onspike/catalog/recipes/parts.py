"""What recipes of several tasks share."""

from onspike.catalog.rows import Settings

# With plain LIF neurons one trace per presynaptic neuron is exact.
FACTORED: Settings = {"rule.eligibility": "pre-trace"}

# The decoupled rules in a batch: their updates of a sample add up and pass through
# Adam once, instead of a write per tick.
ONCE: Settings = {"rule.gate": "end-of-sample", "rule.hinge": 0.0}

# Feed-forward nets that learn in batches, through Adam.
BATCHED: dict[str, Settings] = {
    "eprop+lif": FACTORED,
    "eprop-random+lif": FACTORED,
    "reckon": ONCE,
    "reckon-random": ONCE,
    "frozen-hidden": {**ONCE, "rule.rate_out": 5e-3},
}

# Local rules on rate neurons: what a neuron without memory needs, and no more.
MLP: Settings = {"rule.eligibility": "pre-trace", "rule.readout_filter": False}


def tuned(rate: float | None, rate_out: float, gain_in: float) -> Settings:
    """Rates, and the size of the first weights, by a sweep on validation samples."""
    rates = {"rule.rate_out": rate_out, "network.gain_in": gain_in}
    return rates if rate is None else {"rule.rate": rate, **rates}


# Feedback control of one layer: no hidden population, outputs that spike.
ONE_LAYER: Settings = {
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
