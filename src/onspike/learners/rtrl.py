"""Real-time recurrent learning: the exact gradient, forward in time."""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from onspike.devices import AbstractDevice, Ideal
from onspike.engine.infer import rest
from onspike.engine.scan import blank, over_ticks, settle, tally
from onspike.learner import PLAIN, AbstractLearner, bits
from onspike.learners.bptt import OfflineState
from onspike.network import Network
from onspike.rules.base import Rates, rates_of
from onspike.rules.parts.schedules import AbstractSchedule, Constant
from onspike.types import Scalar


class RTRL(AbstractLearner):
    r"""RTRL: $G_t = \partial_h h_t \, G_{t-1} + \partial_w h_t$, h the whole state.

    The gradient is $\sum_t \partial_h E_t \, G_t$: forward in time and exact. But G
    holds one row of the whole state per weight, and a tick costs a matrix product with
    it: an oracle for nets of some dozen neurons.

    Args:
        network: What computes.
        rate: Learning rate, of all projections or by projection.
        device: What holds the weights.
        transform: An optax transform of the gradient.
        schedule: A factor on the rate, by the number of writes.
        weight_decay: Share of every plastic weight that a write at rate 1 takes away.

    Raises:
        ValueError: If the plastic weights are more than 4096.

    Locality: none: each synapse needs the derivative of every neuron's state.
    Memory: number of neurons times number of weights.
    Cost: state variables squared times the number of weights, in multiply-adds per
        tick; one write per synapse and batch.
    Exact: equals backpropagation through time.
    Source: Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270.
    """

    network: Network
    rate: Rates = 1.0
    device: AbstractDevice = Ideal()
    transform: optax.GradientTransformation = eqx.field(static=True, default=PLAIN)
    schedule: AbstractSchedule = Constant()
    weight_decay: Scalar = 0.0

    def __check_init__(self) -> None:
        self.check_rates()
        wires = [self.network.wiring.wire(name) for name in self.rates()]
        weights = sum(wire.n_pre * wire.n_post for wire in wires)
        if weights > 4096:
            raise ValueError(
                f"RTRL keeps the state's derivative by every weight: at most 4096 "
                f"plastic weights; got {weights}. Use a smaller net, or rule 'eprop'"
            )

    def init(self, key, batch=1):
        del batch
        store = self.fabricate(*jax.random.split(key, 3))
        return OfflineState(store, jnp.zeros((), jnp.int32))

    def learn(self, task, state, episodes):
        params = self.params(state)
        flat, unravel = jax.flatten_util.ravel_pytree(self.plastic(state.store))
        directions = jax.vmap(unravel)(jnp.eye(flat.size, dtype=flat.dtype))

        def one(network, tangents, x, error_of, t, key):
            """One sample's tick: its state, that state's derivatives, its gradient."""
            smooth, rest = eqx.partition(network, eqx.is_inexact_array)

            def advance(plastic, smooth):
                now = params._replace(weights=params.weights | plastic)
                before = eqx.combine(smooth, rest)
                after, _, y = self.network.step(now, before, x, {}, t, key)
                kept, others = eqx.partition(after, eqx.is_inexact_array)
                return (kept, y), others

            (smooth, y), push, rest = jax.linearize(
                advance, unravel(flat), smooth, has_aux=True
            )
            tangents, dy = jax.vmap(push)(directions, tangents)
            z = {name: n.z for name, n in smooth.neurons.items()}
            return eqx.combine(smooth, rest), tangents, y, z, dy @ error_of(y)

        def tick(carry, sample):
            network, tangents, gradient, record, t = carry

            def step(network, tangents, x, target, key):
                def error_of(y):
                    error = task.loss.error(y, target)
                    return jnp.where(sample.mask, error, jnp.zeros_like(error))

                return one(network, tangents, x, error_of, t, key)

            network, tangents, y, z, now = jax.vmap(step)(
                network, tangents, sample.x, sample.target, sample.key
            )
            record = tally(record, sample, y, z, jnp.zeros((), jnp.int32))
            return network, tangents, gradient + now.sum(0), record, t + 1

        batch = episodes.label.shape[0]
        network = rest(self.network, params, episodes)
        smooth, _ = eqx.partition(network, eqx.is_inexact_array)
        tangents = jax.tree.map(
            lambda a: jnp.zeros((batch, flat.size, *a.shape[1:]), a.dtype), smooth
        )
        record = blank(task, self.network, episodes)
        start = jnp.zeros((), jnp.int32)
        carry = network, tangents, jnp.zeros_like(flat), record, start
        _, _, gradient, record, _ = over_ticks(task, episodes, tick, carry)
        store, _, written = self.write(state.store, unravel(gradient), state.tick)
        record = settle(record)._replace(written=written)
        return OfflineState(store, state.tick + task.ticks), record

    def rates(self):
        return rates_of(self.rate, self.network.wiring)

    def params(self, state):
        return self.device.read(state.store.die)

    def memory(self, task):
        del task
        state = jax.eval_shape(self.init, jax.random.key(0))
        network = jax.eval_shape(self.network.init)
        weights = sum(
            a.size for a in jax.eval_shape(self.plastic, state.store).values()
        )
        return {
            "state by weight": weights * bits(network),
            "optimiser": bits(state.store.optimiser),
        }
