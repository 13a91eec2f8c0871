"""Signals that reach every hidden population directly: which message, through B."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal, at_output
from onspike.types import Scalar, Teaching


class AbstractMessage(eqx.Module):
    """What the outside broadcasts about the output, one number per output unit."""

    @abstractmethod
    def __call__(self, teaching: Teaching) -> Float[Array, " n_out"]:
        """The message of a tick; zero where no target is valid."""


class ErrorMessage(AbstractMessage):
    r"""The error itself, $q = \partial E / \partial y$: direct feedback alignment.

    Source: Nøkland 2016, arXiv 1609.01596.
    """

    def __call__(self, teaching):
        return teaching.error


class SignMessage(AbstractMessage):
    r"""One trit per output, $q = \mathrm{sgn}(\partial E / \partial y)$.

    With softmax or sigmoid outputs the error is never zero, and its sign says no more
    than the label does.

    Source: Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892.
    """

    def __call__(self, teaching):
        return jnp.sign(teaching.error)


class TargetMessage(AbstractMessage):
    """The one-hot target, as if it were the gradient: direct random target projection.

    For classification only: there the error of each output has one sign for the true
    class and the other for all others, whatever the output says. In regression the
    target knows nothing of the error's sign.

    Source: Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892.
    """

    def __call__(self, teaching):
        silence = jnp.zeros_like(teaching.target)
        return jnp.where(teaching.mask, teaching.target, silence)


class DirectFeedback(AbstractSignal):
    r"""A message through fixed random weights: $L_i = \sum_k B_{ik} q_k$.

    Reaches every hidden population at once; no weight transport. The output hears its
    own error.

    Args:
        scale: Standard deviation of B, which is normal.
        message: q, what is broadcast.

    Raises:
        ValueError: If `scale` is not positive.

    Source: Nøkland 2016, arXiv 1609.01596; for e-prop Bellec et al. 2020,
        doi:10.1038/s41467-020-17236-y.
    """

    scale: Scalar = 1.0
    message: AbstractMessage = ErrorMessage()

    def __check_init__(self) -> None:
        checks.positive("DirectFeedback", "signal per message", scale=self.scale)

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
        message = self.message(teaching)
        credit = {p: b @ message for p, b in shared.items()}
        return own, credit | {wiring.output: at_output(teaching, wiring)}

    def adapt(self, shared, change):
        return shared
