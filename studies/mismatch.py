"""What mismatch costs weights that were learnt elsewhere, and what learning in place
wins back.

Every arm meets the same dies, at each coefficient of variation (CV) of all constants of
neurons and of every synapse's gain. The settings of each arm were chosen on validation
samples of two other dies, from as many draws for each: at CV 0 for weights that are
learnt on the model, at CV 0.2 for what learns on the die.

    python studies/mismatch.py [--out runs/study/mismatch] [--dies 20] [--full]
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dies
import numpy as np
import together

from onspike.devices import Ideal, Mismatch
from onspike.experiment.spec import Spec, resolve
from onspike.report import style

CVS = (0.0, 0.1, 0.2, 0.3)
FIRST = 300  # seed of the first die
WORTH = 0.05  # a transfer that loses less has nothing to win back
Settings = dict[str, Any]
Found = dict[str, np.ndarray]  # by arm: accuracies, (cv, die)

TRANSFER, LOOP = "transferred", "BPTT through the die"
EPROP, TRANSFER_EPROP = "e-prop", "transferred, learnt by e-prop"
ADAPTED, READOUT = "transferred, then adapted", "readout only"
PLAIN: Settings = {"rule.eligibility": "pre-trace"}
ONCE: Settings = {"rule.gate": "end-of-sample", "rule.hinge": 0.0}
DIRECT: Settings = {**PLAIN, "rule.readout_filter": False}


class Case(NamedTuple):
    """A task, its settings, and those of each arm."""

    name: str
    task: str
    common: Settings
    model: Settings  # of BPTT, on the model and through the die
    in_place: dict[str, tuple[str, Settings]]  # rule and settings, by arm
    adapt: Settings  # of e-prop that starts from transferred weights
    control: dict[str, tuple[str, Settings]] = {}  # arms on the network of their recipe


YIN_YANG = Case(
    name="Yin-Yang",
    task="yin-yang",
    common={
        "task.code": "latency",
        "task.ticks": 50,
        "task.window": 0.03,
        "network.hidden": 60,
        "network.tau_out": 0.02,
        "train.epochs": 4,
    },
    model={"rule.rate": 0.076, "network.gain_in": 2.1},
    in_place={
        EPROP: ("eprop", {**PLAIN, "rule.rate": 0.076, "network.gain_in": 2.1}),
        "random e-prop": (
            "eprop-random",
            {
                **PLAIN,
                "rule.rate": 0.055,
                "rule.feedback_scale": 0.36,
                "network.gain_in": 1.5,
            },
        ),
        "DFA": (
            "dfa",
            {
                **DIRECT,
                "rule.rate": 0.023,
                "rule.feedback_scale": 0.1,
                "network.gain_in": 3.5,
            },
        ),
        READOUT: ("frozen-hidden", {"rule.rate_out": 0.064, "network.gain_in": 3.3}),
    },
    adapt={
        **PLAIN,
        "rule.rate": 0.02,
        "task.train_samples": 500,
        "train.epochs": 1,
        "train.batch": 10,
    },
    control={"feedback control": ("feedback-control", {})},
)

# One write per sample, plain steps, and rates kept in bounds.
ALIGNED: Settings = {
    **DIRECT,
    **ONCE,
    "rule.rate": 2e-5,
    "rule.rate_out": 4e-4,
    "rule.feedback_scale": 0.2,
    "rule.hinge": 0.003,
    "train.batch": 1,
    "train.optimiser": "sgd",
    "train.decay": "linear",
}
CUES = Case(
    name="short cue accumulation",
    task="cue-accumulation",
    common={
        "task.n_cues": 3,
        "task.ticks": 600,
        "task.test_samples": 300,
        "train.epochs": 4,
        "train.batch": 5,
        "train.optimiser": "adam",
    },
    model={"rule.rate": 7e-3, "network.gain_rec": 0.3, "train.epochs": 6},
    in_place={
        EPROP: ("eprop", {**PLAIN, "rule.rate": 1e-3}),
        "random e-prop": (
            "eprop-random",
            {**PLAIN, "rule.rate": 1e-3, "rule.hinge": 0.003},
        ),
        "DFA": ("dfa", ALIGNED),
        READOUT: (
            "frozen-hidden",
            {"rule.gate": "end-of-sample", "rule.rate_out": 5e-2},
        ),
    },
    adapt={**PLAIN, "rule.rate": 5e-4, "task.train_samples": 50, "train.epochs": 1},
)
FULL_CUES = CUES._replace(
    name="cue accumulation",
    common={"train.epochs": 5, "train.batch": 5, "train.optimiser": "adam"},
)


def specs(task: str, rule: str, settings: Settings, seeds: Sequence[int]) -> list[Spec]:
    return [resolve(task, rule=rule, seed=s, settings=settings) for s in seeds]


def arms(case: Case, cvs: Sequence[float], seeds: Sequence[int]) -> Found:
    """Test accuracies of all arms on all dies."""
    shape, found = (len(cvs), len(seeds)), {}
    devices = [Mismatch(Ideal(), cv) for cv in cvs for _ in seeds]

    def everywhere(
        rule: str, own: Settings, common: Settings = case.common
    ) -> list[Spec]:
        settings = common | own
        return [s for _ in cvs for s in specs(case.task, rule, settings, seeds)]

    def tell(arm: str, accuracy: np.ndarray) -> None:
        found[arm] = accuracy.reshape(shape)
        print(case.name, arm, np.round(100 * found[arm].mean(1), 1), flush=True)

    def on_the_model(rule: str, own: Settings) -> dies.Weights:
        settings = case.common | own
        exact = [Mismatch(Ideal(), 0.0)] * len(seeds)
        model = dies.trained(specs(case.task, rule, settings, seeds), exact)
        learnt = dies.weights_of(*model)
        return {n: np.tile(w, (len(cvs), 1, 1)) for n, w in learnt.items()}

    weights = on_the_model("bptt", case.model)
    bptt = everywhere("bptt", case.model)
    tell(TRANSFER, dies.accuracies(*dies.untrained(bptt, devices, weights)))
    adapt = everywhere("eprop", case.adapt)
    tell(ADAPTED, dies.accuracies(*dies.trained(adapt, devices, weights)))
    rule, own = case.in_place[EPROP]
    weights, eprop = on_the_model(rule, own), everywhere(rule, own)
    tell(TRANSFER_EPROP, dies.accuracies(*dies.untrained(eprop, devices, weights)))
    for arm, (rule, own) in case.in_place.items():
        tell(arm, dies.accuracies(*dies.trained(everywhere(rule, own), devices)))
    tell(LOOP, dies.accuracies(*dies.trained(bptt, devices)))
    for arm, (rule, own) in case.control.items():
        many = everywhere(rule, own, {})
        tell(arm, dies.accuracies(*dies.trained(many, devices)))
    return found


def share(ideal: np.ndarray, transferred: np.ndarray, arm: np.ndarray) -> float:
    """What an arm recovers of what the transfer loses, in the mean over dies."""
    return float((arm - transferred).mean() / (ideal - transferred).mean())


def table(case: Case, cvs: Sequence[float], found: Found) -> list[str]:
    """Median and quartiles of every arm; and what it recovers."""
    head = " | ".join(f"CV {cv:g}" for cv in cvs)
    lines = [
        f"**{case.name}**",
        "",
        f"| arm | {head} | recovered of the loss, at each CV that costs 5 points |",
        f"|---|{'---:|' * len(cvs)}---|",
    ]
    ideal = found[TRANSFER][list(cvs).index(0.0)]
    for arm, each in found.items():
        cells = [dies.quartiles(accuracy) for accuracy in each]
        won = []
        for cv, lost, accuracy in zip(cvs, found[TRANSFER], each, strict=True):
            own = each[list(cvs).index(0.0)] if arm in case.control else ideal
            if arm in (TRANSFER, TRANSFER_EPROP) or (ideal - lost).mean() < WORTH:
                continue
            if arm in case.control:
                won.append(f"{cv:g}: {100 * (accuracy - own).mean():+.1f} points")
                continue
            low, high = dies.bootstrap(share, ideal, lost, accuracy)
            middle = share(ideal, lost, accuracy)
            won.append(
                f"{cv:g}: {100 * middle:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
            )
        lines.append(f"| {' | '.join([arm, *cells, '; '.join(won)])} |")
    return [*lines, ""]


def draw(
    out: Path, cases: Sequence[Case], cvs: Sequence[float], every: dict[str, Found]
) -> None:
    """Median and quartiles of each arm over CV, one panel per task."""
    with style.look():
        figure = style.figure(5.0)
        axes = figure.subplots(1, len(cases), squeeze=False)[0]
        for axis, case in zip(axes, cases, strict=True):
            for i, (arm, each) in enumerate(every[case.name].items()):
                low, middle, high = 100 * np.quantile(each, (0.25, 0.5, 0.75), axis=1)
                x = np.asarray(cvs) + 0.004 * (i - len(every[case.name]) / 2)
                colour = style.SERIES[i % len(style.SERIES)]
                axis.errorbar(
                    x,
                    middle,
                    (middle - low, high - middle),
                    color=colour,
                    marker=style.MARKERS[i],
                    ms=4,
                    lw=1,
                    ls="-" if i < len(style.SERIES) else "--",
                    label=arm,
                )
            axis.set(xlabel="mismatch, CV", ylabel="test accuracy, %", title=case.name)
        entries = axes[0].get_legend_handles_labels()
        figure.legend(*entries, loc="outside lower center", ncols=2)
        style.save(figure, out, "mismatch")


def main() -> None:
    options = together.options(
        __doc__, Path("runs/study/mismatch"), 20, "also the task at full length"
    )
    cases, seeds = (YIN_YANG, CUES), range(FIRST, FIRST + options.dies)
    every = {case.name: arms(case, CVS, seeds) for case in cases}
    lines = [line for case in cases for line in table(case, CVS, every[case.name])]
    if options.full:
        few = arms(FULL_CUES, CVS, range(FIRST, FIRST + 5))
        every[FULL_CUES.name] = few
        lines += table(FULL_CUES, CVS, few)
    kept = {
        name: {arm: each.tolist() for arm, each in found.items()}
        for name, found in every.items()
    }
    (options.out / "accuracies.json").write_text(json.dumps(kept, indent=1))
    together.write(options.out, lines)
    draw(options.out, cases, CVS, every)


if __name__ == "__main__":
    main()
