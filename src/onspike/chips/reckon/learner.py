"""The twin as a learner: the same chip, asked to learn any task of spikes."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int32

from onspike import checks
from onspike.chips.reckon.calibrate import PROJECTIONS, UNIT, Segments, calibrate
from onspike.chips.reckon.cost import bits, cycles
from onspike.chips.reckon.registers import Registers
from onspike.chips.reckon.sample import Result, Sample, observe, run
from onspike.chips.reckon.state import Chip, State, start
from onspike.devices import AbstractDevice, Fixed, PlusMinusLSB
from onspike.engine import Record, Recording
from onspike.learner import PLAIN, AbstractLearner
from onspike.network import Network
from onspike.rules.parts.schedules import AbstractSchedule, Constant
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Params, Scalar

OWN = Fixed(bits=8, write_mode=PlusMinusLSB())


class Learnt(NamedTuple):
    """What changes in the course of a run."""

    chip: State
    samples: Int32[Array, ""]  # seen so far


class ReckOn(AbstractLearner):
    r"""ReckOn's twin: decoupled e-prop in integers, $\Delta w_{ij} \in \{-1, 0, 1\}$.

    A batch is a number of samples one after the other: there is one chip. An input
    is 0 or 1, an event; targets are valid where the task's are. Each run draws
    its weights and the seeds of the shift registers.

    Args:
        network: What the chip is to be: LIF neurons and leaky integrators.
        rate: Learning rate of input and recurrent weights; a power of two.
        rate_out: And of output weights.
        span: Largest weight, a power of two, in threshold units.
        slope: The pseudo-derivative; by default a step, as shipped.
        registers: Others, by the names of `Registers`.
        device: Its own memory, as the network of floats would have it; no other.
        transform: None: there is no optimiser on the chip.
        schedule: None: rates do not change.
        weight_decay: None.

    Raises:
        ValueError: If the chip cannot be that network, or is asked for what it lacks.

    Locality: a synapse sees its two neurons; the output weights carry the error back.
    Memory: three traces per neuron (12, 12 and 10 bits), none per synapse.
    Cost: no event, no work: a row of weights per spike or event; with a target valid, a
        product, a random word and perhaps a step of 1 for every synapse.
    Exact: integer for integer what the hardware description does.
    Source: Frenkel & Indiveri 2022, doi:10.1109/ISSCC42614.2022.9731734.
    """

    network: Network
    chip: Chip
    lsb: tuple[tuple[str, float], ...] = eqx.field(static=True)  # by projection
    notes: tuple[str, ...] = eqx.field(static=True)
    device: AbstractDevice = OWN
    transform: optax.GradientTransformation = eqx.field(static=True, default=PLAIN)
    schedule: AbstractSchedule = Constant()
    weight_decay: Scalar = 0.0

    def __init__(
        self,
        network: Network,
        rate: float = 2.0**-17,
        rate_out: float = 2.0**-9,
        span: float = 1.0,
        slope: Segments | None = None,
        registers: Any = (),
        device: AbstractDevice | None = None,
        transform: optax.GradientTransformation = PLAIN,
        schedule: AbstractSchedule | None = None,
        weight_decay: Scalar = 0.0,
    ) -> None:
        found = calibrate(network, rate, rate_out, span, slope, dict(registers))
        self.network, self.chip = network, found.chip
        self.lsb, self.notes = tuple(found.lsb.items()), found.notes
        self.device = OWN if device is None else device
        self.transform, self.weight_decay = transform, weight_decay
        self.schedule = Constant() if schedule is None else schedule
        fixed = self.device if isinstance(self.device, Fixed) else None
        own = fixed and fixed.bits == 8 and isinstance(fixed.write_mode, PlusMinusLSB)
        if not own:
            raise ValueError(
                "ReckOn.device must be the chip's own, 'reckon': 8 bits, written in "
                "steps of one, without faults"
            )
        if transform is not PLAIN or not isinstance(self.schedule, Constant):
            raise ValueError(
                "ReckOn has no optimiser and no schedule of rates: set "
                "train.optimiser=sgd and train.decay=none"
            )
        checks.non_negative("ReckOn", "1 per rate", weight_decay=weight_decay)
        if not isinstance(weight_decay, float | int) or weight_decay:
            raise ValueError(f"ReckOn has no weight decay; got {weight_decay}")

    def init(self, key, batch=1):
        del batch
        for_weights, for_seeds = jax.random.split(key)
        params = self.network.init_params(for_weights)
        seeds = jax.random.bits(for_seeds, (13,), jnp.uint32)
        state = self._programmed(self.chip, params.weights)
        return Learnt(state._replace(lfsr=_seeded(state.lfsr, seeds)), jnp.int32(0))

    def _programmed(self, chip: Chip, weights: dict[str, Array]) -> State:
        """The chip with these weights, of floats."""
        found = {}
        for name, lsb in self.lsb:
            steps = jnp.clip(jnp.round(weights[name].T / lsb), -128, 127)
            found[name] = steps.astype(jnp.int32)
        return start(chip, found["in"], found["rec"], found["out"])

    def learn(self, task, state, episodes):
        infer = jnp.asarray(task.mask())

        def one(state: State, episode: Episode) -> tuple[State, tuple[Result, Array]]:
            sample = sample_of(self.chip.registers, task, episode, infer, infer)
            state, result = run(self.chip, state, sample)
            return state, (result, sample.events)

        chip, (results, events) = jax.lax.scan(one, state.chip, episodes)
        record = self._record(task, episodes, results, events)
        seen = state.samples + jnp.int32(len(episodes.label))
        return Learnt(chip, seen), record

    def _record(
        self, task: AbstractTask, episodes: Episode, results: Result, events: Array
    ) -> Record:
        (name,) = self.network.wiring.hidden
        spikes = results.spikes[:, : self.chip.registers.n_rec]
        return Record(
            answer=results.label,
            label=episodes.label,
            group=episodes.group,
            arrived=events[..., : task.n_in].sum((0, 1)).astype(float),
            spikes={name: spikes.sum(0).astype(float)},
            written=jnp.sum(results.written, dtype=jnp.int32),
        )

    @property
    def subject(self):
        return self

    def infer(self, task, params, episodes):
        chip, state = self._asked(params)
        infer = jnp.asarray(task.mask())

        def one(episode: Episode) -> tuple[Result, Array]:
            r = chip.registers
            sample = sample_of(r, task, episode, jnp.zeros_like(infer), infer)
            return run(chip, state, sample)[1], sample.events

        return self._record(task, episodes, *jax.vmap(one)(episodes))

    def record(self, task, params, episode, most=5000):
        chip, state = self._asked(params)
        infer = jnp.asarray(task.mask())
        sample = sample_of(chip.registers, task, episode, jnp.zeros_like(infer), infer)
        _, seen, _ = observe(chip, state, sample)
        (name,), n = self.network.wiring.hidden, chip.registers.n_rec

        def last(a: Array) -> Array:
            return a[-min(most, task.ticks) :].astype(float)

        return Recording(
            x=last(sample.events[:, : task.n_in]),
            y=last(seen.stepped_o) / UNIT,
            z={name: last(seen.z[:, :n])},
            v={name: last(seen.stepped.u[:, :n]) / UNIT},
        )

    def _asked(self, params: Params) -> tuple[Chip, State]:
        """The chip with these weights and learning off, its generators as shipped."""
        values = self.chip.registers
        off = eqx.tree_at(lambda r: r.do_eprop, values, jnp.int32(0))
        chip = eqx.tree_at(lambda chip: chip.registers, self.chip, off)
        return chip, self._programmed(chip, params.weights)

    def params(self, state):
        r = self.chip.registers
        rows = {"winp": r.n_inp, "wrec": r.n_rec, "wout": r.n_rec}
        columns = {"winp": r.n_rec, "wrec": r.n_rec, "wout": r.n_out}
        weights = {}
        for name, lsb in self.lsb:
            memory = PROJECTIONS[name]
            w = getattr(state.chip.weights, memory)[: rows[memory], : columns[memory]]
            weights[name] = w.T.astype(float) * lsb
        neurons = {name: p.neuron for name, p in self.network.populations.items()}
        return Params(weights=weights, neurons=neurons)

    def rates(self):
        each: dict[str, Scalar] = dict.fromkeys(PROJECTIONS, 1.0)
        return each

    def memory(self, task):
        del task
        found = bits(self.chip.registers)
        return {"traces": found.traces, "shift registers": found.generators}

    def neuron_bits(self):
        return bits(self.chip.registers).neurons

    def lost(self):
        return self.notes

    def check(self, task, state, key):
        del state
        if not np.any(task.mask()[1:-1]):
            raise ValueError(
                "ReckOn learns between the first and the last tick of a sample, and "
                "this task has no valid target there"
            )
        episode = task.sample("train", jnp.int32(0), key)
        x = np.asarray(task.block(episode, jnp.int32(0), task.ticks))
        if np.any(strange := x[(x != 0) & (x != 1)]):
            raise ValueError(
                f"ReckOn takes events, input of 0 or 1; this task sends "
                f"{strange.flat[0]:g}: choose a code of spikes (some tasks have "
                "task.code or task.amplitude)"
            )

    def clock_cycles(self, task, spikes, events):
        each = cycles(self.chip.registers)
        inference = (task.ticks - 1) * each.step + (spikes + events) * each.served
        learning = int(task.mask()[1:-1].sum()) * each.learning
        return {"inference": float(inference), "learning": float(learning)}


def sample_of(
    registers: Registers, task: AbstractTask, episode: Episode, valid: Any, infer: Any
) -> Sample:
    """An episode of a task as the pins of the chip see it."""
    x = task.block(episode, jnp.int32(0), task.ticks)
    room = ((0, 0), (0, registers.n_pre - task.n_in))
    return Sample(
        events=jnp.pad(x.astype(bool).astype(jnp.uint8), room),
        valid=valid.astype(jnp.uint8),
        infer=infer.astype(jnp.uint8),
        label=episode.label.astype(jnp.int32),
        target=jnp.zeros((task.ticks, registers.n_out), jnp.int32),
    )


def _seeded(lfsrs: Any, seeds: Array) -> Any:
    """States of the generators from random bits; none is 0, where they would stay."""
    lengths = (15, 15, 15, 15, 15, 17, 25, 25, 22)
    drawn, at = [], 0
    for state, length in zip(lfsrs, lengths, strict=True):
        some = seeds[at : at + state.size].reshape(state.shape)
        drawn.append((some % ((1 << length) - 1) + 1).astype(jnp.int32))
        at += state.size
    return type(lfsrs)(*drawn)
