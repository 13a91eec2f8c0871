"""Which of 100 synapses earned a reward that comes up to a second late.

100 inputs fire at random onto one neuron. Whenever a spike of one chosen synapse is
followed by a spike of the neuron within 10 ms, a reward arrives after a random delay:
one number, the same for all synapses. R-STDP has to find the synapse. A closed loop
around `learner.tick`; all seeds are one program.

    python studies/reward.py [--out runs/study/reward/late] [--seeds 100,101,...]
"""

from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import together
from jaxtyping import Array

from onspike import LIF, Learner, feedforward
from onspike.devices import Clamped, Ideal
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.report import style
from onspike.rules import Homeostasis, Terms, rstdp
from onspike.tasks import AbstractTask
from onspike.types import Sample

SECONDS = 600
SECOND = 1000  # ticks
CHOSEN = 7
START, BOUND = 0.08, 0.4  # weights, in thresholds
WINDOW = 10  # ticks from a presynaptic to a postsynaptic spike that earn a reward
ARMS = {  # time constant of what a synapse remembers, and rate of the scaling
    "R-STDP and scaling": (1.0, 0.02),
    "a memory of 20 ms": (0.02, 0.02),
    "no scaling": (1.0, 0.0),
}


class Noise(AbstractTask):
    """Random spikes without target or end. What is good, only the loop says."""

    n: int = eqx.field(static=True, default=100)
    rate: float = 5.0  # of every input, in hertz
    ticks: int = eqx.field(static=True, default=SECOND)
    dt: float = 1e-3
    loss: AbstractLoss = CrossEntropy()

    @property
    def n_in(self):
        return self.n

    @property
    def n_out(self):
        return 1

    def size(self, split):
        raise NotImplementedError

    def episode(self, split, index, key):
        raise NotImplementedError

    def block(self, episode, start, length):
        raise NotImplementedError

    def mask(self):
        return jnp.zeros(self.ticks, bool)

    def draw(self, key) -> Array:
        """The input of a second."""
        chance = jax.random.uniform(key, (self.ticks, self.n))
        return (chance < self.rate * self.dt).astype(float)


class World(NamedTuple):
    """What the environment remembers."""

    since: Array  # ticks since the chosen synapse's last spike
    coming: Array  # rewards on their way, by tick of arrival


def learner(tau=1.0, scaling=0.02, rate=2e-3, n=100, target=5.0) -> Learner:
    """One neuron; its synapses excite. Scaling holds its rate."""
    net = feedforward(n, LIF(), (), 1, readout=LIF(), gains=(0.0,), mean_out=START)
    rule = rstdp(rate, tau=tau)
    if scaling:
        rule = Terms((rule, Homeostasis(rate=scaling, target=target)))
    return Learner(net, rule, Clamped(Ideal(), bound=BOUND, lower=0.0))


def live(learner: Learner, task: Noise, key, seconds: int, late: int = SECOND):
    """Weights, rewards and spikes by second; a reward is under `late` ticks late."""

    def tick(carry, now):
        state, world = carry
        x, t, delay = now
        sample = Sample(
            x=x[None],
            target=jnp.zeros((1, 1)),
            mask=jnp.zeros((), bool),  # no target is ever valid
            reward=world.coming[t % late][None],
            first=jnp.zeros((), bool),
            last=jnp.zeros((), bool),
        )
        state, seen = learner.tick(task, state, sample)
        fired = seen.z["out"][0, 0]
        earned = jnp.where(world.since <= WINDOW, fired, jnp.zeros_like(fired))
        coming = world.coming.at[t % late].set(0.0)
        coming = coming.at[(t + delay) % late].add(earned)
        since = jnp.where(x[CHOSEN] > 0, 1, world.since + 1)
        return (state, World(since, coming)), (earned, fired)

    def second(carry, s):
        for_x, for_delay = jax.random.split(jax.random.fold_in(key, s))
        t = s * SECOND + jnp.arange(SECOND)
        delay = jax.random.randint(for_delay, (SECOND,), 1, late)
        carry, seen = jax.lax.scan(tick, carry, (task.draw(for_x), t, delay))
        earned, fired = (one.sum() for one in seen)
        return carry, (learner.params(carry[0]).weights["out"][0], earned, fired)

    start = learner.init(key), World(jnp.asarray(SECOND), jnp.zeros(late))
    return jax.lax.scan(second, start, jnp.arange(seconds))[1]


def lives(learner: Learner, task: Noise, seeds: list[int], seconds: int, **world):
    """The same for many seeds, as NumPy arrays: seed first."""
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    run = jax.jit(jax.vmap(lambda key: live(learner, task, key, seconds, **world)))
    return tuple(np.asarray(a) for a in run(keys))


def ranks(weights: np.ndarray) -> np.ndarray:
    """The place of the chosen synapse among all, 1 for the largest; synapses last."""
    return 1 + (weights > weights[..., CHOSEN, None]).sum(-1)


def main() -> None:
    options = together.options(__doc__, Path("runs/study/reward/late"))
    lines = [
        f"| {SECONDS} s, {len(options.seeds)} seeds | rank of the synapse, by seed | "
        "first for good after | its weight | mean of the others | largest other "
        "| rewards | output rate |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for arm, (tau, scaling) in ARMS.items():
        found = lives(learner(tau, scaling), Noise(), options.seeds, SECONDS)
        lines.append(row(arm, *found))
        if arm == next(iter(ARMS)):
            draw(options.out, found[0])
    together.write(options.out, lines)


def row(arm: str, w: np.ndarray, earned: np.ndarray, fired: np.ndarray) -> str:
    own, others = w[:, -1, CHOSEN], np.delete(w[:, -1], CHOSEN, axis=1)
    place = ranks(w)
    late = [int(np.max(np.flatnonzero(p > 1), initial=-1)) + 2 for p in place]
    cells = [
        arm,
        ", ".join(str(p[-1]) for p in place),
        ", ".join(f"{s} s" if s <= w.shape[1] else "never" for s in late),
        *(f"{v.mean():.3f} ± {v.std(ddof=1):.3f}" for v in (own, others.mean(1))),
        f"{others.max(1).mean():.3f} ± {others.max(1).std(ddof=1):.3f}",
        f"{earned.sum(1).mean():.0f}",
        f"{fired[:, -100:].mean():.1f} Hz",
    ]
    return f"| {' | '.join(cells)} |"


def draw(out: Path, w: np.ndarray) -> None:
    """The chosen synapse of each seed, and the range of all others."""
    with style.look():
        figure = style.figure(2.9)
        axis = figure.add_subplot()
        axis.set(xlabel="seconds", ylabel="weight, in thresholds")
        axis.set_title("One of 100 synapses earns a late reward")
        t = np.arange(1, w.shape[1] + 1)[::5]
        others = np.delete(w[:, ::5], CHOSEN, axis=2).swapaxes(0, 1).reshape(len(t), -1)
        for share, alpha, name in (
            (0, 0.2, "all others, all seeds"),
            (10, 0.5, "eight in ten of them"),
        ):
            low, high = np.percentile(others, (share, 100 - share), axis=1)
            look = {"color": style.MUTED, "alpha": alpha, "linewidth": 0}
            axis.fill_between(t, low, high, label=name, **look)
        for i, one in enumerate(w[:, ::5, CHOSEN]):
            label = None if i else "the one that earns it"
            axis.plot(t, one, color=style.VERMILLION, linewidth=1.0, label=label)
        axis.legend()
        style.save(figure, out, "reward")


if __name__ == "__main__":
    main()
