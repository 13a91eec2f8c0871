"""Synapses with two stable states."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.types import Params, Scalar, is_constant


class BistableState(NamedTuple):
    """What a die stores."""

    x: dict[str, Float[Array, "n_post n_pre"]]  # 0 to 1, by projection
    sign: dict[str, Float[Array, "n_post n_pre"]]  # wiring: 1, -1, or 0 for no synapse
    strong: dict[str, Float[Array, ""]]  # size of a strong synapse, by projection
    constants: dict[str, Float[Array, "n_post 1"]]  # learnt by neurons
    others: Params  # all but the weights


class Bistable(AbstractDevice):
    r"""Each synapse is weak or strong: $X \in [0, 1]$ says which, and drifts to 0 or 1.

    $|w|$ is `strong` if $X > \theta$, else `weak` times that: the network sees two
    values. To change w by their distance is to change X by 1. After each change X
    drifts, up by `drift_up` if $X > \theta$, else down by `drift_down`, and stays
    within 0 and 1. So both states last, and what does not carry X across $\theta$ is
    forgotten, from just below it in $\theta$ / drift_down writes.

    Drift is per write: with a write in every tick, a drift per second is `drift / dt`.
    All synapses of a projection that is written drift, also where the change is 0.
    Drift alone never changes a weight, and is not counted as a write.

    A synapse has the sign of its initial weight, for good; an initial weight of exactly
    0 is no synapse. A positive change makes excitation stronger and inhibition weaker.
    X starts where the initial size lies between weak and strong. Learnt constants of
    neurons are no synapses, and take any change.

    Args:
        strong: Size of a strong synapse, in weight units; None for twice the mean
            initial size in its projection, so that about as much flows at first.
        weak: Size of a weak synapse, as a share of that.
        theta: $\theta$, between the states.
        drift_up: Drift above it, in X per write.
        drift_down: Drift below it, in X per write.

    Raises:
        ValueError: If `strong` is not positive, `weak` or `theta` not between 0 and 1,
            or a drift negative.

    Source: Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881.
    """

    strong: Scalar | None = None
    weak: Scalar = 0.0
    theta: Scalar = 0.5
    drift_up: Scalar = 3.5e-3
    drift_down: Scalar = 3.5e-3

    def __check_init__(self) -> None:
        if self.strong is not None:
            checks.positive("Bistable", "weight units", strong=self.strong)
        checks.probability("Bistable", weak=self.weak, theta=self.theta)
        checks.positive("Bistable", "shares above weak", strong=1.0 - self.weak)
        drifts = dict(drift_up=self.drift_up, drift_down=self.drift_down)
        checks.non_negative("Bistable", "X per write", **drifts)

    def fabricate(self, params, wiring, key):
        del wiring, key
        synapses = {n: w for n, w in params.weights.items() if not is_constant(n)}
        constants = {n: c for n, c in params.weights.items() if is_constant(n)}
        strong = {n: self._strong(w) for n, w in synapses.items()}
        x = {
            n: jnp.clip((jnp.abs(w) / strong[n] - self.weak) / (1.0 - self.weak), 0, 1)
            for n, w in synapses.items()
        }
        sign = {n: jnp.sign(w) for n, w in synapses.items()}
        return BistableState(x, sign, strong, constants, params._replace(weights={}))

    def read(self, stored):
        weights = dict(stored.constants)
        for name, x in stored.x.items():
            share = jnp.where(x > self.theta, jnp.ones_like(x), self.weak)
            weights[name] = stored.sign[name] * stored.strong[name] * share
        return stored.others._replace(weights=weights)

    def write(self, stored, change, key):
        del key
        x, constants = dict(stored.x), dict(stored.constants)
        for name, wish in change.items():
            if name in constants:
                constants[name] = constants[name] + wish
                continue
            range_ = stored.strong[name] * (1.0 - self.weak)
            moved = x[name] + stored.sign[name] * wish / range_
            x[name] = self._drifted(jnp.clip(moved, 0.0, 1.0))
        return stored._replace(x=x, constants=constants)

    def written(self, before, after, change):
        old, new = (s.x | s.constants for s in (before, after))
        moved = {n: new[n] != old[n] for n in change}
        return sum(
            (jnp.sum(moved[n] & (wish != 0)) for n, wish in change.items()),
            jnp.zeros((), int),
        ).astype(jnp.int32)

    def bits_per_weight(self):
        return 8 * jnp.zeros(()).dtype.itemsize

    def _strong(self, w: Array) -> Array:
        if self.strong is not None:
            return jnp.asarray(self.strong, w.dtype)
        mean = jnp.mean(jnp.abs(w))
        return 2.0 * jnp.where(mean > 0, mean, jnp.ones_like(mean))

    def _drifted(self, x: Array) -> Array:
        up = jnp.minimum(x + self.drift_up, 1.0)
        down = jnp.maximum(x - self.drift_down, 0.0)
        return jnp.where(x > self.theta, up, down)
