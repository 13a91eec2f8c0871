"""Devices by name: what holds the weights, on which die, in which operation."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.devices import AbstractDevice, AbstractWrite

Write = Literal["plus-minus-lsb", "stochastic", "nearest"]


def _die(
    device: "AbstractDevice",
    shadow: bool = False,
    dale: float | None = None,
    fan_in: int | None = None,
    mismatch: float | dict[str, float] = 0.0,
    mismatch_control: float | dict[str, float] = 0.0,
    dead: float = 0.0,
    stuck: float = 0.0,
    drift: float = 0.0,
    drift_tau: float = 1e3,
    noise: float = 0.0,
    noise_tau: float = 5e-3,
    spike_loss: float = 0.0,
    spike_jitter: int = 0,
    readout_noise: float = 0.0,
) -> "AbstractDevice":
    """A memory on a chip: every device of the catalogue has these options.

    From the memory outwards: the writer's copy, the limits of its wiring, the faults of
    the die, what disturbs its operation. What is 0 or unset is left out.
    """
    from onspike import devices as ons
    from onspike.rules.parts.control import LESS, MORE

    if shadow:
        device = ons.Shadow(device)
    if fan_in is not None:
        device = _option("fan_in", ons.FanIn, device, fan_in)
    if dale is not None:
        device = _option("dale", ons.Dale, device, dale)
    if mismatch:
        device = _option("mismatch", ons.Mismatch, device, mismatch)
    if mismatch_control:
        only = MORE, LESS
        device = _option(
            "mismatch_control", ons.Mismatch, device, mismatch_control, only
        )
    if dead:
        device = _option("dead", ons.DeadNeurons, device, dead)
    if stuck:
        device = _option("stuck", ons.StuckSynapses, device, stuck)
    # What follows is checked also where it is not used.
    drifting = _option("drift, device.drift_tau", ons.Drift, device, drift, drift_tau)
    device = drifting if drift else device
    current = _option("noise, device.noise_tau", ons.CurrentNoise, noise, noise_tau)
    kinds = (
        (noise, current),
        (spike_loss, _option("spike_loss", ons.SpikeLoss, spike_loss)),
        (spike_jitter, _option("spike_jitter", ons.SpikeJitter, spike_jitter)),
        (readout_noise, _option("readout_noise", ons.ReadoutNoise, readout_noise)),
    )
    heard = tuple(kind for strength, kind in kinds if strength)
    return ons.Noisy(device, heard) if heard else device


def _option(name: str, make: Callable[..., Any], *values: Any) -> Any:
    """What an option adds; an error names the option beside the part that it sets.

    Raises:
        ValueError: If the part does not take the values.
    """
    try:
        return make(*values)
    except ValueError as error:
        raise ValueError(f"device.{name}: {error}") from None


def _on_a_die(memory: Callable[..., "AbstractDevice"]) -> Callable[..., Any]:
    """A builder with the options of the memory, and those of the die around it."""
    own = inspect.signature(memory).parameters
    die = dict([*inspect.signature(_die).parameters.items()][1:])

    def build(**options: Any) -> "AbstractDevice":
        around = {name: options.pop(name) for name in die if name in options}
        return _die(memory(**options), **around)

    vars(build)["__signature__"] = inspect.Signature([*own.values(), *die.values()])
    return build


@_on_a_die
def _ideal() -> "AbstractDevice":
    from onspike.devices import Ideal

    return Ideal()


@_on_a_die
def _fixed(
    bits: int = 8, write: Write = "plus-minus-lsb", headroom: float = 2.0
) -> "AbstractDevice":
    from onspike.devices import Fixed

    return Fixed(bits=bits, write_mode=_write(write), headroom=headroom)


@_on_a_die
def _bistable(
    strong: float | None = None,
    weak: float = 0.0,
    theta: float = 0.5,
    drift_up: float = 3.5e-3,
    drift_down: float = 3.5e-3,
) -> "AbstractDevice":
    from onspike.devices import Bistable

    return Bistable(strong, weak, theta, drift_up, drift_down)


@_on_a_die
def _parallel(
    budget: int = 64, write: Write = "stochastic", headroom: float = 2.0
) -> "AbstractDevice":
    from onspike.devices import Parallel

    return Parallel(budget, _write(write), headroom)


@_on_a_die
def _pulsed(
    dw_min: float = 0.001,
    dw_min_dtod: float = 0.3,
    dw_min_std: float = 0.3,
    up_down: float = 0.0,
    up_down_dtod: float = 0.01,
    w_max: float = 1.0,
    w_max_dtod: float = 0.3,
    w_min: float = -1.0,
    w_min_dtod: float = 0.3,
    write_noise_std: float = 0.0,
    lifetime: float = 0.0,
    lifetime_dtod: float = 0.0,
    mult_noise: bool = True,
    pulses: int = 31,
    write: Write = "stochastic",
    headroom: float = 2.0,
) -> "AbstractDevice":
    from onspike.devices import Pulsed

    return Pulsed(
        dw_min=dw_min,
        dw_min_dtod=dw_min_dtod,
        dw_min_std=dw_min_std,
        up_down=up_down,
        up_down_dtod=up_down_dtod,
        w_max=w_max,
        w_max_dtod=w_max_dtod,
        w_min=w_min,
        w_min_dtod=w_min_dtod,
        write_noise_std=write_noise_std,
        lifetime=lifetime,
        lifetime_dtod=lifetime_dtod,
        mult_noise=mult_noise,
        pulses=pulses,
        write_mode=_write(write),
        headroom=headroom,
    )


def _write(name: Write) -> "AbstractWrite":
    from onspike.devices import Nearest, PlusMinusLSB, StochasticRounding

    modes = {
        "plus-minus-lsb": PlusMinusLSB,
        "stochastic": StochasticRounding,
        "nearest": Nearest,
    }
    return modes[name]()


DEVICES: dict[str, Row] = {
    "ideal": Row(_ideal, "floating-point weights that take any change", "-"),
    "fixed8": Row(
        _fixed,
        "8-bit weights, stochastic +-1 LSB writes, no shadow copy",
        "Frenkel & Indiveri 2022, arXiv 2208.09759",
    ),
    "fixed4": Row(
        _fixed,
        "4-bit weights, stochastic rounding, no shadow copy",
        "-",
        defaults={"bits": 4, "write": "stochastic"},
    ),
    "bistable": Row(
        _bistable,
        "binary weights; a hidden state drifts to the nearer of two",
        "Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881",
    ),
    "dynapse": Row(
        _parallel,
        "parallel connections with a budget of 64 per neuron, mismatch 0.2, "
        "host in the loop",
        "Moradi et al. 2018, doi:10.1109/TBCAS.2017.2759700; mismatch: Zendrikov et "
        "al. 2022, doi:10.1101/2022.10.26.513846",
        defaults={"write": "nearest", "shadow": True, "mismatch": 0.2},
    ),
    "reckon": Row(
        _fixed,
        "the chip ReckOn: 8-bit weights, stochastic +-1 LSB writes",
        "Frenkel & Indiveri 2022, arXiv 2208.09759",
        defaults={"bits": 8, "write": "plus-minus-lsb"},
    ),
    "odin": Row(
        _fixed,
        "the chip ODIN: 3-bit weights, whose sign is the presynaptic neuron's, "
        "+-1 LSB writes",
        "Frenkel et al. 2019, arXiv 1804.07858",
        defaults={"bits": 4, "write": "plus-minus-lsb", "dale": 0.5},
    ),
    "loihi": Row(
        _fixed,
        "the chip Loihi: 8-bit weights, stochastic rounding of any change",
        "Davies et al. 2018, doi:10.1109/MM.2018.112130359",
        defaults={"bits": 8, "write": "stochastic"},
    ),
    # The preset ReRamSB of aihwkit, number for number.
    "reram": Row(
        _pulsed,
        "resistive memory: many small pulses, soft bounds, noisy steps and writes",
        "Gong et al. 2018, doi:10.1038/s41467-018-04485-1, as fitted by aihwkit",
        defaults={
            "dw_min": 0.002,
            "dw_min_dtod": 0.3,
            "dw_min_std": 3.75,
            "up_down_dtod": 0.01,
            "w_max": 1.25,
            "w_max_dtod": 0.24,
            "w_min": -0.75,
            "w_min_dtod": 0.4,
            "write_noise_std": 56.0,
            "mult_noise": False,
        },
    ),
    # Soft bounds that half the range is passed in 13 pulses, and noise at that point,
    # as aihwkit's preset of a PCM device has them; its spreads; a drift of our own.
    "pcm": Row(
        _pulsed,
        "phase-change memory: few large pulses, soft bounds, noisy steps, retention",
        "Nandakumar et al. 2020, doi:10.3389/fnins.2020.00406, as fitted by aihwkit",
        defaults={
            "dw_min": 0.05,
            "dw_min_dtod": 0.2,
            "dw_min_std": 1.1,
            "up_down_dtod": 0.05,
            "w_max_dtod": 0.1,
            "w_min_dtod": 0.1,
            "lifetime": 1e6,
            "mult_noise": False,
        },
    ),
}
