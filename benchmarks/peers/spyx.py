"""spyx: backpropagation through time in JAX (Flax NNX).

`Sequential` of `Linear`, `RLIF`, `Linear` and `LI`, run by its `run` (a scan) and
trained by its `make_train_step`, compiled as a whole, with the triangular surrogate of
its quickstart. Its neurons spike on the membrane of the tick before, and the decays are
learnt too, which is one number each.
"""

import jax
import jax.numpy as jnp
import optax
import spyx
import spyx.nn as snn
from flax import nnx

from case import Case
from workloads import DECAY, RATE, THRESHOLD, Workload, data, weights


def train(w: Workload) -> Case:
    first, rngs = weights(w), nnx.Rngs(0)
    model = snn.Sequential(
        nnx.Linear(w.n_in, w.n_hidden, use_bias=False, rngs=rngs),
        snn.RLIF(
            (w.n_hidden,),
            beta=DECAY,
            threshold=THRESHOLD,
            activation=spyx.axn.triangular(),
            rngs=rngs,
        ),
        nnx.Linear(w.n_hidden, w.n_out, use_bias=False, rngs=rngs),
        snn.LI((w.n_out,), beta=DECAY, rngs=rngs),
    )
    enter, hidden, leave, _ = model.layers
    enter.kernel[...], leave.kernel[...] = first.w_in, first.w_out
    hidden.recurrent_w[...] = first.w_rec
    x, label = data(w)
    x, label = jnp.asarray(x, jnp.float32), jnp.asarray(label)

    def loss(model, x, label):
        outputs, _ = snn.run(model, x)
        labels = jnp.broadcast_to(label, outputs.shape[:2])
        each = optax.softmax_cross_entropy_with_integer_labels(outputs, labels)
        return each.mean()

    optimiser = nnx.Optimizer(model, optax.adam(RATE), wrt=nnx.Param)
    one = spyx.optimize.make_train_step(loss)
    seen = {}

    def step():
        seen["loss"] = jax.block_until_ready(one(model, optimiser, x, label))

    def figures():
        spikes, _ = snn.run(snn.Sequential(enter, hidden), x)
        return {"spikes": float(spikes.mean()), "loss": float(seen["loss"])}

    return Case(step, w.ticks, figures)
