"""Peak memory of online training at two lengths of a sample, a process each.

    python benchmarks/memory.py [--ticks 1000 100000]

Online learning carries its past in traces, so the peak should not grow with the number
of ticks. Prints the peak resident memory of each process and their ratio.
"""

import argparse
import subprocess
import sys
import tempfile

RUN = """
import resource, sys
from pathlib import Path
from onspike.experiment import runs
from onspike.experiment.spec import resolve

ticks, device, out = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
settings = {
    "task.ticks": ticks,
    "task.n_cues": 3,
    "task.train_samples": 2,
    "task.validation_samples": 2,
    "task.test_samples": 2,
    "train.epochs": 1,
}
runs.train([resolve("cue-accumulation", device=device, settings=settings)], [out])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(ticks: int, device: str) -> float:
    """Peak resident memory of a short training, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", RUN, str(ticks), device, f"{folder}/run"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Prints one line per device."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, nargs=2, default=(1_000, 100_000))
    few, many = parser.parse_args().ticks
    for device in ("ideal", "fixed8"):
        a, b = peak(few, device), peak(many, device)
        print(
            f"{device}: {a:.1f} MiB at {few} ticks, {b:.1f} MiB at {many} ticks, "
            f"ratio {b / a:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
