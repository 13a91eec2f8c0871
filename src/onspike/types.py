"""The records in which the parts of a tick meet, and the aliases of their fields.

Time is discrete; one tick is `dt` seconds. Inside a tick there is no batch axis
and no time axis: outside, `jax.vmap` and `jax.lax.scan` add them.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num, PRNGKeyArray

Scalar = float | Float[Array, ""]
PerNeuron = float | Float[Array, ""] | Float[Array, " n"]
Key = PRNGKeyArray
Tree = Any  # a pytree whose structure belongs to whoever made it

INPUT = "input"  # the source name of a network's input channels


class Sample(NamedTuple):
    """What arrives from outside in one tick."""

    x: Float[Array, " n_in"]  # input spikes (0/1) or graded input
    target: Float[Array, " n_out"]  # what the output should be, where `mask` holds
    mask: Bool[Array, ""]  # a target is valid; the same for all samples of a batch
    reward: Float[Array, ""]
    first: Bool[Array, ""]  # the tick opens a sample: fast state starts afresh
    last: Bool[Array, ""]  # the tick closes a sample
    key: Key | None = None  # of all chance that this sample meets in this tick


class Teaching(NamedTuple):
    """What the outside says about the output of one tick."""

    target: Float[Array, " n_out"]
    error: Float[Array, " n_out"]  # dE/dy, zero where no target is valid
    mask: Bool[Array, ""]
    reward: Float[Array, ""]


class Jacobian(NamedTuple):
    """A neuron's own derivatives in one tick, over its `d` continuous variables.

    Neurons last: loops over them are long and vectorise, loops over d do not.
    """

    recur: Float[Array, "d d n"]  # [k, l, i] = dh_k(t) / dh_l(t-1)
    drive: Float[Array, "d n"]  # [k, i] = dh_k(t) / dI(t)
    emit: Float[Array, "d n"]  # [k, i] = dz(t) / dh_k(t)
    direct: Float[Array, " n"] | None = None  # dz(t) / dc(t) past h, of a constant c


class Local(NamedTuple):
    """All that the synapses of one projection can see in one tick.

    A learnt constant of neurons sees the same: what arrives is always 1, and the
    Jacobian's `drive` and `gain` are derivatives by the constant's logarithm.

    `decay` and `readout_decay` are design-time constants, taken from the nominal
    neurons and not from a (mismatched) die: what a designer would put into a
    trace circuit.
    """

    spikes: Float[Array, " n_pre"]  # that arrive
    pre: Float[Array, " n_pre"]  # what the weights meet: these, or a synapse's current
    old: Tree  # state of the postsynaptic neurons before the tick
    new: Tree  # and after it
    z: Float[Array, " n_post"]  # their spikes
    psi: Float[Array, " n_post"]  # their pseudo-derivatives dz/dv
    gain: Float[Array, " n_post"]  # dv/dI within the tick
    jacobian: Jacobian
    decay: Float[Array, "*n_post"]  # membrane decay per tick; scalar if they share it
    readout_decay: Float[Array, "*n_out"]  # the same of the output population
    dt: Scalar  # seconds per tick
    key: Key | None = None  # of what chance does to these synapses in this tick


class Params(NamedTuple):
    """Every array that a rule may write or a die may perturb, and what disturbs it."""

    weights: dict[str, Float[Array, "n_post n_pre"]]  # by projection or constant
    neurons: dict[str, Tree]  # by population: the neuron module, with its constants
    alive: dict[str, Float[Array, " n"]] = {}  # by population with dead neurons: 0 or 1
    inlets: dict[str, Float[Array, " n"]] = {}  # gain of injected currents, if not 1
    noise: tuple[Tree, ...] = ()  # what disturbs every tick: `AbstractNoise`
    # How many connections a synapse is, by projection where that is not one for each
    # synapse of the design: nothing computes with it, but an event costs as much.
    connections: dict[str, Num[Array, "n_post n_pre"]] = {}


def constant_name(population: str, field: str) -> str:
    """The entry among the weights of a constant that a population's neurons learn.

    It holds logarithms, (n, 1): the constant is the die's own value times exp(entry).
    """
    return f"{population}.{field}"


def is_constant(name: str) -> bool:
    """Whether an entry among the weights is a constant's: no projection has a dot."""
    return "." in name


class Wire(NamedTuple):
    """One projection, as a rule sees it when it is built, or one learnt constant."""

    pre: str  # empty for a constant
    post: str
    delay: int  # ticks
    n_pre: int
    n_post: int
    n_state: int  # continuous state variables of a postsynaptic neuron


class Wiring(NamedTuple):
    """The static graph: who is joined to whom. Hashable."""

    wires: tuple[tuple[str, Wire], ...]  # by projection, in order of construction
    order: tuple[str, ...]  # populations, each after all it hears in the same tick
    sizes: tuple[tuple[str, int], ...]  # neurons by population
    output: str
    unit: int = 1  # neurons of the output population that make one output unit
    constants: tuple[tuple[str, Wire], ...] = ()  # that may be learnt, by name

    def wire(self, name: str) -> Wire:
        """The projection, or the learnt constant, of that name."""
        return dict(self.wires + self.constants)[name]

    def size(self, population: str) -> int:
        """The number of neurons of a population."""
        return dict(self.sizes)[population]

    @property
    def n_out(self) -> int:
        """The number of output units."""
        return self.size(self.output) // self.unit

    @property
    def hidden(self) -> tuple[str, ...]:
        """Populations from which a path leads to the output, before it in the graph."""
        found = {self.output}
        for _ in self.wires:  # the longest path has no more
            found |= {w.pre for _, w in self.wires if w.post in found} - {INPUT}
        return tuple(p for p, _ in self.sizes if p in found and p != self.output)

    def pool(self, z: Float[Array, " n"]) -> Float[Array, " n_out"]:
        """Each output unit's mean of its neurons, which are neighbours."""
        return z if len(z) == self.n_out else z.reshape(self.n_out, -1).mean(1)

    def spread(self, population: str, y: Float[Array, " n_out"]) -> Float[Array, " n"]:
        """A unit's value for each of its neurons, of the output or controllers."""
        times = self.size(population) // self.n_out
        return y if times == 1 else jnp.repeat(y, times)


class Outer(NamedTuple):
    """A local update as a (sum of) outer product(s), kept factored until written.

    Any leading axes are summed: ranks, samples of a batch, ticks of a block.
    """

    post: Float[Array, "*lead n_post"]
    pre: Float[Array, "*lead n_pre"]

    def modulate(self, signal: Float[Array, " n_post"]) -> "Outer":
        """The update with each postsynaptic neuron's share scaled."""
        each = jnp.broadcast_to(signal, self.post.shape)
        return Outer(post=self.post * each, pre=self.pre)

    def contract(self) -> Float[Array, "n_post n_pre"]:
        """The update as a matrix, in one product."""
        post = self.post.reshape(-1, self.post.shape[-1])
        pre = self.pre.reshape(-1, self.pre.shape[-1])
        return post.T @ pre

    def dense(self) -> "Dense":
        """The same update with a value for each synapse; leading axes are summed."""
        value = self.post[..., :, None] * self.pre[..., None, :]
        return Dense(value.reshape(-1, *value.shape[-2:]).sum(0))


class Dense(NamedTuple):
    """A local update with a value of its own for each synapse."""

    value: Float[Array, "*lead n_post n_pre"]

    def modulate(self, signal: Float[Array, " n_post"]) -> "Dense":
        """The update with each postsynaptic neuron's share scaled."""
        return Dense(self.value * signal[..., :, None])

    def contract(self) -> Float[Array, "n_post n_pre"]:
        """The update as a matrix, summed over any leading axes."""
        return self.value.reshape(-1, *self.value.shape[-2:]).sum(0)

    def dense(self) -> "Dense":
        """Itself."""
        return self


class Change(NamedTuple):
    """What a write asks of a projection's weights: (1 - decay) w + step."""

    step: Float[Array, "n_post n_pre"]
    decay: Scalar  # share of every weight that is lost

    def of(self, w: Float[Array, "n_post n_pre"]) -> Float[Array, "n_post n_pre"]:
        """What it adds to weights `w`."""
        return self.step - self.decay * w


Delta = Outer | Dense
Update = dict[str, tuple[Delta, ...]]  # by projection: terms that add up


def contract(update: Update) -> dict[str, Float[Array, "n_post n_pre"]]:
    """Sums every projection's terms, and all their leading axes, into a matrix."""
    return {
        name: sum((term.contract() for term in terms[1:]), terms[0].contract())
        for name, terms in update.items()
    }
