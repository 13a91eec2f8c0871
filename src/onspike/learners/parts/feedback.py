"""Feedback weights Q: how neurons hear the controller."""

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.types import Key, Scalar, Wiring

Q = dict[str, Float[Array, "_ n_out"]]  # by population
Push = dict[str, Float[Array, " _"]]  # a value for each neuron, by population


class Loop(NamedTuple):
    """One moment of a controlled network."""

    v: Push  # membrane potentials by population, less their biases
    integral: Float[Array, " n_out"]


# (loop, currents from outside) -> (loop after an Euler step, control of that step)
Step = Callable[[Loop, Push], tuple[Loop, Float[Array, " n_out"]]]


class AbstractFeedback(eqx.Module):
    r"""Feedback weights of all populations.

    J is the full Jacobian of the output by currents into every neuron, at the activity
    without control. Control needs a JQ whose eigenvalues have positive real parts.
    """

    @abstractmethod
    def init(self, wiring: Wiring, key: Key) -> Q:
        """What is kept from sample to sample."""

    @abstractmethod
    def weights(self, kept: Q, transposed: Q, wiring: Wiring) -> Q:
        """Q of a sample whose transposed Jacobian is given."""

    def ask(self, kept: Q, step: Step, loop: Loop, dt: Scalar, key: Key) -> Q:
        """The change of `kept` that a settled sample asks for; none where it is fixed.

        Args:
            kept: As from `init`.
            step: Lets control go on.
            loop: At rest.
            dt: Length of a step, in the loop's own time.
            key: Of the sample.
        """
        del kept, step, loop, dt, key
        return {}


class TransposedJacobian(AbstractFeedback):
    r"""$Q = J^T$: the forward weights are transported, and Q is each sample's own.

    Then $JQ = JJ^T$, so that control is stable, and without a leak the steady state is
    the smallest change of all activities that meets the setpoint.
    """

    def init(self, wiring, key):
        del wiring, key
        return {}

    def weights(self, kept, transposed, wiring):
        del kept, wiring
        return transposed


class FixedFeedback(AbstractFeedback):
    """Random and fixed; each output unit hears its own control.

    Nothing makes such a loop stable: the learner's check refuses one that is not.

    Args:
        scale: Standard deviation of the weights onto hidden neurons.

    Raises:
        ValueError: If `scale` is negative.
    """

    scale: Scalar = 0.1

    def __check_init__(self) -> None:
        checks.non_negative("FixedFeedback", "current per u", scale=self.scale)

    def init(self, wiring, key):
        sizes = [(name, wiring.size(name)) for name in wiring.hidden]
        keys = jax.random.split(key, len(sizes) + 1)
        return {
            name: self.scale * jax.random.normal(k, (n, wiring.n_out), float)
            for (name, n), k in zip(sizes, keys, strict=False)
        }

    def weights(self, kept, transposed, wiring):
        del transposed
        own = jax.vmap(lambda y: wiring.spread(wiring.output, y))(jnp.eye(wiring.n_out))
        return {**kept, wiring.output: own.T}


class LearntFeedback(AbstractFeedback):
    r"""Learnt under injected noise, in the same phase as the weights.

    When the loop has settled, slow noise $\xi_i$ of standard deviation $\sigma$ enters
    every hidden neuron while control goes on. With $\delta$ for the deviation from the
    steady state and $\delta v^A_i = Q_i \delta u + \xi_i$ the apical potential,

    $$\Delta Q_i = -\eta_Q \, (\langle \delta v^A_i \, \delta u^T \rangle / \sigma^2
    + \beta Q_i) .$$

    The controller counteracts what noise does to the output, so u and $\xi$ correlate
    as $-J^T$ does, and Q turns into its row space. It starts at `start`, from where a
    loop is stable if the weights are small.

    Args:
        start: Q before the first sample.
        rate: $\eta_Q$.
        decay: $\beta$: a large one makes for a small Q.
        noise: $\sigma$, in units of the current.
        tau: Correlation time of the noise, in the loop's own time.
        steps: Steps under noise, after those in which the loop settles.

    Raises:
        ValueError: If a number is not positive, or `decay` is negative.

    Source: Meulemans et al. 2021, arXiv 2106.07887; in the same phase as the
        weights: Meulemans et al. 2022, arXiv 2204.07249.
    """

    start: FixedFeedback = FixedFeedback()
    rate: Scalar = 0.1
    decay: Scalar = 0.1
    noise: Scalar = 0.1
    tau: Scalar = 1.0
    steps: int = eqx.field(static=True, default=120)

    def __check_init__(self) -> None:
        checks.positive("LearntFeedback", "current", noise=self.noise)
        checks.positive("LearntFeedback", "1 (a rate)", rate=self.rate)
        checks.positive("LearntFeedback", "time of the loop", tau=self.tau)
        checks.non_negative("LearntFeedback", "1 (a rate)", decay=self.decay)
        checks.at_least("LearntFeedback", "steps", 1, steps=self.steps)

    def init(self, wiring, key):
        return self.start.init(wiring, key)

    def weights(self, kept, transposed, wiring):
        return self.start.weights(kept, transposed, wiring)

    def ask(self, kept, step, loop, dt, key):
        rest = step(loop, {})[1]
        keep = jnp.exp(-dt / jnp.asarray(self.tau))
        kick = self.noise * jnp.sqrt(1.0 - keep**2)
        sizes = {name: (self.steps, len(w)) for name, w in kept.items()}
        keys = jax.random.split(key, len(sizes) + 1)
        kicks = {
            name: kick * jax.random.normal(k, size, float)
            for (name, size), k in zip(sizes.items(), keys, strict=False)
        }

        def jolt(carry, kick):
            loop, noise, total = carry
            noise = {name: keep * n + kick[name] for name, n in noise.items()}
            loop, u = step(loop, noise)
            away = u - rest
            total = {
                name: total[name] + jnp.outer(kept[name] @ away + n, away)
                for name, n in noise.items()
            }
            return (loop, noise, total), None

        quiet = {name: jnp.zeros(len(w)) for name, w in kept.items()}
        carry = loop, quiet, jax.tree.map(jnp.zeros_like, kept)
        (_, _, total), _ = jax.lax.scan(jolt, carry, kicks)
        return {
            name: -self.rate
            * (total[name] / (self.steps * self.noise**2) + self.decay * w)
            for name, w in kept.items()
        }
