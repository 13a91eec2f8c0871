"""Signals that send the output's error back: through which weights."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal, at_output
from onspike.types import INPUT, Change, Local, Scalar, Teaching, Wiring


class Symmetric(AbstractSignal):
    r"""Credit flows back through the weights themselves: $L = W^T (\psi L_{post})$.

    Follows all projections without delay, through any number of layers, within the
    tick: no credit through time. Equals the gradient where what lies downstream has no
    memory. Needs weight transport.

    Args:
        output_slope: Whether credit passes through the output's own pseudo-derivative;
            not where the teaching is a current of the output neuron already.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 4.
    """

    output_slope: bool = eqx.field(static=True, default=True)

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        back = {name: w.T for name, w in params.weights.items()}
        return own, flow_back(back, local, teaching, wiring, self.output_slope)

    def adapt(self, shared, change):
        return shared


class SignSymmetric(AbstractSignal):
    r"""The same through signs of weights: $L = c \, \mathrm{sgn}(W)^T L_{post}$.

    One bit of each weight is transported.

    Args:
        scale: c, the size of every feedback weight.
        output_slope: As for `Symmetric`.

    Raises:
        ValueError: If `scale` is not positive.

    Source: Liao, Leibo & Poggio 2016, arXiv 1510.05067.
    """

    scale: Scalar = 0.3
    output_slope: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        checks.positive("SignSymmetric", "signal per signal", scale=self.scale)

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        back = {n: self.scale * jnp.sign(w).T for n, w in params.weights.items()}
        return own, flow_back(back, local, teaching, wiring, self.output_slope)

    def adapt(self, shared, change):
        return shared


class MirroredFeedback(AbstractSignal):
    r"""Feedback weights of their own that learn what the weights learn.

    Both synapses of a pair of neurons see the same activity, so $\Delta B = \Delta W^T$
    needs no transport. B starts at random and small, and is close to $W^T$ as soon as
    what was learnt outweighs where both began. B follows the change that the device was
    asked for; what the device makes of it (rounding, bounds) B does not see.

    Args:
        scale: Standard deviation of the initial B.
        output_slope: As for `Symmetric`.

    Raises:
        ValueError: If `scale` is negative.

    Source: Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486; Akrout et al. 2019,
        arXiv 1904.05391. The weight decay of the sources, which lets the beginnings
        fade, is left out.
    """

    scale: Scalar = 0.05
    output_slope: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        checks.non_negative("MirroredFeedback", "signal per signal", scale=self.scale)

    def init(self, wiring, key):
        backs = [(n, w) for n, w in wiring.wires if w.pre != INPUT and not w.delay]
        keys = jax.random.split(key, max(1, len(backs)))
        feedback = {
            name: self.scale * jax.random.normal(k, (wire.n_pre, wire.n_post), float)
            for (name, wire), k in zip(backs, keys, strict=False)
        }
        return feedback, ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        return own, flow_back(shared, local, teaching, wiring, self.output_slope)

    def adapt(self, shared, change):
        asked = {n: Change(c.step.T, c.decay) for n, c in change.items() if n in shared}
        return shared | {n: shared[n] + c.of(shared[n]) for n, c in asked.items()}


class RandomFeedback(AbstractSignal):
    r"""The output error through fixed random weights: $L_i = \sum_k B_{ik} err_k$.

    Reaches every hidden population directly; no weight transport.

    Args:
        scale: Standard deviation of B.

    Raises:
        ValueError: If `scale` is not positive.

    Source: Nøkland 2016, arXiv 1609.01596; for e-prop Bellec et al. 2020,
        doi:10.1038/s41467-020-17236-y.
    """

    scale: Scalar = 1.0

    def __check_init__(self) -> None:
        checks.positive("RandomFeedback", "signal per error", scale=self.scale)

    def init(self, wiring, key):
        keys = jax.random.split(key, max(1, len(wiring.hidden)))
        feedback = {
            p: self.scale * jax.random.normal(k, (wiring.size(p), wiring.n_out), float)
            for p, k in zip(wiring.hidden, keys, strict=False)
        }
        return feedback, ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        credit = {p: b @ teaching.error for p, b in shared.items()}
        return own, credit | {wiring.output: at_output(teaching, wiring)}

    def adapt(self, shared, change):
        return shared


def flow_back(
    back: dict[str, Float[Array, "n_pre n_post"]],
    local: dict[str, Local],
    teaching: Teaching,
    wiring: Wiring,
    output_slope: bool,
) -> dict[str, Float[Array, " n"]]:
    """The output's signal, sent against all projections without delay in one tick.

    Args:
        back: Feedback weights, by projection.
        local: What the synapses see.
        teaching: What the outside says about the output.
        wiring: The graph.
        output_slope: Whether credit passes through the output's pseudo-derivative.

    Returns:
        L by population.
    """
    credit = {p: jnp.zeros(n) for p, n in wiring.sizes}
    credit[wiring.output] = at_output(teaching, wiring)
    for population in reversed(wiring.order):
        for name, wire in wiring.wires:
            if wire.post == population and not wire.delay and wire.pre in credit:
                into = credit[population]
                if population != wiring.output or output_slope:
                    into = local[name].psi * local[name].gain * into
                credit[wire.pre] = credit[wire.pre] + back[name] @ into
    return credit
