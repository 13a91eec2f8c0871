"""Synaptic scaling: weights that keep firing rates where they should be."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.base import AbstractRule, Rates, RuleState, check_rate, rates_of
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.types import Dense, Scalar


class HomeostasisOwn(NamedTuple):
    """What each stream of samples remembers."""

    fired: dict[str, Float[Array, " n"]]  # running mean rate in hertz, by population


class Homeostasis(AbstractRule):
    r"""Scales a neuron's synapses until it fires at its target rate.

    $\Delta w_{ij} = \eta \, \Delta t \, |w_{ij}| (1 - \bar f_i / f^*)$, with
    $\bar f_i$ the running mean of the neuron's own rate. All its excitatory synapses
    are scaled by one factor, so what they have learnt of each other stays; inhibitory
    ones are scaled by the opposite, and no weight changes its sign. A term of its own,
    beside one that learns: `Terms((stdp(), Homeostasis(target=10.0)))`.

    Args:
        rate: $\eta$, share of a weight per second at silence, for all projections or
            by projection.
        target: $f^*$, in hertz.
        tau: Time constant of the running mean, in seconds. It outlives samples.
        gate: When writes happen.

    Raises:
        ValueError: If a rate is negative, or `target` or `tau` not positive.

    Locality: a synapse's own weight, and one number from its postsynaptic neuron.
    Memory: one value per neuron.
    Cost: one multiply-add per neuron, and one product and one write per synapse, in
        each tick.
    Exact: weights rest, on average, where the mean rate is the target, and nowhere else
        but at zero; each spike still moves them to and fro.
    Source: Carlson et al. 2013, doi:10.1109/IJCNN.2013.6706961, the homeostatic term
        without the factor K that slows it where rates are far off. There, weights are
        excitatory.
    """

    rate: Rates = 0.1
    target: Scalar = 10.0
    tau: Scalar = 1.0
    gate: AbstractGate = EveryTick()

    def __check_init__(self) -> None:
        check_rate(self.rate)
        checks.positive("Homeostasis", "hertz", target=self.target)
        checks.positive("Homeostasis", "seconds", tau=self.tau)

    def init(self, wiring, key):
        del key
        posts = {wiring.wire(name).post for name in rates_of(self.rate, wiring)}
        start = jnp.asarray(self.target, float)
        fired = {p: jnp.full(wiring.size(p), start) for p in sorted(posts)}
        return RuleState((), HomeostasisOwn(fired))

    def rest(self, own):
        return own

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        return own, {}

    def step(self, shared, own, params, local, teaching, wiring):
        fired, update = dict(own.fired), {}
        for name in rates_of(self.rate, wiring):
            one, post = local[name], wiring.wire(name).post
            before = own.fired[post]
            fired[post] = before - jnp.expm1(-one.dt / self.tau) * (
                one.z / one.dt - before
            )
            excess = one.dt * (fired[post] / self.target - 1.0)
            update[name] = (Dense(jnp.abs(params.weights[name])).modulate(excess),)
        return HomeostasisOwn(fired), update

    def adapt(self, shared, change):
        return shared
