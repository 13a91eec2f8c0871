"""Whether control comes to rest, near the activity without control."""

from collections.abc import Mapping

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from onspike.learners.parts.circuit import Circuit
from onspike.learners.parts.controller import Controller
from onspike.learners.parts.feedback import Loop, Q
from onspike.types import Scalar


def linearised(
    circuit: Circuit, controller: Controller, q: Q
) -> tuple[dict[str, Float[Array, "n_out n_out"]], Float[Array, "n_loop n_loop"]]:
    """How the loop answers a small deviation.

    Returns:
        Each population's share of JQ, and the derivative of an Euler step by the loop's
        own state.
    """
    j, v = circuit.jacobian(), circuit.free()
    y = circuit.output(v)
    step = circuit.euler(controller, q, y)
    flat, unravel = jax.flatten_util.ravel_pytree(Loop(v, jnp.zeros_like(y)))

    def flat_step(flat):
        return jax.flatten_util.ravel_pytree(step(unravel(flat), {})[0])[0]

    return {name: j[name] @ q[name] for name in j}, jax.jacfwd(flat_step)(flat)


def check_feedback(leak: Scalar, shares: Mapping[str, np.ndarray], where: str) -> None:
    r"""Raises ValueError if an eigenvalue of $JQ + \tilde\alpha 1$ is not positive.

    It names the population with the largest part in it.

    Args:
        leak: $\tilde\alpha$.
        shares: Each population's share of JQ.
        where: The sample, for the error.

    Source: Meulemans et al. 2021, arXiv 2106.07887.
    """
    values, vectors = np.linalg.eig(sum(shares.values()))
    worst = int(np.argmin(np.real(values)))
    least = float(np.real(values[worst]))
    if least + float(leak) > 0:
        return
    mode = vectors[:, worst]
    parts = {n: float(np.real(mode.conj() @ a @ mode)) for n, a in shares.items()}
    name = min(parts, key=lambda n: parts[n])
    raise ValueError(
        f"DFC.feedback makes control unstable on {where}: JQ has an eigenvalue with "
        f"real part {least:.3g}, to which the weights onto '{name}' "
        f"contribute {parts[name]:.3g}; use smaller ones (rule.feedback_scale), or the "
        "transposed Jacobian (rule.feedback=transposed)"
    )


def check_steps(growth: np.ndarray, where: str) -> None:
    """Raises ValueError if Euler steps carry the loop away from rest.

    Args:
        growth: Derivative of a step by the loop's state.
        where: The sample, for the error.
    """
    fastest = float(np.max(np.abs(np.linalg.eigvals(growth))))
    if not fastest < 1:
        raise ValueError(
            f"DFC.controller diverges on {where}: an Euler step multiplies a deviation "
            f"by {fastest:.3g}; lower its gain or its dt (rule.gain, rule.dt)"
        )
