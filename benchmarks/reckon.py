"""Speed of ReckOn's twin: cue accumulation, 40-100-2, one chip and a population.

    python benchmarks/reckon.py [--samples 10] [--population 64]

Ticks per second, compiled beforehand, best of three; the population runs as two
programs of half of the chips, one on each core. And the ratio to the simulation of the
published hardware description, which runs about 75 to 110 ticks a second (93 taken):
approximate.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp

import onspike as ons
from onspike.chips import reckon
from onspike.chips.reckon.learner import sample_of
from onspike.chips.reckon.recorded import in_order
from onspike.tasks import CueAccumulation

SIMULATION = 93.0  # ticks per second
CORES = 2
REGISTERS = {"regul_mode": 2, "regul_w": 3, "regul_f0": 160}
REGISTERS |= {"regul_k_inp_p": 10, "regul_k_rec_p": 10}


def learner() -> reckon.ReckOn:
    """The published size, with initial weights as in the recipe."""
    net = ons.recurrent(
        n_in=40,
        hidden=ons.LIF(tau_mem=2.0, v_threshold=0.6),
        n_hidden=100,
        n_out=2,
        gains=(0.5, 0.1, 0.5),
    )
    return reckon.ReckOn(net, registers=REGISTERS)


def seconds(program, *args) -> float:
    """Best time of three calls after the first."""
    jax.block_until_ready(program(*args))
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        jax.block_until_ready(program(*args))
        taken.append(time.perf_counter() - begun)
    return min(taken)


def main() -> None:
    """Prints one line each for training and test, alone and as a population."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--population", type=int, default=64)
    options = parser.parse_args()
    task, twin = CueAccumulation(), learner()
    mask = jnp.asarray(task.mask())
    keys = jax.random.split(jax.random.key(1), options.population)
    states = jax.jit(jax.vmap(lambda k: twin.init(k).chip))(keys)
    some_of_them = jax.jit(jax.vmap(in_order, in_axes=(None, 0, None)))
    half = -(-options.population // CORES)
    parts = [
        jax.tree.map(lambda a, i=i: a[i : i + half], states)
        for i in range(0, options.population, half)
    ]
    pool = ThreadPoolExecutor(CORES)

    def together(chip, few):
        def one(part):
            return jax.block_until_ready(some_of_them(chip, part, few))

        return [*pool.map(one, parts)]

    for name, do_eprop in (("training", 7), ("test", 0)):
        chip = reckon.learning(twin.chip, do_eprop)
        valid = mask if do_eprop else jnp.zeros_like(mask)

        def pins(i, valid=valid, chip=chip):
            episode = task.episode("train", i, jax.random.key(0))
            return sample_of(chip.registers, task, episode, valid, mask)

        some = jax.jit(jax.vmap(pins))(jnp.arange(options.samples, dtype=jnp.int32))
        few = jax.tree.map(lambda a: a[:2], some)
        one = jax.tree.map(lambda a: a[0], states)
        alone = options.samples * task.ticks / seconds(in_order, chip, one, some)
        many = 2 * options.population * task.ticks
        many /= seconds(together, chip, few)
        for what, speed in ((1, alone), (options.population, many)):
            print(
                f"{name}, {what} at a time: {speed:.0f} ticks/s in all, "
                f"{speed / SIMULATION:.0f} times the simulation",
                flush=True,
            )


if __name__ == "__main__":
    main()
