"""Backpropagation through time with surrogate gradients: the offline baseline."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from onspike.devices import AbstractDevice, Ideal
from onspike.engine.infer import advance, rest
from onspike.engine.scan import blank, over_ticks, settle, tally
from onspike.learner import PLAIN, AbstractLearner, Store, bits
from onspike.network import Network
from onspike.rules.base import Rates, rates_of
from onspike.rules.parts.schedules import AbstractSchedule, Constant
from onspike.types import Scalar


class OfflineState(NamedTuple):
    """What outlives a sample."""

    store: Store
    tick: Int[Array, ""]  # ticks of the run, the clock of the randomness of writes


class BPTT(AbstractLearner):
    """Surrogate BPTT: autodiff through the unrolled network, one write per batch.

    The whole past is stored, the weights are transported backwards, and nothing is
    learnt before the sample ends: what online rules do without, and their oracle.

    Args:
        network: What computes.
        rate: Learning rate, of all projections or by projection.
        device: What holds the weights.
        transform: An optax transform of the gradient.
        schedule: A factor on the rate, by the number of writes.
        weight_decay: Share of every plastic weight that a write at rate 1 takes away.

    Locality: none: every weight, of every tick.
    Memory: the state of every neuron at every tick of a sample.
    Cost: about two multiply-adds per synapse and tick, in a second pass from the end
        of the sample to its start; one write per synapse and batch.
    Exact: the gradient, with the surrogate in place of the spike's derivative.
    Source: Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595.
    """

    network: Network
    rate: Rates = 1.0
    device: AbstractDevice = Ideal()
    transform: optax.GradientTransformation = eqx.field(static=True, default=PLAIN)
    schedule: AbstractSchedule = Constant()
    weight_decay: Scalar = 0.0

    def __check_init__(self) -> None:
        self.check_rates()

    def init(self, key, batch=1):
        del batch
        return OfflineState(self.fabricate(*jax.random.split(key, 3)), _zero())

    def learn(self, task, state, episodes):
        params = self.params(state)

        def loss(plastic):
            now = params._replace(weights=params.weights | plastic)

            def tick(carry, sample):
                neurons, record, t, total = carry
                neurons, y, z = advance(self.network, now, neurons, sample, t)
                each = jax.vmap(task.loss.value)(y, sample.target).sum()
                record = tally(record, sample, y, z, _zero())
                total = total + jnp.where(sample.mask, each, jnp.zeros_like(each))
                return neurons, record, t + 1, total

            record = blank(task, self.network, episodes)
            start = rest(self.network, now, episodes)
            carry = start, record, _zero(), jnp.zeros(())
            _, record, _, total = over_ticks(task, episodes, tick, carry)
            return total, record

        plastic = self.plastic(state.store)
        gradient, record = jax.grad(loss, has_aux=True)(plastic)
        store, _, written = self.write(state.store, gradient, state.tick)
        record = settle(record)._replace(written=written)
        return OfflineState(store, state.tick + task.ticks), record

    def rates(self):
        return rates_of(self.rate, self.network.wiring)

    def params(self, state):
        return self.device.read(state.store.die)

    def memory(self, task):
        state = jax.eval_shape(self.init, jax.random.key(0))
        one_tick = bits(jax.eval_shape(self.network.init)) + 32 * task.n_in
        return {
            "stored past": task.ticks * one_tick,
            "optimiser": bits(state.store.optimiser),
        }


def _zero() -> Int[Array, ""]:
    return jnp.zeros((), jnp.int32)
