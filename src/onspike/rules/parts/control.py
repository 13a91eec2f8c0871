"""Feedback control: a current that steers the output, and teaches with it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal, NoSignal
from onspike.rules.parts.targets import AbstractTarget, TargetRates
from onspike.types import Scalar, Tree

MORE, LESS = "more", "less"  # the populations of controllers


class ControlOwn(NamedTuple):
    """What each sample remembers."""

    current: Float[Array, " n_out"]  # q: filtered pull on each output unit
    target: Tree
    through: Tree
    hidden: dict[str, Float[Array, " n"]]  # what was last sent to hidden populations


class Control(AbstractSignal):
    r"""A tug-of-war of two spiking controllers for each output unit.

    In every tick, with $s^*$ the target's spikes and $z$ the output's of the tick
    before, the controllers hear $\pm w (s^* - z)$ and fire $y^\pm$ into
    $q \leftarrow e^{-dt/\tau} q + y^+ - y^-$. The current $g q$ is injected into the
    output; $L = -q$ is the learning signal. The controllers are the populations "more"
    and "less" of the network (see `onspike.controlled`); a spike of theirs acts one
    tick later. Where no target is valid there is neither pull nor signal.

    Args:
        target: What the output is pulled towards.
        gain: g, in current per unit of q; 0 teaches without steering.
        weight: w, in threshold units of the controllers.
        tau: Time constant of q, in seconds.
        through: How hidden neurons hear q: as other signals let them hear an error.
        gain_hidden: Current injected into hidden neurons per unit of what they hear;
            None leaves them alone.

    Raises:
        ValueError: If a gain or the weight is negative, or `tau` not positive; from
            the learner, if the network has no controllers.

    Source: Saponati et al. 2026, arXiv 2602.13261. The published core is
        $\Delta w = \eta I_{fb} s$; the dynamics of the controllers are a
        reconstruction.
    """

    target: AbstractTarget = TargetRates()
    gain: Scalar = 1.0
    weight: Scalar = 0.6
    tau: Scalar = 50e-3
    through: AbstractSignal = NoSignal()
    gain_hidden: Scalar | None = None

    def __check_init__(self) -> None:
        gains = dict(gain=self.gain, gain_hidden=self.gain_hidden or 0.0)
        checks.non_negative("Control", "current per pull", **gains)
        checks.non_negative("Control", "controllers' threshold", weight=self.weight)
        checks.positive("Control", "seconds", tau=self.tau)

    def init(self, wiring, key):
        sizes = dict(wiring.sizes)
        if not {MORE, LESS} <= set(sizes):
            raise ValueError(
                f"feedback control needs the populations '{MORE}' and '{LESS}' in the "
                "network: build it with onspike.controlled(network), or set "
                "network.controllers=1"
            )
        shared, through = self.through.init(wiring, key)
        hidden = {}
        if self.gain_hidden is not None:
            hidden = {name: jnp.zeros(sizes[name]) for name in wiring.hidden}
        pull = jnp.zeros(wiring.n_out)
        target = self.target.init(wiring.n_out)
        return shared, ControlOwn(pull, target, through, hidden)

    def rest(self, own):
        return ControlOwn(
            current=jnp.zeros_like(own.current),
            target=self.target.init(len(own.current)),
            through=self.through.rest(own.through),
            hidden=jax.tree.map(jnp.zeros_like, own.hidden),
        )

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        more, less = self.target.sides(sample.target)
        up, down = (wiring.pool(neurons[name].z) for name in (MORE, LESS))
        pull = jnp.exp(-dt / self.tau) * own.current + more * up - less * down
        target, spikes = self.target.step(own.target, sample.target, dt)
        gap = self.weight * (spikes - wiring.pool(neurons[wiring.output].z))
        pull, gap = (jnp.where(sample.mask, a, jnp.zeros_like(a)) for a in (pull, gap))
        into = {MORE: gap, LESS: -gap, wiring.output: self.gain * pull}
        currents = {name: wiring.spread(name, a) for name, a in into.items()}
        currents |= {name: self.gain_hidden * a for name, a in own.hidden.items()}
        return own._replace(current=pull, target=target), currents

    def step(self, shared, own, params, local, teaching, wiring):
        # Every neuron of a unit is pulled by the whole current: no share of an error.
        teaching = teaching._replace(error=-own.current * wiring.unit)
        through, credit = self.through.step(
            shared, own.through, params, local, teaching, wiring
        )
        hidden = {name: -credit[name] for name in own.hidden}
        return own._replace(through=through, hidden=hidden), credit

    def adapt(self, shared, change):
        return self.through.adapt(shared, change)
