"""What every option means: one table for each section of a specification.

Options share their names across rules, neurons and devices, and with their names their
meanings: a table has one entry for each option, and another, "name.option", where one
row of the catalogue means something else by it.
"""

from onspike.catalog.options.devices import DEVICE
from onspike.catalog.options.form import Option
from onspike.catalog.options.networks import NETWORK
from onspike.catalog.options.neurons import NEURON
from onspike.catalog.options.rules import RULE
from onspike.catalog.options.tasks import TASK
from onspike.catalog.options.train import TRAIN

__all__ = ["OPTIONS", "Option", "meaning"]

OPTIONS = {
    "task": TASK,
    "network": NETWORK,
    "neuron": NEURON,
    "rule": RULE,
    "device": DEVICE,
    "train": TRAIN,
}


def meaning(section: str, name: str | None, option: str) -> Option:
    """What an option of a section means, or of one name in it."""
    table = OPTIONS[section]
    return table.get(f"{name}.{option}") or table[option]
