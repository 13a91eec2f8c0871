"""The output controller: what it pulls towards, and how."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.losses import AbstractLoss
from onspike.types import Scalar


class AbstractSetpoint(eqx.Module):
    """What the controller pulls the output towards."""

    @abstractmethod
    def __call__(
        self,
        y: Float[Array, " n_out"],
        target: Float[Array, " n_out"],
        loss: AbstractLoss,
    ) -> Float[Array, " n_out"]:
        """The setpoint of a sample, whose output without control is `y`."""


class Nudged(AbstractSetpoint):
    r"""Weak control: $r^* = y - \lambda \, \partial E / \partial y$.

    Args:
        strength: $\lambda$, in output units per unit of the error; 0.01 to 0.1 are
            usual.

    Raises:
        ValueError: If `strength` is not positive.

    Source: Meulemans et al. 2021, arXiv 2106.07887.
    """

    strength: Scalar = 0.1

    def __check_init__(self) -> None:
        checks.positive("Nudged", "output per error", strength=self.strength)

    def __call__(self, y, target, loss):
        return y - self.strength * loss.error(y, target)


class Labelled(AbstractSetpoint):
    """Strong control: the label itself, whatever the output without control.

    Args:
        high: Output of the true class.
        low: Output of the other classes.
        one_sided: A margin in place of a point, as a hinge loss has: the true class is
            only pulled up, the others only down, so that nothing is spent on correct
            overshoot. The publication has points.

    Raises:
        ValueError: If a level is not finite, or `high` is not above `low`.

    Source: Meulemans et al. 2022, arXiv 2204.07249.
    """

    high: Scalar = 0.9
    low: Scalar = 0.1
    one_sided: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        checks.finite("Labelled", "output units", high=self.high, low=self.low)
        checks.positive("Labelled", "output units above low", high=self.high - self.low)

    def __call__(self, y, target, loss):
        del loss
        label = self.low + (self.high - self.low) * target
        if not self.one_sided:
            return label
        return jnp.where(target > 0, jnp.maximum(y, label), jnp.minimum(y, label))


class Controller(eqx.Module):
    r"""A leaky proportional-integral controller, and the clock of its loop.

    With $e = r^* - y$: $u = u_{int} + k_p e$ and
    $\tau_u \dot u_{int} = e - \tilde\alpha u$. At rest $e = \tilde\alpha u$, whatever
    $k_p$ is. A leak $\alpha$ on $u_{int}$ alone is the same controller with
    $\tilde\alpha = \alpha / (1 + \alpha k_p)$.

    Args:
        gain: $k_p$, in units of u per unit of output.
        leak: $\tilde\alpha$, in units of output per unit of u: the error that is left
            at rest.
        tau: $\tau_u$, in the loop's own time.
        tau_mem: $\tau_v$, the neurons' time constant while they are controlled.
        dt: Length of an Euler step, in the same time.
        steps: Steps until the state counts as the steady state.

    Raises:
        ValueError: If a time is not positive, or `gain` or `leak` negative.

    Source: Meulemans et al. 2021, arXiv 2106.07887, with a gain of 2, a leak of 1.8e-3
        and 500 to 1000 steps of 0.02.
    """

    gain: Scalar = 0.5
    leak: Scalar = 1e-3
    tau: Scalar = 1.0
    tau_mem: Scalar = 0.2
    dt: Scalar = 0.04
    steps: int = eqx.field(static=True, default=120)

    def __check_init__(self) -> None:
        times = dict(tau=self.tau, tau_mem=self.tau_mem, dt=self.dt)
        checks.positive("Controller", "time of the loop", **times)
        checks.non_negative("Controller", "u per output", gain=self.gain)
        checks.non_negative("Controller", "output per u", leak=self.leak)
        checks.at_least("Controller", "steps", 1, steps=self.steps)

    def pull(
        self, integral: Float[Array, " n_out"], error: Float[Array, " n_out"]
    ) -> Float[Array, " n_out"]:
        """The control u."""
        return integral + self.gain * error

    def step(
        self, integral: Float[Array, " n_out"], error: Float[Array, " n_out"]
    ) -> Float[Array, " n_out"]:
        """The integral after an Euler step."""
        leak = self.leak * self.pull(integral, error)
        return integral + self.dt / self.tau * (error - leak)
