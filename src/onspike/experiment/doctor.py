"""Why a network does not learn: its activity and its weights, looked at.

A run is judged from its last checkpoint, a specification after a short training in
memory. Rates are those of validation samples (test samples where a task has no others),
with learning and feedback off.
"""

from pathlib import Path

from onspike.experiment import measure, runs
from onspike.experiment.examine import Diagnosis, examine
from onspike.experiment.measure import Finding, Tally
from onspike.experiment.run import Seeds, Step, beginning, rounds
from onspike.experiment.spec import Spec, load
from onspike.experiment.store import RunFolder

PROBE = (8, 64)  # batches, or samples, that a specification is trained for at least


def diagnose(path: Path) -> Diagnosis:
    """Looks at a run, or at what a specification becomes.

    Args:
        path: A run folder; or a specification as a TOML file, which is trained for a
            few batches, in memory.

    Raises:
        ValueError: If it is neither, or cannot be built or restored.
    """
    if path.is_file():
        return probe(load(path))
    if not path.is_dir():
        raise ValueError(
            f"there is no folder or file '{path}': name a run folder, or a "
            "specification as a TOML file"
        )
    spec, seeds, first, last = runs.ends(path)
    store = RunFolder(path)
    rows = [r for r in store.metrics() if r["epoch"] <= last.position.epoch]
    seen = _evaluated(spec, seeds, last)
    row = rows[-1] if rows else None
    found = examine(spec, seeds, 0, first.state, last, seen, row)
    result = store.result() or {}
    if result.get("condition") == "diverged":
        problem = "; ".join(result["warnings"])
        lost = Finding(
            "run", "diverged", problem, "lower rule.rate, or set train.clamp"
        )
        return found._replace(findings=[lost, *found.findings])
    return found


def probe(spec: Spec) -> Diagnosis:
    """Trains a specification for a few batches and looks at what became of it.

    Raises:
        ValueError: If it cannot be built.
    """
    seeds = runs.seeds_of([spec])
    batch, (batches, samples) = spec.train.batch, PROBE
    first = beginning(seeds, batch)
    segment = max(batches * batch, samples)
    last = next(rounds(seeds, first, spec.train.epochs, batch, segment))
    seen = _evaluated(spec, seeds, last)
    return examine(spec, seeds, 0, first.state, last, seen, None)


def _evaluated(spec: Spec, seeds: Seeds, step: Step) -> tuple[Tally, str]:
    split = "validation" if seeds.task.size("validation") else "test"
    subject, data = seeds.learner.subject, seeds.keys[0].data
    params, batch = seeds.params(step.state, 0), spec.train.eval_batch
    return measure.evaluate(subject, seeds.task, params, split, data, batch), split
