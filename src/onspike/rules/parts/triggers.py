"""Triggers: an error speaks only where it is large enough, in whole steps."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal
from onspike.types import Scalar, Tree


class AbstractTrigger(eqx.Module):
    """Makes events of an error: zero most of the time, and then nothing changes."""

    @abstractmethod
    def init(self) -> Tree:
        """What it remembers, for one sample; it outlives the sample."""

    @abstractmethod
    def step(
        self, state: Tree, error: Float[Array, " n"], valid: Bool[Array, ""]
    ) -> tuple[Tree, Float[Array, " n"]]:
        """The memory after a tick, and the error that is sent on.

        `valid` says whether there is an error at all: a target, after any burn-in.
        """


class Threshold(AbstractTrigger):
    r"""$\hat e = \theta \, \mathrm{trunc}(e / \theta)$: whole steps, towards zero.

    Off by less than a step: $|\hat e - e| < \theta$.

    Args:
        theta: The step and the least error that counts, in the error's unit.

    Raises:
        ValueError: If `theta` is not positive.

    Source: Payvand et al. 2020, arXiv 1910.06152.
    """

    theta: Scalar = 0.1

    def __check_init__(self) -> None:
        checks.positive("Threshold", "error units", theta=self.theta)

    def init(self):
        return ()

    def step(self, state, error, valid):
        return state, self.theta * jnp.trunc(error / self.theta)


class AdaptiveState(NamedTuple):
    """What an adaptive threshold remembers."""

    theta: Float[Array, ""]


class AdaptiveThreshold(AbstractTrigger):
    r"""The same, with a step that follows the errors' size.

    A proportional controller, $\theta \leftarrow \theta (1 + k (m - m^*))$, brings the
    mean number of steps in an error, $m = \langle|\mathrm{trunc}(e/\theta)|\rangle$, to
    its set point: the share of errors that speak, if few are larger than two steps. It
    runs where a target is valid, and on from sample to sample.

    Args:
        set_point: m*, in steps per error.
        theta: The first step, in the error's unit.
        gain: k, per step.

    Raises:
        ValueError: If a field is not positive or `gain` not below 1 / `set_point`.

    Source: Payvand et al. 2020, arXiv 1910.06152; here the correction is relative to
        theta, so that no bound is needed.
    """

    set_point: Scalar = 0.05
    theta: Scalar = 0.1
    gain: Scalar = 0.01

    def __check_init__(self) -> None:
        checks.positive("AdaptiveThreshold", "steps", set_point=self.set_point)
        checks.positive("AdaptiveThreshold", "error units", theta=self.theta)
        checks.positive("AdaptiveThreshold", "1 / steps", gain=self.gain)
        room = 1.0 / self.set_point - self.gain  # else theta could fall to zero
        checks.positive("AdaptiveThreshold", "1 / steps below 1 / set_point", gain=room)

    def init(self):
        return AdaptiveState(jnp.asarray(self.theta, float))

    def step(self, state, error, valid):
        steps = jnp.trunc(error / state.theta)
        beyond = jnp.mean(jnp.abs(steps)) - self.set_point
        theta = state.theta * (1.0 + self.gain * beyond)
        after = AdaptiveState(jnp.where(valid, theta, state.theta))
        return after, state.theta * steps


class Ternary(AbstractTrigger):
    r"""$\hat e = \mathrm{sgn}(e)$ where $|e| \ge \theta$, else 0: three values.

    Args:
        theta: The least error that counts, in the error's unit.

    Raises:
        ValueError: If `theta` is not positive.

    Source: Payvand et al. 2020, arXiv 1910.06152.
    """

    theta: Scalar = 0.1

    def __check_init__(self) -> None:
        checks.positive("Ternary", "error units", theta=self.theta)

    def init(self):
        return ()

    def step(self, state, error, valid):
        loud = jnp.abs(error) >= self.theta
        return state, jnp.where(loud, jnp.sign(error), jnp.zeros_like(error))


class TriggeredOwn(NamedTuple):
    """What each sample remembers."""

    signal: Tree
    trigger: Tree


class ErrorTriggered(AbstractSignal):
    """A signal that hears of the output's error in events, and is silent between them.

    The output hears them too: in a tick without an event the signal asks for no change
    at all, whatever else it knows (a target, a reward). A regulariser, which knows no
    error, goes on; so do weight decay and an optimiser's momentum.

    Args:
        signal: How the events reach hidden neurons.
        trigger: What makes them.

    Source: Payvand et al. 2020, arXiv 1910.06152.
    """

    signal: AbstractSignal
    trigger: AbstractTrigger = Threshold()

    def init(self, wiring, key):
        shared, own = self.signal.init(wiring, key)
        return shared, TriggeredOwn(own, self.trigger.init())

    def rest(self, own):
        return own._replace(signal=self.signal.rest(own.signal))

    def step(self, shared, own, params, local, teaching, wiring):
        trigger, error = self.trigger.step(own.trigger, teaching.error, teaching.mask)
        events = teaching._replace(error=error)
        signal, credit = self.signal.step(
            shared, own.signal, params, local, events, wiring
        )
        spoke = jnp.any(error != 0)
        heard = {p: jnp.where(spoke, c, jnp.zeros_like(c)) for p, c in credit.items()}
        return TriggeredOwn(signal, trigger), heard

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        signal, currents = self.signal.feedback(
            shared, own.signal, sample, neurons, wiring, dt
        )
        return own._replace(signal=signal), currents

    def adapt(self, shared, change):
        return self.signal.adapt(shared, change)
