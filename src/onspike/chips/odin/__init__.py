"""ODIN, bit for bit: 256 neurons, 256 x 256 synapses of 3 bits, and SDSP.

A twin of the open-source core with its LIF neurons: integers, driven by events, no
random numbers. An event is a word of 17 bits; one is taken at a time, and the queue of
spikes that it sets off is served before the next. Everything is a pure function, so
that `jax.lax.scan` runs a stream of events and `jax.vmap` several chips.

Left out: Izhikevich neurons, burst scheduling, output monitoring, and events that
arrive while the core is busy, whose order depends on handshakes.

Source: Frenkel et al. 2019, doi:10.1109/TBCAS.2018.2880425.
"""

from onspike.chips.odin.core import (
    Emitted,
    Odin,
    State,
    apply,
    bistability,
    sdsp,
    start,
    stored,
)
from onspike.chips.odin.neurons import Cells, Drive, Neurons, integrate
from onspike.chips.odin.words import (
    refresh,
    spike,
    synapse,
    time_reference,
    virtual,
)

__all__ = [
    "Cells",
    "Drive",
    "Emitted",
    "Neurons",
    "Odin",
    "State",
    "apply",
    "bistability",
    "integrate",
    "refresh",
    "sdsp",
    "spike",
    "start",
    "stored",
    "synapse",
    "time_reference",
    "virtual",
]
