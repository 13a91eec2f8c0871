"""Learning in real time: a tick per call from Python."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from onspike.devices import Ideal
from onspike.engine.event.engine import by_projection, finish, graph_of_learner, prepare
from onspike.engine.event.limits import refusal
from onspike.losses import AbstractLoss
from onspike.rules.parts.gates import EndOfSample, EveryTick
from onspike.rules.parts.schedules import Constant
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Scalar, Tree

_AHEAD = 4096  # factors of a schedule that are found together
_WORD = np.dtype(np.int64)


class Seen(NamedTuple):
    """What a tick brings out."""

    spikes: np.ndarray  # which hidden neurons fired, in rising order
    y: np.ndarray  # (n_out,) the readout


class Live(AbstractTask):
    """The task of a stream: a tick at a time, and nobody knows what comes."""

    sizes: tuple[int, int] = eqx.field(static=True)
    loss: AbstractLoss
    dt: Scalar = 1e-3
    ticks: int = eqx.field(static=True, default=1)

    @property
    def n_in(self):
        return self.sizes[0]

    @property
    def n_out(self):
        return self.sizes[1]

    def size(self, split):
        return 0

    def episode(self, split, index, key):
        raise ValueError("what a stream brings is not known beforehand")

    def block(self, episode, start, length):
        raise ValueError("what a stream brings is not known beforehand")

    def mask(self):
        return jnp.ones(1, bool)


class Stream:
    """A learner in real time: events in, spikes and readout out, one tick per call.

    A tick is `learner.tick`, in native code: it touches the weights of inputs that
    spike, and takes microseconds. With a target it learns, where the learner's gate is
    open; without, it only computes. Weights change in place, in the stream's own copy:
    `state` gives them back.

    Made by `Learner.stream`.

    Args:
        learner: One that the event-driven engine can write at every tick, on an ideal
            device and without weight decay.
        state: Of one sample; the stream goes on from there.
        loss: What a target means.

    Raises:
        ValueError: If the learner has no such form, or the state is of a batch.
    """

    def __init__(self, learner: Any, state: Tree, loss: AbstractLoss) -> None:
        network = learner.network
        task = Live(sizes=(network.n_in, network.n_out), loss=loss, dt=network.dt)
        reason = refusal(learner, task) or _refused(learner)
        if reason is not None:
            raise ValueError(f"Learner.stream cannot run this learner: {reason}")
        batch = len(jax.tree.leaves(state.own.network)[0])
        if batch != 1:
            raise ValueError(
                f"Learner.stream takes the state of one sample; got a batch of {batch}"
            )
        self._learner, self._task, self._state = learner, task, state
        self._n_in, self._n_out = network.n_in, network.n_out
        none = jnp.zeros(1, jnp.int32)
        self._episodes = Episode(label=none, group=none, content=())
        self._carried, self._arrays = self._lay_out()
        self._steady = isinstance(learner.schedule, Constant)
        self._desk = self._write_desk()
        self._at = self._desk.ctypes.data
        self._ask(self._live.OPEN)

    def step(self, events: Any, target: Any = None, values: Any = None) -> Seen:
        """One tick.

        Args:
            events: Addresses of the input channels at which an event arrives: whole
                numbers from 0 to n_in - 1; one that stands there twice counts twice.
                Fastest as an array of 64 bits.
            target: What the output should be: a class, or n_out numbers; None where
                nothing is to be learnt.
            values: Of the events, if they are not spikes: as many numbers.

        Returns:
            Who fired, and the readout.

        Raises:
            ValueError: If an address, a value or the target is not possible. The
                tick then has not happened.
        """
        if (
            type(events) is not np.ndarray
            or events.dtype != _WORD
            or events.ndim != 1
            or not events.flags.c_contiguous
            or not events.flags.writeable
        ):
            events = _whole(events)
        label = -1 if target is None else self._label(target)
        try:
            if values is not None or len(events) > self._n_in:
                events, values = self._weighed(events, values)
            number = self._enter(self._at, events, label)
            if number < 0:
                number = self._explain(number, events, label, values)
        finally:  # the desk must not remember where values were
            if values is not None:
                self._desk[self._place.values] = 0
        return Seen(self._sent[:number].copy(), self._y.copy())

    def reset(self) -> None:
        """Begins a sample: membranes, traces and readout are at rest, weights stay."""
        self._ask(self._live.REST)

    def state(self) -> Tree:
        """The learner's state now: to evaluate, to save, or to go on from.

        All that is owed to weights is paid first, which takes as long as some ticks.
        """
        self._ask(self._live.SETTLE)
        learner, shared, carried = self._learner, self._state.shared, self._carried
        graph, arrays = graph_of_learner(learner), self._arrays
        rows, columns = jnp.array(arrays["w"]), jnp.array(arrays["columns"])  # copies
        found = by_projection(graph, rows, columns.T)
        die = shared.store.die
        weights = {name: found[name] for name in learner.rates()}
        writes = int(self._desk[self._place.writes])
        store = shared.store._replace(
            die=die._replace(weights=die.weights | weights),
            writes=_wrapped(writes, shared.store.writes.dtype),
        )
        ticks = int(self._desk[self._place.ticks])
        shared = shared._replace(
            store=store, tick=shared.tick + _wrapped(ticks, shared.tick.dtype)
        )
        fast = type(carried.state)(
            *(jnp.array(arrays[name])[None] for name in carried.state._fields)
        )
        carried = carried._replace(state=fast)
        none = jnp.zeros((), jnp.int32)
        return finish(
            learner,
            self._task,
            self._state,
            shared,
            carried,
            None,
            self._episodes,
            none,
        )[0]

    @property
    def written(self) -> int:
        """Weights that writes were asked to change so far, each as often as it was."""
        return int(self._desk[self._place.written])

    def _lay_out(self) -> tuple[Any, dict[str, np.ndarray]]:
        """What native code reads and changes, as arrays that stay where they are."""
        from onspike.engine.event.forms import space
        from onspike.engine.event.lazy import space_of_debts

        learner, graph = self._learner, graph_of_learner(self._learner)
        given, carried = prepare(learner, self._task, self._state, self._episodes, 1)
        network, rule = self._state.own.network, self._state.own.rule
        cells, out = network.neurons[graph.hidden], learner.network.output
        n = learner.network.populations[graph.hidden].n
        rates, real = learner.rates(), carried.w.dtype
        arrays = {
            **{name: getattr(given, name) for name in _GIVEN},
            "target": given.target[0],
            "w": carried.w,
            "columns": carried.w_out.T,
            "back": carried.back,
            **{name: a[0] for name, a in carried.state._asdict().items()},
            "v": cells.v[0],
            "z": cells.z[0],
            "y": network.neurons[out].v[0],
            "rates": np.asarray(
                [rates.get(str(name), 0.0) for name in graph[1:]], real
            ),
            "sent": np.zeros(n, np.int64),
        }
        arrays = {name: np.array(a, order="C") for name, a in arrays.items()}
        if cells.wait is not None:
            arrays["wait"][:] = cells.wait[0]
        ends = {
            graph.enters: slice(0, self._n_in),
            graph.recurs: slice(self._n_in, None),
        }
        for name, trace in rule.traces.items():
            if name == graph.leaves:
                arrays["trace_out"][:] = trace.pre[0]
            else:
                arrays["trace"][ends[name]] = trace.pre[0]
        for own in rule.activity.values():
            arrays["own"][:] = own[0]
        sizes = self._n_in, n, self._n_out
        room, more = space(1, *sizes), space_of_debts(*sizes)
        arrays["whole"] = np.zeros(room[0] + more[0], np.int32)
        arrays["real"] = np.zeros(room[1] + more[1], real)
        return carried, arrays

    def _write_desk(self) -> np.ndarray:
        from onspike.engine.event import live

        arrays, learner = self._arrays, self._learner
        self._live, self._place, self._enter = live, live.AT, live.enter
        self._sent, self._y = arrays["sent"], arrays["y"]
        self._work = live.worker(str(arrays["w"].dtype))
        self._writes = int(self._state.shared.store.writes)
        self._look_ahead(self._writes)
        whole = {
            "work": self._work.address,
            "n_in": self._n_in,
            "n": len(arrays["v"]),
            "n_out": self._n_out,
            "rows": len(arrays["w"]),
            "every": int(isinstance(learner.rule.gate, EveryTick)),
            "scales_end": len(arrays["scales"]),
            "writes": self._writes,
        }
        names = live.Desk._fields
        places = {k: arrays[k].ctypes.data for k in names if k in arrays}
        return np.array([(whole | places).get(name, 0) for name in names], np.int64)

    def _look_ahead(self, writes: int) -> None:
        """Finds the schedule's factors from a write on."""
        some = jnp.arange(1 if self._steady else _AHEAD, dtype=jnp.int32)
        scales = jax.vmap(self._learner.schedule)(_wrapped(writes, np.int32) + some)
        self._arrays["scales"] = np.array(scales, self._arrays["w"].dtype)

    def _ask(self, what: int) -> None:
        self._live.ask(self._at, what)

    def _label(self, target: Any) -> int:
        """A target as native code takes it: a class, or a vector left on the desk."""
        if isinstance(target, int | np.integer) and not isinstance(target, bool):
            if not 0 <= target < self._n_out:
                raise ValueError(
                    f"Stream.step: target must be a class from 0 to {self._n_out - 1}; "
                    f"got {target}"
                )
            return int(target)
        vector = np.asarray(target)
        if vector.ndim == 0 and vector.dtype.kind in "iu":
            return self._label(int(vector))
        if vector.shape != (self._n_out,) or vector.dtype.kind not in "fiu":
            raise ValueError(
                f"Stream.step: target must be a class or {self._n_out} numbers, one "
                f"per output; got {vector.dtype} of shape {vector.shape}"
            )
        self._arrays["target"][:] = vector
        return self._live.GIVEN

    def _weighed(
        self, events: np.ndarray, values: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Events with values: no more than there are channels."""
        real = self._arrays["w"].dtype
        given = np.ones(len(events), real) if values is None else np.asarray(values)
        if given.shape != events.shape or given.dtype.kind not in "fiu":
            raise ValueError(
                f"Stream.step: values must be {len(events)} numbers, one per event; "
                f"got {given.dtype} of shape {given.shape}"
            )
        kept = given = np.ascontiguousarray(given, real)
        if len(events) > self._n_in:
            self._check_addresses(events)
            total = np.bincount(events, given, self._n_in)
            events = np.flatnonzero(total)
            kept = np.ascontiguousarray(total[events], real)
        self._desk[self._place.values] = kept.ctypes.data
        return events, kept

    def _check_addresses(self, events: np.ndarray) -> None:
        bad = events[(events < 0) | (events >= self._n_in)]
        if len(bad):
            raise ValueError(
                f"Stream.step: events must be addresses from 0 to {self._n_in - 1}; "
                f"got {bad[0]}"
            )

    def _explain(
        self, answer: int, events: np.ndarray, label: int, values: np.ndarray | None
    ) -> int:
        """Raises ValueError for what was wrong, or looks ahead and tries again."""
        live, desk, place = self._live, self._desk, self._place
        if answer <= live.NO_SCALE:
            self._look_ahead(int(desk[place.writes]))
            desk[place.scales] = self._arrays["scales"].ctypes.data
            desk[place.place] = 0
            return self._enter(self._at, events, label)
        desk[place.values] = 0
        if answer <= live.BAD_TARGET:
            bad = self._arrays["target"][live.BAD_TARGET - answer]
            raise ValueError(f"Stream.step: target must be finite; got {bad}")
        if answer <= live.BAD_VALUE:
            assert values is not None
            bad = values[live.BAD_VALUE - answer]
            raise ValueError(f"Stream.step: values must be finite; got {bad}")
        self._check_addresses(events)
        raise AssertionError(answer)


_GIVEN = ("threshold", "bias", "period", "bias_out", "numbers", "choices", "synapses")


def _whole(events: Any) -> np.ndarray:
    """Addresses as an array of 64 bits."""
    found = np.asarray(events)
    if found.size == 0:
        found = found.astype(_WORD)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(
            "Stream.step: events must be the addresses of channels that spiked, a list "
            f"of whole numbers; got {found.dtype} of shape {found.shape}"
        )
    return np.array(found, _WORD, order="C")  # a copy: others may be read-only


def _wrapped(count: int, kind: Any) -> Any:
    """A count in fewer bits, in which it begins anew as a sum of ticks does."""
    return jnp.asarray(np.int64(count).astype(kind))


def _refused(learner: Any) -> str | None:
    """Why a learner that the engine takes cannot learn a tick at a time."""
    if isinstance(learner.rule.gate, EndOfSample):
        return "the gate EndOfSample waits for an end that a stream does not know"
    if not isinstance(learner.device, Ideal):
        return f"the device {type(learner.device).__name__} has no form for a stream"
    if learner.weight_decay != 0:
        return "weights that decay are all touched at every tick"
    return None
