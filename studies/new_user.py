"""New user: what one online pass at 8 bits wins, and what it costs the others.

For each speaker in turn, a net learns spoken digits from the other speakers in float,
by batches. Its weights are then written to the device, and it hears every recording of
the new speaker's once, one after the other, and learns from each while it sounds.
Reports are of recordings that were never trained on, with learning off.

The first speaker is not reported: each arm's rates are chosen there, on training
recordings that were held out, once by the mean of accuracies on the new speaker and on
the others, and once for the new speaker alone.

    python studies/new_user.py --train FILE.h5 --test FILE.h5 [--out runs/study/user] \
        [--seeds 100,101,102] [--full]
"""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import dies
import jax.numpy as jnp
import numpy as np
import together

from onspike.experiment import build
from onspike.experiment.run import Seeds, Step, beginning
from onspike.experiment.spec import Spec, resolve
from onspike.report import style
from onspike.tasks.base import Split

TUNING_SEEDS = (0, 1, 2)
HELD_OUT = 0.3  # of the training recordings, while rates are chosen
NET: dict[str, Any] = {
    "network.hidden": (100,),
    "network.gain_rec": 0.6,
    "neuron.tau_mem": 0.04,
}
BEFORE: dict[str, Any] = {"rule.rate": 5e-3, "rule.eligibility": "pre-trace"}
AFTER: dict[str, Any] = {
    "task.warp_channels": 0,  # what is said once is heard once, as it was said
    "task.warp_shift": 0.0,
    "task.warp_stretch": 0.0,
    "rule.gate": "target-window",
    "train.batch": 1,
    "train.optimiser": "sgd",
    "train.decay": "none",
}
HOST = 1e-9  # a threshold without one: the rule becomes its host, ReckOn's
RANGES = {"rule.rate": (5e-6, 1e-4), "rule.rate_out": (2e-8, 1e-6)}  # in their logs
THETA = (0.1, 0.8)


class Arm(NamedTuple):
    """How the net meets the new speaker."""

    device: str
    fixed: dict[str, float]
    ranges: dict[str, tuple[float, float]]


ARMS = {
    "8 bits": Arm("fixed8", {"rule.theta": HOST}, RANGES),
    "8 bits, writes at large errors": Arm(
        "fixed8", {}, {**RANGES, "rule.theta": THETA}
    ),
    "8 bits, readout only": Arm(
        "fixed8",
        {"rule.theta": HOST, "rule.rate": 0.0},
        {"rule.rate_out": (2e-8, 1e-5)},
    ),
    "float": Arm("ideal", {"rule.theta": HOST}, RANGES),
}
AIMS = {"all": 0.5, "new": 1.0}  # who counts in the choice: the new speaker's share


class Case(NamedTuple):
    """One run: who is new, and where its randomness comes from."""

    new: int  # place among the task's speakers
    seed: int


class Outcome(NamedTuple):
    """What came of one arm: (cases,)."""

    new: np.ndarray  # accuracy
    old: np.ndarray
    writes: np.ndarray  # per sample


class Files(NamedTuple):
    """Where the recordings are, and the share that is held out of training."""

    train: Path
    test: Path
    held_out: float

    def spec(self, seed: int, rule: str, device: str, settings: dict[str, Any]) -> Spec:
        """A run on these recordings."""
        own = {
            "task.train": self.train,
            "task.test": self.test,
            "task.validation_share": self.held_out,
        }
        return resolve(
            "spoken-digits",
            rule=rule,
            neuron="lif",
            device=device,
            seed=seed,
            settings={**own, **NET, **settings},
        )


def recordings(task: Any, split: Split) -> list[int]:
    """How many there are of each speaker."""
    group = np.asarray(task.splits[split].group)
    return np.bincount(group, minlength=len(task.group_names)).tolist()


def speakers_of(task: Any) -> list[int]:
    """Places of those who are to be heard in training and in the test."""
    each = zip(recordings(task, "train"), recordings(task, "test"), strict=True)
    found = [s for s, (train, test) in enumerate(each) if train and test]
    if len(found) < 3 or not task.group_names:
        sys.exit(
            "a study of new speakers needs three or more of them, who speak in both "
            f"files and are named in 'extra/speaker'; these files have {len(found)}"
        )
    return found


def taught(files: Files, cases: list[Case], epochs: int) -> tuple[Seeds, Step]:
    """The nets that know all speakers but one, side by side."""
    settings = {**BEFORE, "train.epochs": epochs}
    specs = [files.spec(case.seed, "eprop", "ideal", settings) for case in cases]
    runs, batch = together.program(specs), specs[0].train.batch
    samples = epochs * build.batches(specs[0], runs.task) * batch
    order = np.stack([_stream(runs, case, False, samples) for case in cases])
    step = beginning(runs, batch)
    state, _ = runs.learn(step.state, order.reshape(len(cases), -1, batch))
    return runs, step._replace(state=state)


def _stream(runs: Seeds, case: Case, new: bool, samples: int) -> np.ndarray:
    """The new speaker's training recordings or the others', again and again."""
    group = np.asarray(runs.task.splits["train"].group)
    wanted = np.flatnonzero((group == case.new) == new)
    rng, rounds = np.random.default_rng(case.seed), -(-samples // len(wanted))
    # The index counts on, so that a recording is warped in another way each time.
    order = [e * len(group) + rng.permutation(wanted) for e in range(rounds)]
    return np.concatenate(order)[:samples]


def adapted(
    files: Files,
    device: str,
    cases: list[Case],
    settings: list[dict[str, float]],
    weights: dies.Weights,
    split: Split,
) -> tuple[Outcome, Outcome]:
    """Before and after each new speaker's recordings, with each one's settings."""
    specs = [
        files.spec(case.seed, "error-triggered", device, {**AFTER, **own})
        for case, own in zip(cases, settings, strict=True)
    ]
    runs = together.program(specs)
    said = recordings(runs.task, "train")
    heard = min(said[case.new] for case in cases)  # by each: one program
    order = np.stack([_stream(runs, case, True, heard) for case in cases])
    step = dies.placed(runs, beginning(runs, 1), weights)
    before = _outcome(runs, step, cases, split)
    state, tallies = runs.learn(step.state, order[..., None])
    after = _outcome(runs, step._replace(state=state), cases, split)
    writes = np.array([counts.written / counts.seen for counts in tallies])
    return before, after._replace(writes=writes)


def _outcome(runs: Seeds, step: Step, cases: list[Case], split: Split) -> Outcome:
    counts = np.array([each.by_group for each in dies.tallies(runs, step, split)])
    right, total = counts[..., 0], counts[..., 1]  # (cases, speakers)
    own = np.array([np.arange(total.shape[1]) == case.new for case in cases])
    new, old = ((right * who).sum(1) / (total * who).sum(1) for who in (own, ~own))
    return Outcome(new, old, np.zeros(len(cases)))


def draws(arm: Arm, trials: int) -> list[dict[str, float]]:
    """The settings that an arm tries."""
    rng = np.random.default_rng(0)
    return [
        arm.fixed
        | {
            name: float(f"{np.exp(rng.uniform(*np.log(ends))):.3g}")
            for name, ends in arm.ranges.items()
        }
        for _ in range(trials)
    ]


def compared(
    files: Files,
    cases: list[Case],
    tried: dict[str, list[dict[str, float]]],
    weights: dies.Weights,
    split: Split,
) -> dict[str, tuple[Outcome, Outcome]]:
    """Every arm with each of its settings, (settings x cases); a device, a program."""
    found = {}
    for device in sorted({arm.device for arm in ARMS.values()}):
        names = [name for name, arm in ARMS.items() if arm.device == device]
        settings = [own for name in names for own in tried[name] for _ in cases]
        repeats = len(settings) // len(cases)
        many = {n: jnp.concatenate([w] * repeats) for n, w in weights.items()}
        ends = adapted(files, device, cases * repeats, settings, many, split)
        share = len(settings) // len(names)
        for i, name in enumerate(names):
            part = slice(i * share, (i + 1) * share)
            before, after = (Outcome(*(v[part] for v in end)) for end in ends)
            found[name] = before, after
    return found


def chosen(
    files: Files, speaker: int, epochs: int, trials: int
) -> dict[str, list[dict[str, float]]]:
    """Each arm's best settings for each aim, with one speaker as the new one."""
    cases = [Case(speaker, seed) for seed in TUNING_SEEDS]
    weights = dies.weights_of(*taught(files, cases, epochs))
    tried = {name: draws(arm, trials) for name, arm in ARMS.items()}
    best = {}
    for name, ends in compared(files, cases, tried, weights, "validation").items():
        (new0, old0), (new, old) = (
            (v.reshape(trials, -1).mean(1) for v in (end.new, end.old)) for end in ends
        )
        scores = [share * new + (1 - share) * old for share in AIMS.values()]
        best[name] = [tried[name][int(np.argmax(score))] for score in scores]
        print(f"{name}: before, new {new0[0]:.3f}, others {old0[0]:.3f}; after")
        for own, a, b in zip(tried[name], new, old, strict=True):
            print(f"  new {a:.3f}, others {b:.3f}: {own}", flush=True)
    return best


def options() -> argparse.Namespace:
    """Where the recordings are, and what other studies ask."""
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("--train", type=Path, required=True)
    files.add_argument("--test", type=Path, required=True)
    out, full = Path("runs/study/user"), "60 epochs before, 24 settings of each arm"
    return together.options(__doc__, out, full=full, more=[files])


def main() -> None:
    asked = options()
    epochs, trials = (60, 24) if asked.full else (30, 6)
    files = Files(asked.train, asked.test, 0.0)
    task = files.spec(0, "eprop", "ideal", BEFORE).built("task")
    first, *others = speakers_of(task)
    best = chosen(files._replace(held_out=HELD_OUT), first, epochs, trials)
    names = [task.group_names[s] for s in others]
    cases = [Case(s, seed) for s in others for seed in asked.seeds]
    weights = dies.weights_of(*taught(files, cases, epochs))
    found = compared(files, cases, best, weights, "test")
    report(asked.out, names, len(asked.seeds), found, best)


def report(
    out: Path,
    speakers: list[str],
    n_seeds: int,
    found: dict[str, tuple[Outcome, Outcome]],
    best: dict[str, list[dict[str, float]]],
) -> None:
    """The tables and the figure; outcomes are of (aims x speakers x seeds)."""
    shape = len(AIMS), len(speakers), n_seeds
    head = ["arm", "chosen for", "new speaker before", "after", "better in"]
    head += ["others before", "after", "writes per sample", "settings"]
    lines = [f"| {' | '.join(head)} |", "|---|---|" + "---:|" * 6 + "---|"]
    lists = ["| arm | chosen for | " + " | ".join(f"speaker {s}" for s in speakers)]
    lists = [lists[0] + " |", "|---|---|" + "---:|" * len(speakers)]
    ends: dict[str, np.ndarray] = {}
    for name, (before, after) in found.items():
        new0, old0, new, old, writes = (
            v.reshape(shape)
            for v in (before.new, before.old, after.new, after.old, after.writes)
        )
        ends[name] = np.array([[old0[0], *old], [new0[0], *new]]).mean((2, 3))
        for i, aim in enumerate(AIMS):
            better = np.sum(new[i] > new0[i]), new[i].size
            own = {k: v for k, v in best[name][i].items() if v not in (0, HOST)}
            cells = [
                *(name, aim),
                # Means over speakers, and how they differ between seeds.
                *(together.spread(v[i].mean(0)) for v in (new0, new)),
                f"{better[0]} of {better[1]}",
                *(together.spread(v[i].mean(0)) for v in (old0, old)),
                f"{writes[i].mean():,.1f}",
                ", ".join(f"`{key}={value:g}`" for key, value in own.items()),
            ]
            lines.append(f"| {' | '.join(cells)} |")
            each = 100 * np.array([new0[i].mean(1), new[i].mean(1)]).T
            cells = [name, aim, *(f"{a:.1f} → {b:.1f}" for a, b in each)]
            lists.append(f"| {' | '.join(cells)} |")
    together.write(out, [*lines, "", *lists])
    draw(out, ends)


def draw(out: Path, ends: dict[str, np.ndarray]) -> None:
    """From before to after: the new speaker against the others."""
    with style.look():
        figure = style.figure(3.4)
        axis = figure.add_subplot()
        axis.set(
            title="One pass of a new speaker's recordings",
            xlabel="test accuracy, the speakers known before",
            ylabel="test accuracy, the new speaker",
        )
        for i, (name, (old, new)) in enumerate(ends.items()):
            colour, mark = style.SERIES[i], style.MARKERS[i]
            for j in range(1, len(old)):
                axis.plot(old[[0, j]], new[[0, j]], color=colour, linewidth=1)
            axis.plot(old[1], new[1], mark, color=colour, markersize=7, label=name)
            axis.plot(old[2], new[2], mark, c=colour, mfc=style.PAPER, markersize=7)
            axis.plot(old[0], new[0], ".", color=style.INK, markersize=7)
        axis.plot([], [], ".", color=style.INK, label="before")
        label = "hollow: chosen for the new one"
        axis.plot([], [], "o", c=style.MUTED, mfc=style.PAPER, label=label)
        for which in "xy":
            style.percent_axis(axis, which)
        axis.legend(loc="best")
        style.save(figure, out, "new-user")


if __name__ == "__main__":
    main()
