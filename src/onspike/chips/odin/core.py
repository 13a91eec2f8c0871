"""ODIN's core: synapses, the queue, and what an event sets off."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt8

from onspike import checks
from onspike.chips.odin.neurons import Cells, Drive, Neurons, constants, integrate
from onspike.chips.odin.words import W_MAX, N, whole

QUEUE = 32  # entries of the queue
_MAPPED = 8  # the bit of a stored synapse that says whether it exists, and learns


class Odin(eqx.Module):
    """A core as it was set up: everything that no event changes.

    Args:
        neurons: Their constants.
        inhibitory: Presynaptic neurons whose synapses are inhibitory, one or 256
            values: the sign belongs to the neuron, not to the synapse.
        open_loop: Whether spikes leave the chip only, and reach none of its synapses.
        update_unmapped: Whether synapses without the mapping bit learn, too.
        propagate_unmapped: Whether they pass on spikes.
        learn_on_stimulation: Whether an event at a single synapse teaches it.

    Raises:
        ValueError: If `inhibitory` is not one value or 256.
    """

    neurons: Neurons
    inhibitory: Bool[Array, " n"]
    open_loop: Bool[Array, ""]
    update_unmapped: Bool[Array, ""]
    propagate_unmapped: Bool[Array, ""]
    learn_on_stimulation: Bool[Array, ""]

    def __init__(
        self,
        neurons: Neurons,
        inhibitory: Any = False,
        open_loop: bool = True,
        update_unmapped: bool = False,
        propagate_unmapped: bool = False,
        learn_on_stimulation: bool = True,
    ) -> None:
        self.neurons = neurons
        self.inhibitory = constants("Odin.inhibitory", inhibitory, 1, jnp.bool_)
        self.open_loop = jnp.asarray(open_loop)
        self.update_unmapped = jnp.asarray(update_unmapped)
        self.propagate_unmapped = jnp.asarray(propagate_unmapped)
        self.learn_on_stimulation = jnp.asarray(learn_on_stimulation)


class State(NamedTuple):
    """Everything that an event changes. The queue is empty between events."""

    cells: Cells
    synapses: UInt8[Array, "pre post"]  # bit 3: mapped; bits 2 to 0: weight


class Emitted(NamedTuple):
    """The spikes that left a core during one event, in order."""

    neuron: Int[Array, " room"]  # the first `n` are valid
    n: Int[Array, ""]


def sdsp(
    synapses: UInt8[Array, "*any"],
    up: Bool[Array, "*any"],
    down: Bool[Array, "*any"],
) -> UInt8[Array, "*any"]:
    """Stored synapses one step up or down, saturating; the mapping bit stays."""
    w = synapses % _MAPPED
    rises = (up & (w < W_MAX)).astype(w.dtype)
    falls = (down & ~up & (w > 0)).astype(w.dtype)
    return synapses + rises - falls


def bistability(synapses: UInt8[Array, "*any"]) -> UInt8[Array, "*any"]:
    """One step towards the nearer of the two weights that last, 0 and 7."""
    strong = synapses % _MAPPED >= 4
    return sdsp(synapses, strong, ~strong)


def start(
    odin: Odin,
    synapses: Any,
    v: Any = 0,
    calcium: Any = 0,
) -> State:
    """A core just programmed.

    The flags are those that writing the neurons' memory leaves behind: what a visit
    without any event would make of it.

    Args:
        odin: As it was set up.
        synapses: Stored synapses, (256, 256), [pre, post]; see `stored`.
        v: Membranes, 0 to 255.
        calcium: 0 to 7.

    Raises:
        ValueError: If a value is out of its range.
    """
    checks.shape("odin.start", (N, N), synapses=synapses)
    for name, value, top in (("synapses", synapses, 15), ("v", v, 255)):
        whole(f"odin.start.{name}", top, value)
    whole("odin.start.calcium", 7, calcium)
    zero, no = jnp.zeros(N, jnp.int32), jnp.zeros(N, bool)
    held = (jnp.broadcast_to(jnp.asarray(a, jnp.int32), (N,)) for a in (v, calcium))
    cells = Cells(*held, waited=zero, up=no, down=no)
    nothing = jnp.full(N, Drive.EXCITE, jnp.int32)
    visited, _ = integrate(odin.neurons, cells, nothing, zero)
    cells = cells._replace(up=visited.up, down=visited.down)
    return State(cells, jnp.asarray(synapses, jnp.uint8))


def stored(w: Any, mapped: Any = True) -> UInt8[Array, "..."]:
    """Weights from 0 to 7 as stored, with the mapping bit where there is a synapse."""
    whole("odin.stored.w", W_MAX, w)
    bit = jnp.where(jnp.asarray(mapped), _MAPPED, 0).astype(jnp.uint8)
    return jnp.asarray(w, jnp.uint8) | bit


class _Run(NamedTuple):
    """A core within an event."""

    state: State
    queue: Int[Array, " queue"]  # virt * 256 + address
    held: Int[Array, ""]  # entries, the one that is served included
    emitted: Emitted


class _Visit(NamedTuple):
    """What an event or an entry of the queue asks for: everything but bistability."""

    touched: Bool[Array, " n"]
    drive: Int[Array, ""]
    row: Int[Array, ""]  # the presynaptic neuron
    learns: Bool[Array, " n"]  # synapses of the row that SDSP may change
    imposed: Bool[Array, ""]  # the weight comes with the event, and not from the row
    w: Int[Array, ""]  # that weight


def apply(
    odin: Odin, state: State, event: Int[Array, ""], room: int = 64
) -> tuple[State, Emitted]:
    """One event, and everything that it sets off.

    Args:
        odin: The core.
        state: Before the event.
        event: The word of 17 bits.
        room: Spikes that can be recorded. When more are sent, `Emitted.n` exceeds
            `room` and the queue is not served to its end: recurrent spikes may go on
            for ever.

    Returns:
        The state once the queue is empty, and the spikes sent.
    """
    event = event.astype(jnp.int32)
    high, low = event >> 8 & 255, event & 255
    single, kind = event >> 16 == 1, low & 127
    timed, binds = ~single & (kind == 127), ~single & (kind == 0)
    queued = ~(single | timed | binds)
    one = low >= 128  # of a time reference or bistability: one neuron, not all

    index = jnp.arange(N, dtype=jnp.int32)
    at_post = single & (index == low)
    at_once = _Visit(
        touched=at_post | timed & (~one | (index == high)),
        drive=jnp.where(timed, Drive.LEAK, _drive_of(odin, high)).astype(jnp.int32),
        row=high,
        learns=at_post & odin.learn_on_stimulation,
        imposed=jnp.zeros((), bool),
        w=jnp.zeros((), jnp.int32),
    )
    empty = Emitted(jnp.zeros(room, jnp.int32), jnp.zeros((), jnp.int32))
    entry = (low >> 3) << 8 | high
    run = _Run(
        state=state,
        queue=jnp.zeros(QUEUE, jnp.int32).at[0].set(entry),
        held=queued.astype(jnp.int32),
        emitted=empty,
    )
    run = _visit(odin, run, at_once)
    run = jax.lax.while_loop(
        lambda run: (run.held > 0) & (run.emitted.n <= room),
        lambda run: _serve(odin, run),
        run,
    )
    synapses = jax.lax.cond(
        binds,
        lambda s: _bind(odin, s, ~one | (index == high)),
        lambda s: s,
        run.state.synapses,
    )
    return run.state._replace(synapses=synapses), run.emitted


def _bind(odin: Odin, synapses: Array, rows: Bool[Array, " n"]) -> Array:
    allowed = rows[:, None] & _learnable(odin, synapses)
    return jnp.where(allowed, bistability(synapses), synapses)


def _learnable(odin: Odin, synapses: Array) -> Array:
    return (synapses >= _MAPPED) | odin.update_unmapped


def _drive_of(odin: Odin, pre: Int[Array, ""]) -> Int[Array, ""]:
    return jnp.where(odin.inhibitory[pre], Drive.INHIBIT, Drive.EXCITE)


def _serve(odin: Odin, run: _Run) -> _Run:
    """Serves the first entry, which holds its place until it is done."""
    virt, address = run.queue[0] >> 8, run.queue[0] & 255
    spikes = virt == 0
    index = jnp.arange(N, dtype=jnp.int32)
    drive = jnp.select(
        [spikes, virt & 1 == 1, virt & 2 == 2],
        [_drive_of(odin, address), jnp.array(Drive.LEAK), jnp.array(Drive.INHIBIT)],
        jnp.array(Drive.EXCITE),
    )
    visit = _Visit(
        touched=spikes | (index == address),
        drive=drive.astype(jnp.int32),
        row=address,
        learns=jnp.broadcast_to(spikes, (N,)),
        imposed=~spikes,
        w=virt >> 2,
    )
    run = _visit(odin, run, visit)
    return run._replace(queue=jnp.roll(run.queue, -1), held=run.held - 1)


def _visit(odin: Odin, run: _Run, visit: _Visit) -> _Run:
    """Reads a row, lets it learn from the flags so far, and then moves the neurons.

    The chip goes through blocks of eight neurons; no neuron is in two, and none hears
    of another within an entry, so all at once is the same.
    """
    cells, synapses = run.state
    row = synapses[visit.row]
    passes = (row >= _MAPPED) | odin.propagate_unmapped
    w = jnp.where(passes, row % _MAPPED, 0).astype(jnp.int32)
    w = jnp.where(visit.imposed, visit.w, w)
    learns = visit.learns & _learnable(odin, row)
    row = jnp.where(learns, sdsp(row, cells.up, cells.down), row)
    drive = jnp.broadcast_to(visit.drive, (N,))
    moved, fires = integrate(odin.neurons, cells, drive, w)
    cells = jax.tree.map(lambda a, b: jnp.where(visit.touched, a, b), moved, cells)
    state = State(cells, synapses.at[visit.row].set(row))
    return _send(odin, run._replace(state=state), fires & visit.touched)


def _send(odin: Odin, run: _Run, fires: Bool[Array, " n"]) -> _Run:
    """Sends spikes out in order of address and, in a closed loop, to the queue."""
    leaves = fires & ~odin.neurons.disabled
    place = jnp.cumsum(leaves, dtype=jnp.int32) - 1
    n = place[-1] + 1
    index = jnp.arange(N, dtype=jnp.int32)
    room = len(run.emitted.neuron)
    at = jnp.where(leaves, run.emitted.n + place, room)
    sent = run.emitted.neuron.at[at].set(index, mode="drop")
    returns = leaves & ~odin.open_loop
    at = jnp.where(returns, run.held + place, QUEUE)  # what finds no place is lost
    queue = run.queue.at[at].set(index, mode="drop")
    held = jnp.where(odin.open_loop, run.held, jnp.minimum(run.held + n, QUEUE))
    return run._replace(
        queue=queue, held=held, emitted=Emitted(sent, run.emitted.n + n)
    )
