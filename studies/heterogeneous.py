"""Time constants that differ: given by design, learnt, both, or neither.

Four arms learn two-timescales by e-prop, with neurons that remember by their synapses.
Each arm tries as many settings, drawn at random from the same ranges, on validation
samples and with seeds of their own; the best in the mean over these goes on to the
seeds of the report and is measured on test samples at the final epoch. All trials of
an arm are one program, and so are all its seeds.

    python studies/heterogeneous.py [--out runs/study/heterogeneous] [--seeds 100,...]
"""

from pathlib import Path
from typing import Any

import numpy as np
import together

from onspike.experiment import measure
from onspike.experiment.run import Seeds, Step, beginning, rounds
from onspike.experiment.spec import Spec, resolve
from onspike.report import style
from onspike.tasks.base import Split

ARMS = {  # whether synaptic time constants are spread, and whether they are learnt
    "homogeneous": (False, False),
    "spread": (True, False),
    "learnt": (False, True),
    "spread and learnt": (True, True),
}
TRIALS = 16
TUNING_SEEDS = (0, 1)
RANGES = {  # drawn from evenly in their logarithms
    "neuron.tau_syn": (0.01, 2.0),
    "neuron.tau_mem": (0.005, 0.3),
    "network.tau_out": (0.005, 0.1),
    "network.gain_in": (0.05, 0.5),
    "rule.rate": (2e-3, 2e-2),
}
RATE_NEURONS = (5e-3, 1e-1)
SHAPES = (0.3, 1.0, 3.0)


def draws(arm: str) -> list[dict[str, Any]]:
    """The settings that an arm tries: the same ones, but for what the arm is."""
    spread, learnt = ARMS[arm]
    rng, many = np.random.default_rng(0), []
    for _ in range(TRIALS):
        common = {name: log_uniform(rng, *ends) for name, ends in RANGES.items()}
        shape, rate = float(rng.choice(SHAPES)), log_uniform(rng, *RATE_NEURONS)
        own: dict[str, Any] = {"neuron.tau_syn_shape": shape if spread else None}
        if learnt:
            own |= {"network.learns": ("tau_syn",), "rule.rate_neurons": rate}
        many.append(common | own)
    return many


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


def spec(seed: int, settings: dict[str, Any]) -> Spec:
    return resolve("two-timescales", rule="eprop", seed=seed, settings=settings)


def trained(specs: list[Spec]) -> tuple[Seeds, Step]:
    runs, train = together.program(specs), specs[0].train
    *_, last = rounds(runs, beginning(runs, train.batch), train.epochs, train.batch)
    return runs, last


def shares(runs: Seeds, last: Step, split: Split) -> np.ndarray:
    """What share of answers is right, has the slow side right, has the fast one."""
    found = []
    for r, keys in enumerate(runs.keys):
        learner, task = runs.one(r)
        params = runs.params(last.state, r)
        seen = measure.evaluate(learner.network, task, params, split, keys.data)
        sides = seen.confusion.reshape(2, 2, 2, 2) / seen.seen  # slow, fast; answers
        slow, fast = np.einsum("ijik->", sides), np.einsum("ijkj->", sides)
        found.append((measure.accuracy(seen), slow, fast))
    return np.array(found)


def constants(runs: Seeds, last: Step) -> np.ndarray:
    """The synaptic time constants of all neurons at the end, in seconds."""
    found = []
    for r in range(len(runs.keys)):
        population = runs.one(r)[0].network.populations["hidden"]
        tau = np.broadcast_to(np.asarray(population.neuron.tau_syn), population.n)
        if population.learns:
            weights = runs.params(last.state, r).weights
            tau = tau * np.exp(np.asarray(weights["hidden.tau_syn"])[:, 0])
        found.append(tau)
    return np.concatenate(found)


def main() -> None:
    options = together.options(__doc__, Path("runs/study/heterogeneous"))
    lines = [
        "| time constants | best trial, validation | test, final epoch | each seed | "
        "beats homogeneous | slow cue right | fast cue right | "
        "time constants at the end: 10, 50, 90 % | setting |",
        "|---|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    tried: dict[str, np.ndarray] = {}
    base = None
    for arm in ARMS:
        settings = draws(arm)
        found = trained([spec(seed, s) for s in settings for seed in TUNING_SEEDS])
        each = shares(*found, "validation").reshape(TRIALS, len(TUNING_SEEDS), 3)
        tried[arm] = each.mean(1)
        best = int(np.argmax(tried[arm][:, 0]))
        print(arm, np.round(each[..., 0], 3).tolist(), settings[best], flush=True)
        found = trained([spec(seed, settings[best]) for seed in options.seeds])
        right, slow, fast = shares(*found, "test").T
        base = right if base is None else base
        taus = 1e3 * np.quantile(constants(*found), (0.1, 0.5, 0.9))
        cells = [
            arm,
            f"{100 * tried[arm][best, 0]:.1f} %",
            together.spread(right),
            ", ".join(f"{100 * share:.1f}" for share in right),
            "" if right is base else f"{np.sum(right > base)} of {len(right)}",
            together.spread(slow),
            together.spread(fast),
            ", ".join(f"{tau:.0f}" for tau in taus) + " ms",
            ", ".join(f"`{n}={v}`" for n, v in settings[best].items() if v is not None),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    together.write(options.out, lines)
    draw(options.out, tried)


def draw(out: Path, tried: dict[str, np.ndarray]) -> None:
    """Every trial of every arm: how often it has the one cue, and the other."""
    with style.look():
        figure = style.figure(3.2)
        axis = figure.add_subplot()
        axis.set(xlabel="slow cue right, %", ylabel="last fast cue right, %")
        axis.set_title("Each setting that was tried, on validation samples")
        for i, (arm, each) in enumerate(tried.items()):
            _, slow, fast = 100 * each.T
            axis.plot(slow, fast, style.MARKERS[i], c=style.SERIES[i], ms=4, label=arm)
        axis.legend()
        style.save(figure, out, "two-timescales")


if __name__ == "__main__":
    main()
