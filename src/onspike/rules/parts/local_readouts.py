"""Signals of DECOLLE: an error for every layer, and bounds for its membranes."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.losses import AbstractLoss, SmoothL1
from onspike.rules.parts.signals import AbstractSignal, at_output
from onspike.rules.parts.triggers import AbstractTrigger
from onspike.types import Scalar, Tree, Wiring


class LocalReadoutsOwn(NamedTuple):
    """What each sample remembers."""

    tick: Int[Array, ""]  # of the sample
    triggers: dict[str, Tree]  # by population


class LocalReadouts(AbstractSignal):
    r"""Every layer answers for itself: $L = G^T \, \partial \ell(r, y^*) / \partial r$.

    A fixed random readout of its own, $r = G z$, turns each hidden population's spikes
    into one value for each class, in every tick; its error comes back through the same
    weights. No layer waits for another, and none hears the output. The output
    population hears its own error, the task's.

    Args:
        loss: What each readout is to make small.
        scale: G is normal with sd `scale / sqrt(n)` for n neurons.
        burn_in: Ticks at the start of a sample without any signal.
        transposed: Whether errors come back through the transpose of G, or through
            other fixed random weights: then nothing is transported at all.
        trigger: What makes events of each population's error, if anything.

    Raises:
        ValueError: If `scale` is not positive or `burn_in` not a whole number >= 0.

    Source: Kaiser, Mostafa & Neftci 2020, doi:10.3389/fnins.2020.00424. G's
        distribution and scale are this package's.
    """

    loss: AbstractLoss = SmoothL1()
    scale: Scalar = 1.0
    burn_in: int = eqx.field(static=True, default=0)
    transposed: bool = eqx.field(static=True, default=True)
    trigger: AbstractTrigger | None = None

    def __check_init__(self) -> None:
        checks.positive("LocalReadouts", "readout per spike", scale=self.scale)
        checks.at_least("LocalReadouts", "ticks", 0, burn_in=self.burn_in)

    def init(self, wiring, key):
        there_and_back = 1 if self.transposed else 2
        layers = _layers(wiring)
        keys, readouts = jax.random.split(key, max(1, len(layers))), {}
        for name, subkey in zip(layers, keys, strict=False):
            shape = (there_and_back, wiring.n_out, wiring.size(name))
            drawn = jax.random.normal(subkey, shape, float)
            readouts[name] = self.scale * drawn / wiring.size(name) ** 0.5
        triggers = {}
        if self.trigger is not None:
            triggers = {p: self.trigger.init() for p in (*layers, wiring.output)}
        return readouts, LocalReadoutsOwn(jnp.zeros((), jnp.int32), triggers)

    def rest(self, own):
        return own._replace(tick=jnp.zeros_like(own.tick))

    def step(self, shared, own, params, local, teaching, wiring):
        valid = teaching.mask & (own.tick >= self.burn_in)
        z = {wire.post: local[name].z for name, wire in wiring.wires}
        errors = {wiring.output: teaching.error}
        for name, readout in shared.items():
            errors[name] = self.loss.error(readout[0] @ z[name], teaching.target)
        triggers = {}
        for name, error in errors.items():
            errors[name] = jnp.where(valid, error, jnp.zeros_like(error))
            if self.trigger is not None:
                triggers[name], errors[name] = self.trigger.step(
                    own.triggers[name], errors[name], valid
                )
        credit = {name: back[-1].T @ errors[name] for name, back in shared.items()}
        answer = teaching._replace(error=errors[wiring.output])
        credit[wiring.output] = at_output(answer, wiring)
        return LocalReadoutsOwn(own.tick + 1, triggers), credit

    def adapt(self, shared, change):
        return shared


class MembraneBounds(AbstractSignal):
    r"""Keeps membranes low, and a layer from falling silent.

    The derivative, with respect to each membrane u, of
    $\lambda \langle \max(0, u + 0.01) \rangle
    + 0.003 \lambda \max(0, 0.1 - \langle \sigma(u) \rangle)$, means over a population.
    It says what the membrane is to do, not the spike: use it with `Presynaptic()`. It
    acts where a target is valid, and leaves the output alone.

    Args:
        strength: lambda, in loss per unit of potential.
        silence: Weight of the second term beside the first.

    Raises:
        ValueError: If a field is negative.

    Source: Kaiser, Mostafa & Neftci 2020, doi:10.3389/fnins.2020.00424.
    """

    strength: Scalar = 1e-2
    silence: Scalar = 3e-3

    def __check_init__(self) -> None:
        checks.non_negative("MembraneBounds", "loss", strength=self.strength)
        checks.non_negative("MembraneBounds", "1 (a factor)", silence=self.silence)

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        membranes = {w.post: local[name].new.v for name, w in wiring.wires}
        credit = {p: jnp.zeros(n) for p, n in wiring.sizes}
        for name in _layers(wiring):
            pull = self._pull(membranes[name])
            credit[name] = jnp.where(teaching.mask, pull, credit[name])
        return own, credit

    def adapt(self, shared, change):
        return shared

    def _pull(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        active = jax.nn.sigmoid(u)
        silent = jnp.mean(active) < 0.1
        raised = jnp.where(silent, active * (1.0 - active), jnp.zeros_like(u))
        lowered = (u > -0.01).astype(u.dtype)
        return self.strength * (lowered - self.silence * raised) / u.size


def _layers(wiring: Wiring) -> tuple[str, ...]:
    """Hidden populations that have synapses."""
    heard = {wire.post for _, wire in wiring.wires}
    return tuple(name for name in wiring.hidden if name in heard)
