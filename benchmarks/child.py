"""One case in a process of its own: pinned, warmed up, then a step for each line read.

    python benchmarks/child.py PEER KIND WORKLOAD --cores 0,1 [--ticks N] [--memory]

Started by side_by_side.py. Answers each line on its input with one of JSON: CPU and
wall seconds of a step. `--memory` reports the peak memory of two steps and ends.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time

PACKAGES = {
    "onspike": ("onspike", "jax", "jaxlib", "numba"),
    "gemm": ("numpy",),
    "snntorch": ("snntorch", "torch"),
    "spikingjelly": ("spikingjelly", "torch"),
    "norse": ("norse", "torch"),
    "spyx": ("spyx", "flax", "jax", "jaxlib"),
    "braintrace": ("braintrace", "brainstate", "brainpy_state", "jax", "jaxlib"),
}


WARM = 3  # steps before any is timed; the second and third may compile again


def pin(cores: list[int]) -> None:
    """Only these cores, and as many threads: before any library is imported."""
    os.sched_setaffinity(0, cores)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(len(cores))
    os.environ["JAX_PLATFORMS"] = "cpu"
    if len(cores) == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"


def resident() -> float:
    """Memory that this process has now, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak() -> float:
    """The most that it has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PACKAGES)
    parser.add_argument("kind")
    parser.add_argument("workload")
    parser.add_argument("--cores", required=True)
    parser.add_argument("--ticks", type=int)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    cores = [int(core) for core in options.cores.split(",")]
    pin(cores)
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer

    from workloads import WORKLOADS

    w = WORKLOADS[options.workload]
    if options.ticks:
        w = w._replace(ticks=options.ticks)
    module = importlib.import_module(f"peers.{options.peer}")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(len(cores))
    case = getattr(module, options.kind)(w)
    before, began = resident(), time.perf_counter()
    case.step()
    if options.memory:
        case.step()
    most = peak()
    first, figures = time.perf_counter() - began, case.figures()

    def answer(**values) -> None:
        print(json.dumps(values), file=answers, flush=True)

    for _ in range(0 if options.memory else WARM):
        case.step()
    packages = PACKAGES[options.peer]
    answer(
        ticks=case.ticks * w.batch,
        first=first,
        versions={name: importlib.metadata.version(name) for name in packages},
        added=most - before,
        **figures,
    )
    for _ in sys.stdin:
        began, spent = time.perf_counter(), time.process_time()
        case.step()
        answer(
            cpu=time.process_time() - spent,
            wall=time.perf_counter() - began,
        )


if __name__ == "__main__":
    main()
