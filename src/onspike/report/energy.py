"""Energy estimates: what a run counted, times what a kind of hardware pays for it.

An estimate is no measurement. It prices the operations that are counted and that the
source of a profile prices; anything else is named as left out, and never taken as free.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from onspike.report.load import Record, Run, number

MISSING = "–"  # nothing is priced

OPERATIONS = {
    "synaptic_ops": "synaptic operations",
    "neuron_updates": "neuron updates",
    "spikes": "spikes",
    "weight_writes": "weight writes",
}
RUNNING = ("synaptic_ops", "neuron_updates", "spikes")  # what a network does
WRITING = ("weight_writes",)  # what learning adds, as far as it is counted
LEFT_OUT = (
    "Left out everywhere: traces, learning signals and errors; drawing random bits; "
    "input, output and configuration; and leakage and clocks unless a profile says "
    "otherwise."
)


class Profile(NamedTuple):
    """What a kind of hardware pays for each operation, as published."""

    hardware: str
    process: str
    volts: float
    basis: str  # "measured", "simulated", "composed" of published parts, or "assumed"
    joules: Mapping[str, float]  # by operation
    inside: tuple[str, ...]  # operations that another one's price contains
    source: str
    assumptions: str


class Energy(NamedTuple):
    """What some operations take."""

    joules: float | None  # of those that are priced; None if none is
    parts: dict[str, float]  # joules by operation
    uncounted: tuple[str, ...]  # operations without a count or without a price


class Estimate(NamedTuple):
    """What a run takes per sample, by one profile."""

    profile: str
    inference: Energy  # a test sample, learning off
    training: Energy  # the network alone, while a sample is learnt
    writing: Energy  # the weight writes of that sample


class Table(NamedTuple):
    """Estimates as text, in microjoules, for a page or a terminal."""

    head: list[str]
    numbers: list[str]  # the columns that hold some
    rows: list[list[str]]

    @property
    def unit(self) -> str:
        """What the numbers are."""
        return (
            "Microjoules per sample, estimated: counts of this run times published "
            "energies per operation. A dash: none of the operations has a price."
        )

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What each profile is and assumes, by name."""
        notes = [(name, _note(profile)) for name, profile in PROFILES.items()]
        return [*notes, ("all", LEFT_OUT)]


PROFILES: dict[str, Profile] = {
    "reckon": Profile(
        hardware="ReckOn, digital recurrent network with online learning",
        process="28 nm FDSOI",
        volts=0.5,
        basis="measured",
        joules={"synaptic_ops": 5.3e-12},
        inside=(),
        source="Frenkel & Indiveri 2022, ISSCC, arXiv 2208.09759",
        assumptions="The published energy per synaptic operation, taken as the "
        "price of every one; what it contains of neurons and learning "
        "is not published apart.",
    ),
    "odin": Profile(
        hardware="ODIN, digital crossbar with SDSP synapses",
        process="28 nm FDSOI",
        volts=0.55,
        basis="measured",
        joules={"synaptic_ops": 12.7e-12},
        inside=("neuron_updates", "spikes"),
        source="Frenkel et al. 2019, doi:10.1109/TBCAS.2018.2880425",
        assumptions="The chip's whole power per synaptic operation at its highest "
        "rate, leakage and idle power included, and with them neurons "
        "and routing; a slower chip pays more for each. What SDSP adds "
        "is not published apart.",
    ),
    "loihi": Profile(
        hardware="Loihi, asynchronous digital many-core",
        process="14 nm FinFET",
        volts=0.75,
        basis="simulated",
        joules={
            "synaptic_ops": 23.6e-12,
            "neuron_updates": 81e-12,
            "spikes": 1.7e-12,
            "weight_writes": 120e-12,
        },
        inside=(),
        source="Davies et al. 2018, doi:10.1109/MM.2018.112130359, Table 2",
        assumptions="From simulations before production; a synaptic operation is "
        "given as a minimum. Every neuron update costs an active one "
        "(an inactive one: 52 pJ), every spike stays within a tile "
        "(each hop: 3 to 4 pJ more), and every weight that changes "
        "costs an update of pair-based STDP.",
    ),
    "truenorth": Profile(
        hardware="TrueNorth, digital crossbars without learning",
        process="28 nm LPP",
        volts=0.775,
        basis="measured",
        joules={"synaptic_ops": 26e-12},
        inside=("neuron_updates", "spikes"),
        source="Merolla et al. 2014, doi:10.1126/science.1254642",
        assumptions="The chip's whole power per synaptic operation, leakage, "
        "neurons and routing included, at one point: 20 Hz, 128 active "
        "synapses a neuron. At other rates it is another number. The "
        "chip cannot learn.",
    ),
    "dynap-se": Profile(
        hardware="DYNAP-SE, analogue neurons and synapses, asynchronous routing",
        process="180 nm CMOS",
        volts=1.3,
        basis="assumed",
        joules={"spikes": 260e-12 + 507e-12 + 2200e-12, "synaptic_ops": 26e-12},
        inside=(),
        source="Moradi et al. 2018, doi:10.1109/TBCAS.2017.2759700; from memory",
        assumptions="Assumed, from memory, and to be checked against the source: a "
        "spike is generated (260 pJ), encoded (507 pJ) and broadcast to"
        " one core (2200 pJ); each synapse that it reaches extends a "
        "pulse (26 pJ). Broadcasts of input events, further cores (78 "
        "pJ each) and static power are left out. Weights are written "
        "from outside.",
    ),
    "cmos45-float32": Profile(
        hardware="32-bit floating point beside an 8 KiB memory",
        process="45 nm CMOS",
        volts=0.9,
        basis="composed",
        joules={
            "synaptic_ops": 5e-12 + 0.9e-12,
            "neuron_updates": 2 * 5e-12 + 3.7e-12 + 0.9e-12,
            "weight_writes": 2 * 5e-12 + 3.7e-12 + 0.9e-12,
        },
        inside=(),
        source="Horowitz 2014, doi:10.1109/ISSCC.2014.6757323",
        assumptions="Composed by us of an addition (0.9 pJ), a multiplication (3.7 "
        "pJ) and an access to 32 of the 64 bits that an 8 KiB cache "
        "gives (5 pJ). A synaptic operation reads a weight and adds it;"
        " a neuron update reads, multiplies, adds and writes one state "
        "variable; a weight write does the same to a weight. "
        "Instructions, control and larger memories are left out.",
    ),
}


def price(
    profile: Profile, counts: Mapping[str, Any], operations: Sequence[str]
) -> Energy:
    """Prices counts.

    Args:
        profile: What each operation costs.
        counts: Numbers of operations, by their name; what is missing was not counted.
        operations: Which of them to price.
    """
    known = {name: number(counts.get(name)) for name in operations}
    parts = {
        name: known[name] * profile.joules[name]
        for name in operations
        if name in profile.joules and known[name] == known[name]
    }
    uncounted = tuple(
        name
        for name in operations
        if name not in parts and name not in profile.inside and known[name] != 0
    )
    return Energy(sum(parts.values()) if parts else None, parts, uncounted)


def estimates(run: Run) -> list[Estimate]:
    """What a run takes by every profile, per sample.

    Args:
        run: Its test is the source of inference, the mean over all epochs that of
            training; what is not there (yet) is uncounted.
    """
    inference = _counts([run.result] if run.result else [])
    training = _counts(run.epochs)
    return [
        Estimate(
            profile=name,
            inference=price(profile, inference, RUNNING),
            training=price(profile, training, RUNNING),
            writing=price(profile, training, WRITING),
        )
        for name, profile in PROFILES.items()
    ]


def plain(found: Sequence[Estimate]) -> list[dict[str, Any]]:
    """Estimates with their profiles, as JSON holds them; energies in joules."""
    return [
        {
            "profile": one.profile,
            "estimate": True,
            **PROFILES[one.profile]._asdict(),
            **{
                f"{part}_per_sample": getattr(one, part)._asdict()
                for part in ("inference", "training", "writing")
            },
        }
        for one in found
    ]


def table(run: Run) -> Table:
    """A run's estimates, a line per profile."""
    found = estimates(run)
    rows = [
        [one.profile, *map(microjoules, _kinds(one).values()), not_counted([one])]
        for one in found
    ]
    return Table(["profile", *_KINDS, "not counted"], list(_KINDS), rows)


def comparison_table(cells: Mapping[tuple[str, str], Sequence[Run]]) -> Table:
    """Means over the seeds of each cell, a line per kind of energy.

    Args:
        cells: The runs of each rule and device.
    """
    rows = []
    for (rule, device), runs in cells.items():
        found = [estimates(run) for run in runs]
        for kind in _KINDS:
            each = [[_kinds(one)[kind].joules for one in seed] for seed in found]
            means = [_mean(column) for column in zip(*each, strict=True)]
            rows.append([rule, device, kind, *map(_text, means)])
    return Table(["rule", "device", "per sample", *PROFILES], list(PROFILES), rows)


def microjoules(energy: Energy) -> str:
    """An energy as text, three digits; a dash where nothing is priced."""
    return _text(energy.joules)


def not_counted(found: Sequence[Estimate]) -> str:
    """The operations of estimates that have no count or no price."""
    missing = {
        name for one in found for e in _kinds(one).values() for name in e.uncounted
    }
    return ", ".join(OPERATIONS[name] for name in OPERATIONS if name in missing) or "-"


_KINDS = ("inference", "training: network", "training: writes")


def _kinds(one: Estimate) -> dict[str, Energy]:
    energies = one.inference, one.training, one.writing
    return dict(zip(_KINDS, energies, strict=True))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _text(joules: float | None) -> str:
    return MISSING if joules is None else f"{1e6 * joules:.3g}"


def _note(profile: Profile) -> str:
    prices = ", ".join(
        f"{OPERATIONS[name]} {1e12 * joules:.4g} pJ"
        for name, joules in profile.joules.items()
    )
    return (
        f"{profile.hardware}; {profile.process}, {profile.volts} V; {profile.basis}. "
        f"{prices}. {profile.assumptions} Source: {profile.source}."
    )


def profiles_table() -> str:
    """All profiles as a Markdown table, prices in picojoules."""
    head = ["profile", "hardware", "process", "supply", "basis", *OPERATIONS.values()]
    lines = [[*head, "source"], ["---", *["---"] * len(head)]]
    for name, profile in PROFILES.items():
        prices = [_price(profile, operation) for operation in OPERATIONS]
        what = profile.hardware, profile.process, f"{profile.volts} V", profile.basis
        lines.append([f"`{name}`", *what, *prices, profile.source])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _price(profile: Profile, operation: str) -> str:
    if operation in profile.inside:
        return "inside"
    joules = profile.joules.get(operation)
    return "not counted" if joules is None else f"{1e12 * joules:.4g}"


def _counts(records: Sequence[Record]) -> dict[str, float]:
    """Mean counts by operation; one that a record lacks is left out."""
    found = {}
    for name in OPERATIONS:
        values = [number(record.get(f"{name}_per_sample")) for record in records]
        if values and all(value == value for value in values):
            found[name] = fmean(values)
    return found
