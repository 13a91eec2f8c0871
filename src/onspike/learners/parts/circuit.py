"""A net of graded neurons with one sample at its input: what control acts on."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.learners.parts.controller import Controller
from onspike.learners.parts.feedback import Loop, Push, Q, Step
from onspike.network import Network
from onspike.types import INPUT, Params


class Circuit(eqx.Module):
    """The net, its parameters and the input that holds still.

    A neuron answers as in its first tick from rest: the net has no memory, and only
    control makes it move.

    Args:
        network: Graded neurons, no delays.
        params: Its weights and constants.
        x: Input of the sample.
    """

    network: Network
    params: Params
    x: Float[Array, " n_in"]

    def free(self, push: Push | None = None) -> Push:
        """Membrane potentials without control, pushed by currents if there are any."""
        r, v = {INPUT: self.x}, {}
        for name in self.network.wiring.order:
            v[name] = self.drive(name, r)
            if push is not None:
                v[name] = v[name] + self.taken(name, push[name])
            r[name] = self.fire(name, v[name])
        return v

    def jacobian(self) -> dict[str, Float[Array, "n_out _"]]:
        """J: the output's derivative by currents into each population, uncontrolled."""
        push = {name: jnp.zeros(n) for name, n in self.network.wiring.sizes}
        return jax.jacrev(lambda push: self.output(self.free(push)))(push)

    def euler(
        self, controller: Controller, q: Q, setpoint: Float[Array, " n_out"]
    ) -> Step:
        """The Euler step of the closed loop."""

        def step(loop: Loop, currents: Push) -> tuple[Loop, Float[Array, " n_out"]]:
            r = self.activity(loop.v)
            error = setpoint - self.output(loop.v)
            u = controller.pull(loop.integral, error)
            v = {}
            for name, old in loop.v.items():
                pushed = q[name] @ u
                pushed = pushed + currents[name] if name in currents else pushed
                into = self.drive(name, r) + self.taken(name, pushed)
                v[name] = old + controller.dt / controller.tau_mem * (into - old)
            return Loop(v, controller.step(loop.integral, error)), u

        return step

    def drive(self, population: str, r: Push) -> Float[Array, " n"]:
        """What its synapses send to a population."""
        total = jnp.zeros(self.network.wiring.size(population))
        for name, wire in self.network.wiring.wires:
            if wire.post == population:
                total = total + self.params.weights[name] @ r[wire.pre]
        return total

    def taken(self, population: str, current: Float[Array, " n"]) -> Array:
        """What of an injected current arrives, by the die's own gain."""
        return self.params.inlets.get(population, 1.0) * current

    def fire(self, population: str, v: Float[Array, " n"]) -> Float[Array, " n"]:
        """Rates of a population with those membrane potentials."""
        neuron = self.params.neurons[population]
        z = neuron.step(neuron.init(len(v)), v, self.network.dt).z
        return self.params.alive.get(population, 1.0) * z

    def activity(self, v: Push) -> Push:
        """Rates of all populations, and the input."""
        return {INPUT: self.x} | {name: self.fire(name, a) for name, a in v.items()}

    def output(self, v: Push) -> Float[Array, " n_out"]:
        """The output units' rates."""
        name = self.network.output
        return self.network.wiring.pool(self.fire(name, v[name]))
