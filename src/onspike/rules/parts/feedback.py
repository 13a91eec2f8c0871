"""Signals that send the output's error back layer by layer: through which weights."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal, at_output
from onspike.types import (
    INPUT,
    Change,
    Key,
    Local,
    Params,
    Scalar,
    Teaching,
    Tree,
    Wiring,
)

Back = dict[str, Float[Array, "n_pre n_post"]]  # feedback weights, by projection


class AbstractLayered(AbstractSignal):
    r"""Credit flows back through all layers: $L = \sum_{post} B (\psi L_{post})$.

    Against all projections without delay, through any number of layers, within the
    tick: no credit through time. The populations take turns, from the output down.
    """

    output_slope: eqx.AbstractVar[bool]  # through the output's own pseudo-derivative

    @abstractmethod
    def back(self, shared: Tree, params: Params) -> Back:
        """The feedback weights of a tick."""

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        back = self.back(shared, params)
        return own, flow_back(back, local, teaching, wiring, self.output_slope)


class Symmetric(AbstractLayered):
    r"""Backpropagation's signal: credit through the weights themselves, $B = W^T$.

    Equals the gradient where what lies downstream has no memory. Needs weight
    transport.

    Args:
        output_slope: Whether credit passes through the output's own pseudo-derivative;
            not where the teaching is a current of the output neuron already.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 4.
    """

    output_slope: bool = eqx.field(static=True, default=True)

    def init(self, wiring, key):
        return (), ()

    def back(self, shared, params):
        return {name: w.T for name, w in params.weights.items()}

    def adapt(self, shared, change):
        return shared


class SignSymmetric(AbstractLayered):
    r"""Credit through the signs of the weights: $B = c \, \mathrm{sgn}(W)^T$.

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

    def back(self, shared, params):
        return {n: self.scale * jnp.sign(w).T for n, w in params.weights.items()}

    def adapt(self, shared, change):
        return shared


class FeedbackAlignment(AbstractLayered):
    """Credit through fixed random weights, layer by layer.

    The weights come to align with what is sent back through B. No weight transport, but
    each layer waits for the one above. B is dense, also where a projection is sparse.

    Args:
        scale: Standard deviation of B, which is normal; sqrt(2 / n) for a layer of n
            is the size of initial weights (Kaiming).
        output_slope: As for `Symmetric`.

    Raises:
        ValueError: If `scale` is not positive.

    Source: Lillicrap et al. 2016, doi:10.1038/ncomms13276.
    """

    scale: Scalar = 0.1
    output_slope: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        checks.positive("FeedbackAlignment", "signal per signal", scale=self.scale)

    def init(self, wiring, key):
        return draw_back(wiring, self.scale, key), ()

    def back(self, shared, params):
        return shared

    def adapt(self, shared, change):
        return shared


class KolenPollack(AbstractLayered):
    r"""Feedback weights of their own that learn what the weights learn.

    Both synapses of a pair of neurons see the same activity, so $\Delta B = \Delta W^T$
    needs no transport. B starts at random and small. With weight decay, which B shares,
    what is left of where both began shrinks by the same factor at every write, and B
    becomes $W^T$; without, it stays, and is outweighed by what is learnt. B follows the
    change that the device was asked for; what the device makes of it (rounding, bounds)
    B does not see.

    Args:
        scale: Standard deviation of the initial B.
        output_slope: As for `Symmetric`.

    Raises:
        ValueError: If `scale` is negative.

    Source: Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486; Akrout et al. 2019,
        arXiv 1904.05391.
    """

    scale: Scalar = 0.05
    output_slope: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        checks.non_negative("KolenPollack", "signal per signal", scale=self.scale)

    def init(self, wiring, key):
        return draw_back(wiring, self.scale, key), ()

    def back(self, shared, params):
        return shared

    def adapt(self, shared, change):
        asked = {n: Change(c.step.T, c.decay) for n, c in change.items() if n in shared}
        return shared | {n: shared[n] + c.of(shared[n]) for n, c in asked.items()}


def draw_back(wiring: Wiring, scale: Scalar, key: Key) -> Back:
    """Normal feedback weights for every projection that credit can cross."""
    crossed = [(n, w) for n, w in wiring.wires if w.pre != INPUT and not w.delay]
    keys = jax.random.split(key, max(1, len(crossed)))
    return {
        name: scale * jax.random.normal(k, (wire.n_pre, wire.n_post), float)
        for (name, wire), k in zip(crossed, keys, strict=False)
    }


def flow_back(
    back: Back,
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
