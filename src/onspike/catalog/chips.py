"""Chips by name: what of each there is."""

from typing import NamedTuple


class Chip(NamedTuple):
    """One chip. `has` says what of it there is, and how to get at it."""

    summary: str
    source: str
    has: tuple[str, ...]


CHIPS: dict[str, Chip] = {
    "reckon": Chip(
        "ReckOn: a recurrent net that learns on chip, by decoupled e-prop",
        "Frenkel & Indiveri 2022, doi:10.1109/ISSCC42614.2022.9731734",
        (
            "a twin, integer for integer: --rule reckon-chip, onspike chip reckon",
            "its memory: --device reckon",
            "its rule with real numbers: --rule reckon",
        ),
    ),
    "odin": Chip(
        "ODIN: 256 neurons and 64k synapses of 3 bits that learn by SDSP",
        "Frenkel et al. 2019, doi:10.1109/TBCAS.2018.2880425",
        (
            "a twin, event by event, in Python: onspike.chips.odin",
            "its memory: --device odin",
            "its rule with real numbers: --rule sdsp",
        ),
    ),
    "dynapse": Chip(
        "DYNAP-SE: mixed-signal neurons, 64 connections each",
        "Moradi et al. 2018, doi:10.1109/TBCAS.2017.2759700",
        (
            "its memory, mismatch and host in the loop: --device dynapse",
            "its neuron: --neuron dpi",
        ),
    ),
    "loihi": Chip(
        "Loihi: a digital many-core chip",
        "Davies et al. 2018, doi:10.1109/MM.2018.112130359",
        ("its memory: --device loihi",),
    ),
}
