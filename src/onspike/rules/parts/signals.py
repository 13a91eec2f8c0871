"""Learning signals: who tells neuron i what to change."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.types import (
    INPUT,
    Key,
    Local,
    Params,
    Sample,
    Scalar,
    Teaching,
    Tree,
    Wiring,
)


class AbstractSignal(eqx.Module):
    """A learning signal L for every neuron: positive if a further spike does harm."""

    @abstractmethod
    def init(self, wiring: Wiring, key: Key) -> tuple[Tree, Tree]:
        """What all samples share (feedback weights) and what each has for itself."""

    @abstractmethod
    def rest(self, own: Tree) -> Tree:
        """`own` at the start of a sample."""

    @abstractmethod
    def step(
        self,
        shared: Tree,
        own: Tree,
        params: Params,
        local: dict[str, Local],
        teaching: Teaching,
        wiring: Wiring,
    ) -> tuple[Tree, dict[str, Float[Array, " n"]]]:
        """The signal's own state after a tick, and L by population."""

    def feedback(
        self,
        shared: Tree,
        own: Tree,
        sample: Sample,
        neurons: dict[str, Tree],
        wiring: Wiring,
        dt: Scalar,
    ) -> tuple[Tree, dict[str, Float[Array, " n"]]]:
        """What the signal injects into neurons before a tick: nothing, for most."""
        del shared, sample, neurons, wiring, dt
        return own, {}

    @abstractmethod
    def adapt(self, shared: Tree, change: dict[str, Array]) -> Tree:
        """Feedback weights after a write that changed the weights by `change`."""


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
        return shared | {n: b + change[n].T for n, b in shared.items() if n in change}


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


class NoSignal(AbstractSignal):
    """Hidden neurons hear nothing; the output hears its own error."""

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        credit = {p: jnp.zeros(n) for p, n in wiring.sizes}
        return own, credit | {wiring.output: at_output(teaching, wiring)}

    def adapt(self, shared, change):
        return shared


class Partial(AbstractSignal):
    """A signal that reaches a fixed random share of each hidden population.

    The others are taught nothing: they feel only what those that hear do to them. In a
    network without layers this is all that is left of hierarchy. In a stack, credit for
    lower layers still passes through neurons that do not hear.

    Args:
        signal: What is heard.
        share: Of the neurons of each hidden population; rounded to whole neurons.

    Raises:
        ValueError: If `share` does not lie between 0 and 1.
    """

    signal: AbstractSignal
    share: Scalar = 0.5

    def __check_init__(self) -> None:
        checks.probability("Partial", share=self.share)

    def init(self, wiring, key):
        for_signal, *keys = jax.random.split(key, 1 + len(wiring.hidden))
        shared, own = self.signal.init(wiring, for_signal)
        hears = {}
        for name, subkey in zip(wiring.hidden, keys, strict=True):
            n = wiring.size(name)
            place = jax.random.permutation(subkey, n)
            hears[name] = place.astype(float) < jnp.round(self.share * n)
        return (shared, hears), own

    def rest(self, own):
        return self.signal.rest(own)

    def step(self, shared, own, params, local, teaching, wiring):
        within, hears = shared
        own, credit = self.signal.step(within, own, params, local, teaching, wiring)
        heard = {
            name: jnp.where(hears[name], credit[name], jnp.zeros_like(credit[name]))
            for name in hears
            if name in credit
        }
        return own, credit | heard

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        return self.signal.feedback(shared[0], own, sample, neurons, wiring, dt)

    def adapt(self, shared, change):
        within, hears = shared
        return self.signal.adapt(within, change), hears


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


def at_output(teaching: Teaching, wiring: Wiring) -> Float[Array, " n"]:
    """dE/dz of the output's neurons: each makes its share of a unit's output."""
    return wiring.spread(wiring.output, teaching.error / wiring.unit)
