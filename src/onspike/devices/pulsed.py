"""Memristive weights, written by pulses."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.fixed import AbstractWrite, StochasticRounding
from onspike.devices.layer import split
from onspike.types import Key, Params, Scalar, is_constant

Each = Float[Array, "n_post n_pre"]


class Cells(NamedTuple):
    """What chance made of a projection's synapses, in units of its scale."""

    up: Each  # step of an up pulse at 0
    down: Each  # and of a down pulse, > 0
    w_max: Each
    w_min: Each
    keep: Each  # share of a weight that a write leaves


class PulsedState(NamedTuple):
    """What a die stores; all weights in units of their projection's scale."""

    w: dict[str, Each]  # persistent weights, by projection
    noise: dict[str, Each]  # apparent minus persistent; empty without write noise
    cells: dict[str, Cells]
    scale: dict[str, Float[Array, ""]]  # weight units, by projection
    constants: dict[str, Float[Array, "n_post 1"]]  # learnt by neurons
    pulsed: Int[Array, ""]  # synapses to which the last write sent pulses
    others: Params  # all but the weights


class Pulsed(AbstractDevice):
    r"""Conductances with soft bounds that change by pulses, up or down.

    An up pulse adds $\Delta^+ (1 - w / w_{\max}) (1 + \sigma \xi)$ to a weight, a down
    pulse takes $\Delta^- (1 - w / w_{\min}) (1 + \sigma \xi)$ away; neither passes the
    bounds. Both steps and both bounds are the synapse's own:
    $\Delta^\pm = \mathrm{dw\_min} (1 + s_1 \xi_1 \pm \beta)$ with
    $\beta = \mathrm{up\_down} + s_2 \xi_2$. What is drawn with the wrong sign is
    mirrored.

    A wish becomes a whole number of pulses of the mean step, so the writer knows
    neither the weight nor the synapse: far from the bounds the mean change is the wish
    (as long as `pulses` suffice), near them it is less. With $a = \Delta / |w_b|$ and
    $u = 1 - w / w_b$ of the bound ahead, n pulses bring u to $(1 - a)^n u$ in the mean,
    with the variance $u^2 [((1-a)^2 + a^2 \sigma^2)^n - (1-a)^{2n}]$; where noise is
    additive, $a^2 \sigma^2 [1 - (1-a)^{2n}] / [1 - (1-a)^2]$. They are drawn at once,
    as a normal variable of that mean and variance: for one pulse, and for additive
    noise, that is the law itself.

    With write noise the network sees an apparent weight, the persistent one plus a
    normal variable that each write to the synapse draws anew. Retention: each write of
    a projection takes 1/lifetime of all its persistent weights, also where no pulse is
    sent; this is not counted as a write.

    Weights and bounds are in units of a scale that each projection gets when the die is
    programmed. Initial weights beyond a synapse's bounds are cut; one of exactly 0 has
    no write noise until a pulse comes. Learnt constants of neurons are no synapses, and
    take any change.

    The names are those of aihwkit; its `desired_bl` is `pulses`.

    Args:
        dw_min: Mean step of a pulse at w = 0, relative to the scale, as are the bounds.
        dw_min_dtod: $s_1$, its standard deviation from device to device, over the mean.
        dw_min_std: $\sigma$, from cycle to cycle, over the step.
        up_down: How much larger than dw_min an up pulse is, and a down pulse smaller,
            over dw_min.
        up_down_dtod: $s_2$, the same from device to device.
        w_max: Mean upper bound.
        w_max_dtod: Its standard deviation from device to device, over the mean.
        w_min: Mean lower bound, negative.
        w_min_dtod: Its standard deviation from device to device, over the mean.
        write_noise_std: Standard deviation of write noise, over dw_min.
        lifetime: In writes; 0 keeps weights for ever.
        lifetime_dtod: Its standard deviation from device to device, over the mean.
        mult_noise: Whether noise from cycle to cycle scales with the step at w, not
            with the step at 0.
        pulses: The most that a write sends to a synapse; larger wishes are cut.
        write_mode: How a change becomes whole pulses.
        headroom: Scale over the largest initial weight of the projection.
        scale: The scale itself, by projection; overrides `headroom`.

    Raises:
        ValueError: If a number is out of its range, or a `scale` belongs to what does
            not exist.

    Source: the soft-bounds device of aihwkit, Rasch et al. 2021, arXiv 2104.02184, and
        its documentation.
    """

    dw_min: Scalar = 0.001
    dw_min_dtod: Scalar = 0.3
    dw_min_std: Scalar = 0.3
    up_down: Scalar = 0.0
    up_down_dtod: Scalar = 0.01
    w_max: Scalar = 1.0
    w_max_dtod: Scalar = 0.3
    w_min: Scalar = -1.0
    w_min_dtod: Scalar = 0.3
    write_noise_std: Scalar = 0.0
    lifetime: Scalar = 0.0
    lifetime_dtod: Scalar = 0.0
    mult_noise: bool = eqx.field(static=True, default=True)
    pulses: int = eqx.field(static=True, default=31)
    write_mode: AbstractWrite = StochasticRounding()
    headroom: Scalar = 2.0
    scale: dict[str, Scalar] | None = None

    def __check_init__(self) -> None:
        unit = "units of the scale"
        checks.positive("Pulsed", unit, dw_min=self.dw_min, w_max=self.w_max)
        checks.negative("Pulsed", unit, w_min=self.w_min)
        checks.finite("Pulsed", "1 (a share)", up_down=self.up_down)
        share = 1.0 - abs(self.up_down)
        checks.positive("Pulsed", "shares of a step that it leaves", up_down=share)
        spread = ("dw_min_dtod", "dw_min_std", "up_down_dtod", "w_max_dtod")
        spread += ("w_min_dtod", "lifetime_dtod", "write_noise_std")
        sds = {name: getattr(self, name) for name in spread}
        checks.non_negative("Pulsed", "1 (sd over mean)", **sds)
        checks.zero_or_above("Pulsed", "writes", 1, lifetime=self.lifetime)
        checks.at_least("Pulsed", "pulses", 1, pulses=self.pulses)
        checks.positive("Pulsed", "1 (a factor)", headroom=self.headroom)
        checks.positive("Pulsed.scale", "weight units", **(self.scale or {}))

    def fabricate(self, params, wiring, key):
        del wiring
        synapses = {n: w for n, w in params.weights.items() if not is_constant(n)}
        for name in self.scale or {}:
            checks.known("projection in Pulsed.scale", name, synapses)
        w, noise, cells, scale = {}, {}, {}, {}
        for name, k in split(key, synapses).items():
            for_cells, for_noise = jax.random.split(k)
            initial = synapses[name]
            cells[name] = self._cells(initial, for_cells)
            scale[name] = self._scale(name, initial)
            w[name] = _within(initial / scale[name], cells[name])
            if not _is_zero(self.write_noise_std):
                drawn = self._write_noise(initial, for_noise)
                noise[name] = jnp.where(initial == 0, jnp.zeros_like(drawn), drawn)
        return PulsedState(
            w=w,
            noise=noise,
            cells=cells,
            scale=scale,
            constants={n: c for n, c in params.weights.items() if is_constant(n)},
            pulsed=jnp.zeros((), jnp.int32),
            others=params._replace(weights={}),
        )

    def read(self, stored):
        weights = dict(stored.constants)
        for name, w in stored.w.items():
            apparent = w + stored.noise[name] if name in stored.noise else w
            weights[name] = apparent * stored.scale[name]
        return stored.others._replace(weights=weights)

    def write(self, stored, change, key):
        w, noise, pulsed = dict(stored.w), dict(stored.noise), jnp.zeros((), jnp.int32)
        constants = {n: c + change.get(n, 0.0) for n, c in stored.constants.items()}
        for name, k in split(key, stored.w).items():
            if name in change:
                for_number, for_cycles, for_noise = jax.random.split(k, 3)
                step = self.dw_min * stored.scale[name]
                n = self._number(change[name] / step, for_number)
                hit, cells = n != 0, stored.cells[name]
                w[name] = cells.keep * jnp.where(
                    hit, self._after(w[name], n, cells, for_cycles), w[name]
                )
                if name in noise:
                    fresh = self._write_noise(n, for_noise)
                    noise[name] = jnp.where(hit, fresh, noise[name])
                pulsed = pulsed + jnp.sum(hit).astype(jnp.int32)
        return stored._replace(w=w, noise=noise, constants=constants, pulsed=pulsed)

    def written(self, before, after, change):
        del change
        old, new = before.constants, after.constants
        moved = sum((jnp.sum(new[n] != old[n]) for n in new), jnp.zeros((), int))
        return after.pulsed + moved.astype(jnp.int32)

    def drawn(self, stored):
        fields = {"step up": "up", "step down": "down"}
        fields |= {"highest": "w_max", "lowest": "w_min"}
        return {
            what: {name: getattr(c, field) for name, c in stored.cells.items()}
            for what, field in fields.items()
        }

    def bits_per_weight(self):
        """Of a memory with as many states as there are steps between the bounds."""
        states = float((self.w_max - self.w_min) / self.dw_min)
        return max(1, math.ceil(math.log2(states)))

    def _cells(self, w: Each, key: Key) -> Cells:
        """The synapses of a projection, as they come from the fab."""
        gain, bias, high, low, life = jax.random.normal(key, (5, *w.shape), float)
        gain = 1.0 + self.dw_min_dtod * gain
        bias = self.up_down + self.up_down_dtod * bias
        lifetime = jnp.abs(self.lifetime * (1.0 + self.lifetime_dtod * life))
        kept = jnp.maximum(1.0 - 1.0 / jnp.where(lifetime > 0, lifetime, 1.0), 0.0)
        return Cells(
            up=jnp.abs(self.dw_min * (gain + bias)),
            down=jnp.abs(self.dw_min * (gain - bias)),
            w_max=jnp.abs(self.w_max * (1.0 + self.w_max_dtod * high)),
            w_min=-jnp.abs(self.w_min * (1.0 + self.w_min_dtod * low)),
            keep=jnp.where(lifetime > 0, kept, 1.0),
        )

    def _number(self, steps: Each, key: Key) -> Each:
        """How many pulses, up (> 0) or down (< 0), come of wishes in steps."""
        steps = jnp.where(jnp.isnan(steps), jnp.zeros_like(steps), steps)
        return self.write_mode(jnp.clip(steps, -self.pulses, self.pulses), key)

    def _after(self, w: Each, n: Each, cells: Cells, key: Key) -> Each:
        """Weights after n pulses; where n is 0 this means nothing."""
        up, times = n > 0, jnp.maximum(jnp.abs(n), 1.0)
        bound = jnp.where(up, cells.w_max, cells.w_min)
        a = jnp.minimum(jnp.where(up, cells.up, cells.down) / jnp.abs(bound), 1.0)
        u = 1.0 - w / bound
        # In logarithms, as few bits would lose small steps in 1 - a.
        went = -jnp.expm1(times * jnp.log1p(-a))  # 1 - (1 - a)^n
        if self.mult_noise:
            one = jnp.square(a * self.dw_min_std)
            square = jnp.square(1.0 - a) + one
            share = one / jnp.maximum(square, jnp.finfo(square.dtype).tiny)
            several = square**times * -jnp.expm1(times * jnp.log1p(-share))
            sd = u * jnp.sqrt(several)
        else:
            several = went * (2.0 - went) / (2.0 - a)
            sd = self.dw_min_std * jnp.sqrt(a * several)
        moved = u * went + sd * jax.random.normal(key, w.shape, float)
        return _within(w + bound * moved, cells)

    def _write_noise(self, like: Each, key: Key) -> Each:
        sd = self.write_noise_std * self.dw_min
        return sd * jax.random.normal(key, like.shape, float)

    def _scale(self, name: str, w: Each) -> Float[Array, ""]:
        if self.scale is not None and name in self.scale:
            return jnp.asarray(self.scale[name], w.dtype)
        largest = jnp.max(jnp.abs(w))
        return self.headroom * jnp.where(largest > 0, largest, jnp.ones_like(largest))


def _within(w: Each, cells: Cells) -> Each:
    return jnp.clip(w, cells.w_min, cells.w_max)


def _is_zero(number: Scalar) -> bool:
    """Whether something is switched off for good: then nothing is kept for it."""
    return isinstance(number, int | float) and number == 0
