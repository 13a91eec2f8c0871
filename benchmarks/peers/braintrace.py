"""braintrace: online learning in JAX, compiled (brainstate).

The recurrent LIF layer and `LeakyRateReadout` of its own SNN benchmark ("lif-delta":
one `braintrace.nn.Linear` of input and last spikes, `DeltaProj`, soft reset, `ReluGrad`
surrogate), compiled by `braintrace.compile` in batched form, single-step VJP, and
driven by its `etrace_grad`, everything under one jit. `pp_prop` decays by the
membrane's factor; `EProp` filters its traces with the readout's.
"""

import brainpy.state
import brainstate
import braintools
import braintrace
import jax
import jax.numpy as jnp

from case import Case
from workloads import (
    DECAY,
    RATE,
    RATE_ONLINE,
    TAU_TICKS,
    THRESHOLD,
    Workload,
    data,
    weights,
)

brainstate.environ.set(dt=1.0)


class Net(brainstate.nn.Module):
    def __init__(self, w: Workload):
        super().__init__()
        first = weights(w)
        self.hidden = brainpy.state.LIF(
            w.n_hidden,
            R=1.0,
            tau=TAU_TICKS,
            V_th=THRESHOLD,
            V_reset=0.0,
            V_rest=0.0,
            V_initializer=braintools.init.ZeroInit(),
            spk_fun=braintools.surrogate.ReluGrad(),
            spk_reset="soft",
        )
        both = jnp.concatenate([first.w_in, first.w_rec])
        self.enter = brainpy.state.DeltaProj(
            comm=braintrace.nn.Linear(
                w.n_in + w.n_hidden, w.n_hidden, w_init=both, b_init=None
            ),
            post=self.hidden,
        )
        self.readout = braintrace.nn.LeakyRateReadout(
            w.n_hidden, w.n_out, tau=TAU_TICKS, w_init=lambda shape: first.w_out
        )

    def update(self, x):
        self.enter(jnp.concatenate([x, self.hidden.get_spike()], axis=-1))
        self.hidden(0.0)
        return self.readout(self.hidden.get_spike())


class Ready:
    """A compiled learner, its data, and the loss of one tick."""

    def __init__(self, w: Workload, algorithm, optimiser, **options):
        self.w, self.net = w, Net(w)
        x, label = data(w)
        self.x, self.label = jnp.asarray(x, jnp.float32), jnp.asarray(label)
        self.learner = braintrace.compile(
            self.net, algorithm, self.x[0], batch_size=w.batch, **options
        )
        self.optimiser = optimiser
        self.optimiser.register_trainable_weights(self.learner.param_states)
        self.seen = {}

    def loss(self, x):
        y = self.learner(x)
        each = braintools.metric.softmax_cross_entropy_with_integer_labels(
            y, self.label
        )
        return each.mean(), self.net.hidden.get_spike().mean()

    def rest(self):
        brainstate.nn.reset_all_states(self.net, batch_size=self.w.batch)
        self.learner.reset_state(batch_size=self.w.batch)

    def figures(self):
        return {name: float(value) for name, value in self.seen.items()}

    def run(self, one):
        def step():
            self.seen.update(jax.block_until_ready(one(self.x)))

        return Case(step, self.w.ticks, self.figures)


def batch(w: Workload, algorithm, **options) -> Case:
    optimiser = braintools.optim.Adam(lr=RATE)
    ready = Ready(w, algorithm, optimiser, **options)

    @brainstate.transform.jit
    def one(x):
        ready.rest()
        gradient, losses, spikes = ready.learner.etrace_grad(
            x, step_fn=ready.loss, has_aux=True, return_value=True
        )
        ready.optimiser.update(gradient)
        return {"spikes": spikes.mean(), "loss": losses.mean()}

    return ready.run(one)


def train(w: Workload) -> Case:
    return batch(w, braintrace.pp_prop, decay_or_rank=DECAY)


def eprop(w: Workload) -> Case:
    return batch(w, braintrace.EProp, kappa_filter_decay=DECAY)


def each_tick(w: Workload):
    """What one tick does where weights are written at every tick."""
    optimiser = braintools.optim.SGD(lr=RATE_ONLINE)
    ready = Ready(w, braintrace.pp_prop, optimiser, decay_or_rank=DECAY)
    gradient_of = brainstate.transform.grad(
        ready.loss, ready.learner.param_states, has_aux=True, return_value=True
    )

    def tick(x):
        gradient, _, spikes = gradient_of(x)
        ready.optimiser.update(gradient)
        return spikes

    return ready, tick


def online(w: Workload) -> Case:
    ready, tick = each_tick(w)

    @brainstate.transform.jit
    def one(x):
        ready.rest()
        return {"spikes": brainstate.transform.for_loop(tick, x).mean()}

    return ready.run(one)


def calls(w: Workload) -> Case:
    ready, tick = each_tick(w)
    one = brainstate.transform.jit(tick)
    rest = brainstate.transform.jit(ready.rest)

    def step(x):
        rest()
        spikes = [jax.block_until_ready(one(now)) for now in x]
        return {"spikes": sum(map(float, spikes)) / len(spikes)}

    ready.x = list(ready.x)
    return ready.run(step)
