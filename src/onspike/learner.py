"""The learner: the lines that join network, rule, device and task in one tick."""

from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from onspike import checks
from onspike.devices import AbstractDevice, Ideal
from onspike.engine import (
    AbstractEngine,
    Record,
    Recording,
    Scan,
    Stream,
    infer,
    record,
    repeat,
)
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.network import Network, NetworkState
from onspike.rules.base import AbstractRule, rates_of
from onspike.rules.parts.schedules import AbstractSchedule, Constant
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import (
    Change,
    Key,
    Local,
    Params,
    Sample,
    Scalar,
    Teaching,
    Tree,
    Update,
    contract,
)

PLAIN = optax.identity()
_AGEING = 2**16  # time's chance is not that of writes
_SHARED: Any = None  # the axis of what all samples of a batch have in common
_EACH: Any = 0
_AXES = Sample(
    x=_EACH,
    target=_EACH,
    mask=_SHARED,
    reward=_EACH,
    first=_SHARED,
    last=_SHARED,
    key=_EACH,
)


class Store(NamedTuple):
    """What holds the weights in the course of a run."""

    die: Tree  # the device's
    optimiser: Tree  # optax's
    writes: Int[Array, ""]  # how often something was written
    key: Key  # of the run: the source of the randomness of writes


class AbstractLearner(eqx.Module):
    """Anything that learns from batches of samples: what an experiment sees."""

    network: eqx.AbstractVar[Network]
    device: eqx.AbstractVar[AbstractDevice]
    transform: eqx.AbstractVar[optax.GradientTransformation]
    schedule: eqx.AbstractVar[AbstractSchedule]
    weight_decay: eqx.AbstractVar[Scalar]

    @abstractmethod
    def init(self, key: Key, batch: int = 1) -> Tree:
        """The state before the first sample."""

    @abstractmethod
    def learn(
        self, task: AbstractTask, state: Tree, episodes: Episode
    ) -> tuple[Tree, Record]:
        """Learns from one batch of samples."""

    @abstractmethod
    def params(self, state: Tree) -> Params:
        """What inference needs."""

    @abstractmethod
    def memory(self, task: AbstractTask) -> dict[str, int]:
        """Bits that learning needs on top of inference, by part, for one stream."""

    @abstractmethod
    def rates(self) -> dict[str, Scalar]:
        """The rate of each plastic projection, and of each learnt constant."""

    @property
    def subject(self) -> "Network | AbstractLearner":
        """What answers when accuracy is measured: the network, or a chip itself."""
        return self.network

    def infer(self, task: AbstractTask, params: Params, episodes: Episode) -> Record:
        """Answers a batch of samples, with learning and feedback off."""
        return infer(self.network, task, params, episodes)

    def record(
        self, task: AbstractTask, params: Params, episode: Episode, most: int = 5000
    ) -> Recording:
        """Answers one sample, and keeps everything of its last `most` ticks."""
        return record(self.network, task, params, episode, most)

    def neuron_bits(self) -> int:
        """Bits of the neurons' state that inference needs."""
        return bits(jax.eval_shape(self.network.bare().init))

    def clock_cycles(
        self, task: AbstractTask, spikes: float, events: float
    ) -> dict[str, float]:
        """Estimated cycles of a sample of so many spikes and input events.

        Of a chip's twin: others have no clock.
        """
        del task, spikes, events
        return {}

    def lost(self) -> tuple[str, ...]:
        """What was asked for and could not be kept, a sentence each."""
        return ()

    def check(self, task: AbstractTask, state: Tree, key: Key) -> None:
        """Raises ValueError if learning cannot work from this first state.

        `key` stands for the run's data seed. Most learners have nothing to check.
        """
        del task, state, key

    def check_rates(self) -> None:
        """Raises ValueError unless rates and weight decay fit the network."""
        owner = type(self).__name__
        checks.non_negative(owner, "1 per rate", weight_decay=self.weight_decay)
        self.rates()

    def plastic(self, store: Store) -> dict[str, Array]:
        """The weights that may change."""
        weights = self.device.read(store.die).weights
        return {name: weights[name] for name in self.rates()}

    def fabricate(self, for_weights: Key, for_die: Key, for_writes: Key) -> Store:
        """Draws weights and programs a die with them."""
        params = self.network.init_params(for_weights)
        die = self.device.fabricate(params, self.network.wiring, for_die)
        store = Store(die, (), jnp.zeros((), jnp.int32), for_writes)
        return store._replace(optimiser=self.transform.init(self.plastic(store)))

    def write(
        self, store: Store, gradient: dict[str, Array], tick: Int[Array, ""]
    ) -> tuple[Store, dict[str, Change], Int[Array, ""]]:
        """Asks the device for a step against a gradient, and for the weights' decay.

        The decay is decoupled: it follows rate and schedule and does not pass through
        the transform (Loshchilov & Hutter 2019, arXiv 1711.05101).

        Args:
            store: What holds the weights.
            gradient: By plastic projection.
            tick: Of the run; with the run's key it determines all random bits, so that
                no draw depends on the batch.

        Returns:
            The store after it, the change asked for, and how many stored numbers
            changed.
        """
        gradient = {n: self.network.masked(n, g) for n, g in gradient.items()}
        step: Any  # optax leaves the type of a tree open
        key = jax.random.fold_in(store.key, tick)
        aged = self.device.aged(
            store.die, tick, self.network.dt, jax.random.fold_in(key, _AGEING)
        )
        store = store._replace(die=aged)
        held = self.device.held(store.die).weights  # a host decays its own copy
        weights = {name: held[name] for name in self.rates()}
        scale = self.schedule(store.writes)
        step, optimiser = self.transform.update(gradient, store.optimiser, weights)
        change = {
            n: Change(
                step=-scale * rate * step[n], decay=scale * rate * self.weight_decay
            )
            for n, rate in self.rates().items()
        }
        asked = {n: c.of(weights[n]) for n, c in change.items()}
        die = self.device.write(store.die, asked, key)
        return (
            Store(die, optimiser, store.writes + 1, store.key),
            change,
            self.device.written(store.die, die, asked),
        )


class Shared(NamedTuple):
    """What all samples of a batch have in common."""

    store: Store  # the weights
    rule: Tree  # feedback weights
    pending: dict[str, Array]  # gathered since the last write, by projection
    tick: Int[Array, ""]  # ticks since the start


class Own(NamedTuple):
    """What each sample has for itself."""

    network: Tree
    rule: Tree


class State(NamedTuple):
    """Everything that a tick changes."""

    shared: Shared
    own: Own  # batch first


class Tick(NamedTuple):
    """What can be seen of one tick from outside."""

    y: Float[Array, " n_out"]
    z: dict[str, Float[Array, " n"]]  # by population
    written: Int[Array, ""]  # stored weights that changed


class Learner(AbstractLearner):
    """Online learning: forward in time, a write whenever the gate opens.

    Args:
        network: What computes.
        rule: What asks for change.
        device: What holds the weights.
        transform: An optax transform of the gradient estimate, between gate and device;
            its state counts as learning state. Rates apply after it, so a rate per
            projection means the same under Adam as under SGD.
        schedule: A factor on all rates, by the number of writes.
        weight_decay: Share of every plastic weight that a write at rate 1 takes away.
        engine: What runs many ticks.

    Raises:
        ValueError: If the rule names what the network lacks, or cannot learn it, or
            `weight_decay` is negative.
    """

    network: Network
    rule: AbstractRule
    device: AbstractDevice = Ideal()
    transform: optax.GradientTransformation = eqx.field(static=True, default=PLAIN)
    schedule: AbstractSchedule = Constant()
    weight_decay: Scalar = 0.0
    engine: AbstractEngine = Scan()

    def __check_init__(self) -> None:
        self.check_rates()
        self.rule.check(self.network.wiring)

    def init(self, key, batch=1):
        *for_store, for_rule = jax.random.split(key, 4)
        store = self.fabricate(*for_store)
        rule = self.rule.init(self.network.wiring, for_rule)
        gathers = self.rule.gate.accumulates
        shared = Shared(
            store=store,
            rule=rule.shared,
            pending=zeros_like(self.plastic(store)) if gathers else {},
            tick=jnp.zeros((), jnp.int32),
        )
        noise = self.device.read(store.die).noise
        own = Own(network=self.network.init(noise), rule=rule.own)
        return State(shared=shared, own=repeat(own, batch))

    def tick(
        self, task: AbstractTask, state: State, sample: Sample
    ) -> tuple[State, Tick]:
        """One tick of a batch: all of online learning.

        `x`, `target` and `reward` of the sample have a leading batch axis; `mask`,
        `first` and `last` are shared.
        """
        if self.rule.writes_before_step:
            return self._early_tick(state, sample)
        sense = jax.vmap(self.sense, in_axes=(None, None, 0, _AXES))
        own, update, y, z = sense(task, state.shared, state.own, sample)
        shared, written = self.commit(state.shared, update, sample)
        return State(shared, own), Tick(y, z, written)

    def _early_tick(self, state: State, sample: Sample) -> tuple[State, Tick]:
        """The same for a rule that writes before the neurons integrate."""
        foresee = jax.vmap(self.foresee, in_axes=(None, 0, _AXES))
        own, update = foresee(state.shared, state.own, sample)
        shared, written = self.commit(state.shared, update, sample)
        act = jax.vmap(self.act, in_axes=(None, 0, _AXES, None))
        own, _, y = act(shared, own, sample, state.shared.tick)
        return State(shared, own), Tick(y, spikes(own.network), written)

    def sense(
        self, task: AbstractTask, shared: Shared, own: Own, sample: Sample
    ) -> tuple[Own, Update, Array, dict[str, Array]]:
        """What one sample does in one tick, and the update that it asks for."""
        own = self.begun(own, sample)
        own, local, y = self.act(shared, own, sample, shared.tick)
        params, wiring = self.device.read(shared.store.die), self.network.wiring
        memory, update = self.rule.step(
            shared.rule, own.rule, params, local, task.teach(y, sample), wiring
        )
        return own._replace(rule=memory), update, y, spikes(own.network)

    def act(
        self, shared: Shared, own: Own, sample: Sample, tick: Int[Array, ""]
    ) -> tuple[Own, dict[str, Local], Array]:
        """Feedback and the network's step: nothing is learnt here."""
        params, wiring = self.device.read(shared.store.die), self.network.wiring
        sent = own.network.sent
        neurons = {
            name: state._replace(z=sent[name]) if sent else state
            for name, state in own.network.neurons.items()
        }
        memory, currents = self.rule.feedback(
            shared.rule, own.rule, sample, neurons, wiring, self.network.dt
        )
        network, local, y = self.network.step(
            params, own.network, sample.x, currents, tick, sample.key
        )
        return Own(network, memory), local, y

    def foresee(self, shared: Shared, own: Own, sample: Sample) -> tuple[Own, Update]:
        """What one sample asks for before its tick: no spike yet, and no error."""
        own = self.begun(own, sample)
        params, wiring = self.device.read(shared.store.die), self.network.wiring
        plastic = tuple(self.rates())
        local = self.network.foresee(
            own.network, sample.x, shared.tick, plastic, params.noise, sample.key
        )
        silence = jnp.zeros_like(sample.target)
        teaching = Teaching(sample.target, silence, sample.mask, sample.reward)
        memory, update = self.rule.step(
            shared.rule, own.rule, params, local, teaching, wiring
        )
        return own._replace(rule=memory), update

    def commit(
        self, shared: Shared, update: Update, sample: Sample
    ) -> tuple[Shared, Int[Array, ""]]:
        """Sums a batch's updates and writes them, if the gate says so."""
        when = self.rule.gate.when(sample)
        gathers = self.rule.gate.accumulates
        if gathers:
            gathered = _cond(
                when.gather,
                lambda: jax.tree.map(jnp.add, shared.pending, contract(update)),
                lambda: shared.pending,
            )
            shared = shared._replace(pending=gathered)

        def write() -> tuple[Shared, Int[Array, ""]]:
            gradient = shared.pending if gathers else contract(update)
            store, change, written = self.write(shared.store, gradient, shared.tick)
            rule = self.rule.adapt(shared.rule, change)
            pending = zeros_like(shared.pending)
            return Shared(store, rule, pending, shared.tick), written

        def skip() -> tuple[Shared, Int[Array, ""]]:
            return shared, jnp.zeros((), jnp.int32)

        shared, written = _cond(when.write, write, skip)
        return shared._replace(tick=shared.tick + 1), written

    def learn(self, task, state, episodes):
        return self.engine.unroll(self, task, state, episodes)

    def stream(self, state: State, loss: AbstractLoss = CrossEntropy()) -> Stream:
        """Learns in real time: one tick per call from Python, in microseconds.

        Args:
            state: Of one sample: `init(key)`, or what learning has left.
            loss: What a target means.

        Raises:
            ValueError: If the learner has no such form; the reason is named.
        """
        return Stream(self, state, loss)

    def params(self, state):
        return self.device.read(state.shared.store.die)

    @property
    def plain(self) -> bool:
        """Whether nothing transforms the gradient estimate."""
        return self.transform is PLAIN

    def rates(self):
        return rates_of(self.rule.rate, self.network.wiring)

    def memory(self, task):
        del task
        shared, own = jax.eval_shape(self.init, jax.random.key(0))
        return {
            "traces": bits(own.rule),
            "feedback weights": bits(shared.rule),
            "optimiser": bits(shared.store.optimiser),
            "gathered updates": bits(shared.pending),
        }

    def begun(self, own: Own, sample: Sample) -> Own:
        """One sample's share before a tick: at rest, if the tick is its first."""
        return _where(sample.first, self.rest(own), own)

    def rest(self, own: Own) -> Own:
        """One sample's share at the start of a sample: fast state cleared."""
        network = self.network.init()
        network = network._replace(
            noise=zeros_like(own.network.noise),
            sent={name: network.neurons[name].z for name in own.network.sent},
        )
        return Own(network=network, rule=self.rule.rest(own.rule))


def spikes(network: NetworkState) -> dict[str, Array]:
    """What each population sends."""
    return {name: neurons.z for name, neurons in network.neurons.items()}


def bits(tree: Tree) -> int:
    """The size of a state, in bits as it is stored."""
    return sum(8 * a.dtype.itemsize * a.size for a in jax.tree.leaves(tree))


def zeros_like(tree: Tree) -> Tree:
    """A tree of zeros."""
    return jax.tree.map(jnp.zeros_like, tree)


def _where(test: Bool[Array, ""], yes: Tree, no: Tree) -> Tree:
    return jax.tree.map(lambda a, b: jnp.where(test, a, b), yes, no)


def _cond(test, yes, no):
    # A gate that is always open costs no branch.
    return yes() if test is True else jax.lax.cond(test, yes, no)
