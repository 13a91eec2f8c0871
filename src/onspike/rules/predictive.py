"""The predictive rule: a neuron learns to foresee its own input."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.rules.base import AbstractRule, Rates, RuleState, check_rate, rates_of
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.types import Dense, Outer


class PredictiveOwn(NamedTuple):
    """What each sample remembers."""

    p: dict[str, Float[Array, " n_pre"]]  # input through the membrane's decay


class Predictive(AbstractRule):
    r"""Synapses that predict the others' input grow; no label, one phase.

    With $\epsilon_{ij} = x_j - v_i w_{ij}$, what input j holds that the membrane did
    not foresee, and $E_i = \sum_j \epsilon_{ij} w_{ij}$ over all synapses that the rule
    changes, the gradient of $\frac12 \sum_j \epsilon_{ij}^2$ is
    $-(v_i \epsilon_{ij} + E_i p_j)$, $p_j \leftarrow \alpha p_j + x_j$.
    That holds for LIF neurons whose input is not scaled by 1 - alpha and whose spikes
    get their tails on the projection; elsewhere it is this rule still, no gradient.

    It is written before the neurons integrate, with v and p of the tick before. The
    soft bound of the source, a rate that scales with the weight, is a device:
    `onspike.devices.SoftBound`. E is the one quantity that a synapse cannot know
    alone: the neuron must send it to its dendrite.

    Args:
        rate: Learning rate, of all projections or by projection.
        gate: When writes happen.

    Raises:
        ValueError: If a rate is negative or not finite; from the learner, if what
            arrives at a plastic projection depends on spikes of the same tick.

    Locality: a synapse sees its presynaptic trace, the membrane and E of its neuron.
    Memory: one trace per presynaptic neuron and projection.
    Cost: five multiply-adds and one write per synapse and tick.
    Exact: the gradient of the squared prediction error, under the conditions above.
    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, eqs. 1-4.
    """

    rate: Rates = 5e-4
    gate: AbstractGate = EveryTick()

    writes_before_step: ClassVar[bool] = True

    def __check_init__(self) -> None:
        check_rate(self.rate)

    def init(self, wiring, key):
        del key
        plastic = rates_of(self.rate, wiring)
        traces = {name: jnp.zeros(wiring.wire(name).n_pre) for name in plastic}
        return RuleState((), PredictiveOwn(traces))

    def rest(self, own):
        return jax.tree.map(jnp.zeros_like, own)

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        return own, {}

    def step(self, shared, own, params, local, teaching, wiring):
        unforeseen = {}  # E, by population
        for name in own.p:
            v, w = local[name].old.v, params.weights[name]
            e = w @ local[name].pre - v * (w**2).sum(1)
            post = wiring.wire(name).post
            unforeseen[post] = unforeseen[post] + e if post in unforeseen else e
        p, update = {}, {}
        for name, trace in own.p.items():
            one, w = local[name], params.weights[name]
            v, post = one.old.v, wiring.wire(name).post
            update[name] = (
                Outer(post=-v, pre=one.pre),
                Dense((v**2)[:, None] * w),
                Outer(post=-unforeseen[post], pre=trace),
            )
            p[name] = one.decay * trace + one.pre
        return PredictiveOwn(p), update

    def adapt(self, shared, change):
        return shared
