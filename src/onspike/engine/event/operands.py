"""What native code is handed: the arrays of a call, and what they make together.

A compiled program hands over what `Given` and `Carried` hold, leaf by leaf and in that
order, and for full traces what `Planned` and `Kept` hold; results are what is carried,
scratch, what is kept, and more scratch.
"""

from typing import Any, NamedTuple, no_type_check

from onspike.engine.event.bridge import native
from onspike.engine.event.forms import Net
from onspike.engine.event.kernels import Cells, State


class Given(NamedTuple):
    """What a call reads."""

    spikes: Any  # (batch, K, n_in), of bytes, or (batch, K, 0) where input is graded
    graded: Any  # of real numbers, or likewise
    mask: Any  # (K,) bool
    target: Any  # (batch, n_out)
    threshold: Any  # (n,)
    bias: Any  # (n,)
    period: Any  # (n,) int32
    bias_out: Any  # (n_out,)
    numbers: Any  # of `Numbers`
    choices: Any  # of `Choices`, int32
    rates: Any  # (K, RATES)
    synapses: Any  # (N, n) or (1, 1)
    lsb: Any  # (3,)
    keys: Any  # (K, 3, 2) uint32


class Numbers(NamedTuple):
    """Real numbers, in the order in which they are handed over."""

    alpha: Any
    gain: Any
    slope: Any
    other: Any
    kappa: Any
    gain_out: Any
    strength: Any
    bound: Any
    transport: Any
    zero: Any
    one: Any


class Choices(NamedTuple):
    """Whole numbers, likewise."""

    reset: Any
    surrogate: Any
    refractory: Any
    clamp: Any
    loss: Any
    recurrent: Any
    hears: Any
    calms: Any
    masked: Any
    threads: Any
    few: Any
    mode: Any
    top: Any


class Carried(NamedTuple):
    """What a call changes."""

    w: Any  # (N, n)
    w_out: Any  # (n, n_out)
    back: Any  # (n_out, n)
    state: State  # of all samples
    votes: Any  # (batch, n_out)
    arrived: Any  # (shares, n_in)
    spikes: Any  # (shares, n)
    gradient: Any  # (shares, N, n)
    gradient_out: Any  # (shares, n, n_out)
    written: Any  # (1,) int32


class Planned(NamedTuple):
    """What a call with full traces reads beside that."""

    beta: Any  # (n,)
    rho: Any  # (n,)
    numbers: Any  # decay and jump of the regulariser's trace
    choices: Any  # calm, window, adapts, follows, filters of `Plan`, int32


FIRST = len(Given._fields)  # argument that is carried
CARRIED = 16  # arrays
PLANNED = FIRST + CARRIED  # the first argument of `Planned`
KEPT = PLANNED + len(Planned._fields)  # and of `Kept`
SCRATCH = 5  # results, between what is carried and what is kept
NUMBER = Numbers(*range(len(Numbers._fields)))  # positions
CHOICE = Choices(*range(len(Choices._fields)))


@native
@no_type_check
def cells_of(n, threshold, bias, period, number, choice):
    """The hidden neurons, of arrays, `Numbers` and `Choices`."""
    return Cells(
        n,
        threshold,
        bias,
        period,
        number[NUMBER.alpha],
        number[NUMBER.gain],
        number[NUMBER.slope],
        number[NUMBER.other],
        choice[CHOICE.reset],
        choice[CHOICE.surrogate],
        choice[CHOICE.refractory] != 0,
        choice[CHOICE.clamp] != 0,
        number[NUMBER.zero],
        number[NUMBER.one],
    )


@native
@no_type_check
def net_of(sizes, arrays, powers, spikes, number, choice):
    """What all samples have in common.

    Args:
        sizes: Inputs, outputs, rows and ticks.
        arrays: The weights, the readout's, what the error comes back through, and the
            readout's bias.
        powers: Of the decays of both traces.
        spikes: Whether the input is spikes.
        number: Of `Numbers`.
        choice: Of `Choices`.
    """
    n_in, n_out, rows, ticks = sizes
    w, w_out, back, bias_out = arrays
    return Net(
        n_in,
        n_out,
        rows,
        ticks,
        w,
        w_out,
        back,
        bias_out,
        number[NUMBER.alpha],
        number[NUMBER.kappa],
        powers[0],
        powers[1],
        number[NUMBER.gain_out],
        number[NUMBER.strength],
        number[NUMBER.bound],
        number[NUMBER.transport],
        choice[CHOICE.loss],
        choice[CHOICE.recurrent] != 0,
        spikes,
        choice[CHOICE.hears] != 0,
        choice[CHOICE.calms] != 0,
    )
