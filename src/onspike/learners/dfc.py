"""Deep feedback control: a controller steers the output, and its effect teaches."""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from onspike.devices import AbstractDevice, Ideal
from onspike.engine.scan import blank, over_ticks, settle, tally
from onspike.learner import PLAIN, AbstractLearner, Store, bits
from onspike.learners.parts.circuit import Circuit
from onspike.learners.parts.controller import AbstractSetpoint, Controller, Labelled
from onspike.learners.parts.feedback import (
    AbstractFeedback,
    Loop,
    Q,
    TransposedJacobian,
)
from onspike.learners.parts.stability import check_feedback, check_steps, linearised
from onspike.network import Network
from onspike.rules.base import Rates, rates_of
from onspike.rules.parts.schedules import AbstractSchedule, Constant
from onspike.tasks.base import AbstractTask
from onspike.types import Key, Outer, Params, Scalar, contract

_PROBED = 8  # samples that the check of stability looks at


class DFCState(NamedTuple):
    """What outlives a sample."""

    store: Store
    feedback: Q  # what of it outlives a sample
    tick: Int[Array, ""]  # batches so far, the clock of all randomness
    key: Key  # of the noise


class Settled(NamedTuple):
    """What one sample leaves when its loop has come to rest."""

    y: Float[Array, " n_out"]  # under control
    update: dict[str, Outer]  # by plastic projection
    feedback: Q  # change that the feedback weights ask for


class DFC(AbstractLearner):
    r"""Deep feedback control (DFC), and strong-DFC, of a net of graded neurons.

    One controller per output unit pushes every neuron, until the output is where the
    setpoint wants it (see `Controller` for u):

    $$\tau_v \dot v_i = -v_i + W_i r_{i-1} + Q_i u, \quad r_i = \phi(v_i),$$
    $$\Delta W_i = \eta \, (\phi(v_i) - \phi(W_i r_{i-1})) \, r_{i-1}^T
    \text{ at rest.}$$

    In a linear net the steady state is $\Delta v = Q (JQ + \tilde\alpha 1)^{-1}
    \delta$, with $\delta = r^* - y$ and J the full Jacobian. With `Nudged` this is
    DFC, with `Labelled` strong-DFC. The net has no memory: each tick with a target is
    a sample of its own. One write per batch.

    Args:
        network: What computes: graded neurons, no delay. Their response is that of
            their first tick from rest.
        rate: Learning rate, of all projections or by projection.
        setpoint: What the output is pulled towards.
        feedback: The weights Q.
        controller: u, and the clock of the loop.
        device: What holds the weights.
        transform: An optax transform of the update.
        schedule: A factor on the rate, by the number of writes.
        weight_decay: Share of every plastic weight that a write at rate 1 takes away.

    Raises:
        ValueError: If a neuron spikes or a projection has a delay; from `init`, if the
            device is noisy; from `check`, if the loop is not stable.

    Locality: a synapse sees its two neurons' rates, and what of the postsynaptic one
        is not explained by its input; controllers reach all neurons through Q.
    Memory: none beyond the state of the loop, which has to settle for every sample.
    Cost: one pass through net and Q for each of the controller's `steps`, and one
        product per synapse, for each sample; one write per synapse and batch.
    Exact: with Q the transposed Jacobian and a weak pull, Gauss-Newton's direction.
    Source: Meulemans et al. 2021, arXiv 2106.07887; strong-DFC: Meulemans et al. 2022,
        arXiv 2204.07249.
    """

    network: Network
    rate: Rates = 1.0
    setpoint: AbstractSetpoint = Labelled()
    feedback: AbstractFeedback = TransposedJacobian()
    controller: Controller = Controller()
    device: AbstractDevice = Ideal()
    transform: optax.GradientTransformation = eqx.field(static=True, default=PLAIN)
    schedule: AbstractSchedule = Constant()
    weight_decay: Scalar = 0.0

    def __check_init__(self) -> None:
        self.check_rates()
        for name, population in self.network.populations.items():
            if population.neuron.spiking:
                raise ValueError(
                    f"DFC.network must have graded neurons; '{name}' has spiking "
                    f"{type(population.neuron).__name__}: use RateNeuron, or --neuron "
                    "rate"
                )
        for name, _ in self.network.wiring.constants:
            raise ValueError(f"DFC cannot learn '{name}', a constant of neurons")
        for name, wire in self.network.wiring.wires:
            if wire.delay:
                raise ValueError(
                    f"DFC.network must have no delays, as it keeps nothing from tick "
                    f"to tick; '{name}' has delay {wire.delay}: use feedforward, or "
                    "--set network.recurrent=false"
                )

    def init(self, key, batch=1):
        del batch
        *for_store, for_feedback, for_noise = jax.random.split(key, 5)
        store = self.fabricate(*for_store)
        if self.device.read(store.die).noise:
            raise ValueError(
                "DFC settles on inputs that hold still, and cannot learn on a device "
                "with noise: leave Noisy out, or set device.noise, device.spike_loss, "
                "device.spike_jitter and device.readout_noise to 0"
            )
        return DFCState(
            store=store,
            feedback=self.feedback.init(self.network.wiring, for_feedback),
            tick=jnp.zeros((), jnp.int32),
            key=for_noise,
        )

    def learn(self, task, state, episodes):
        params = self.params(state)
        batch = episodes.label.shape[0]
        keys = jax.random.split(jax.random.fold_in(state.key, state.tick), batch)

        def tick(carry, sample):
            record, gradient, feedback, t = carry
            one = partial(self.control, task, params, state.feedback)
            moment = jax.vmap(lambda key: jax.random.fold_in(key, t))(keys)
            found = jax.vmap(one)(sample.x, sample.target, moment)
            here = sample.mask.astype(found.y.dtype)
            asked = contract({name: (u,) for name, u in found.update.items()})
            gradient = {n: g + here * asked[n] for n, g in gradient.items()}
            learnt = {
                n: feedback[n] + here * q.mean(0) for n, q in found.feedback.items()
            }
            record = tally(record, sample, found.y, {}, jnp.zeros((), jnp.int32))
            return record, gradient, feedback | learnt, t + 1

        gradient = jax.tree.map(jnp.zeros_like, self.plastic(state.store))
        start = jnp.zeros((), jnp.int32)
        carry = blank(task, self.network, episodes), gradient, state.feedback, start
        record, gradient, feedback, _ = over_ticks(task, episodes, tick, carry)
        store, _, written = self.write(state.store, gradient, state.tick)
        record = settle(record)._replace(written=written)
        return DFCState(store, feedback, state.tick + task.ticks, state.key), record

    def check(self, task, state, key):
        params = self.params(state)

        def look(index):
            episode = task.episode("train", index, key)
            x = task.block(episode, jnp.zeros((), jnp.int32), 1)[0].astype(float)
            circuit = Circuit(self.network, params, x)
            q = self.weights(circuit, state.feedback)
            return linearised(circuit, self.controller, q)

        index = jnp.arange(min(_PROBED, task.size("train")), dtype=jnp.int32)
        found = jax.device_get(jax.jit(jax.vmap(look))(index))
        for sample in index.tolist():
            shares, growth = jax.tree.map(lambda a, i=sample: a[i], found)
            if np.all(np.isfinite(growth)):  # bad input is reported where it is counted
                where = f"training sample {sample}"
                check_feedback(self.controller.leak, shares, where)
                check_steps(growth, where)

    def control(
        self,
        task: AbstractTask,
        params: Params,
        feedback: Q,
        x: Float[Array, " n_in"],
        target: Float[Array, " n_out"],
        key: Key,
    ) -> Settled:
        """Lets the loop settle on one sample, and reads off what it teaches."""
        circuit = Circuit(self.network, params, x)
        v, q = circuit.free(), self.weights(circuit, feedback)
        setpoint = self.setpoint(circuit.output(v), target, task.loss)
        step = circuit.euler(self.controller, q, setpoint)
        loop, _ = jax.lax.scan(
            lambda loop, _: (step(loop, {})[0], None),
            Loop(v, jnp.zeros_like(setpoint)),
            length=self.controller.steps,
        )
        r, update = circuit.activity(loop.v), {}
        for name in self.rates():
            wire = self.network.wiring.wire(name)
            undriven = circuit.fire(wire.post, circuit.drive(wire.post, r))
            update[name] = Outer(post=undriven - r[wire.post], pre=r[wire.pre])
        asked = self.feedback.ask(feedback, step, loop, self.controller.dt, key)
        return Settled(circuit.output(loop.v), update, asked)

    def weights(self, circuit: Circuit, feedback: Q) -> Q:
        """The feedback weights of a sample."""
        transposed = {name: j.T for name, j in circuit.jacobian().items()}
        return self.feedback.weights(feedback, transposed, self.network.wiring)

    def rates(self):
        return rates_of(self.rate, self.network.wiring)

    def params(self, state):
        return self.device.read(state.store.die)

    def memory(self, task):
        state = jax.eval_shape(self.init, jax.random.key(0))

        def one(state, x, target):
            params = self.params(state)
            q = self.weights(Circuit(self.network, params, x), state.feedback)
            settled = self.control(task, params, state.feedback, x, target, state.key)
            return q, settled.feedback

        x, target = jnp.zeros(task.n_in), jnp.zeros(task.n_out)
        q, asked = jax.eval_shape(one, state, x, target)
        return {
            "feedback weights": bits(q),
            "feedback updates": bits(asked),
            "controller": bits(target),
            "optimiser": bits(state.store.optimiser),
        }
