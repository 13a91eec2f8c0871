"""onspike beside its peers: one process per case, all in turns.

W1 and W2 train a batch, W3 writes weights at every tick of one sample, W4 is W2's
network on samples of growing length (sizes: workloads.py; what each library is given:
peers/). A process is pinned before it imports anything. In each round every case of a
group takes one step, so that a busy machine slows all of them; figures are medians, of
CPU time on one core and of wall time on two, and ratios are of medians.

    python benchmarks/side_by_side.py [GROUP ...] [--rounds 9] [--cores 0,1]
    python benchmarks/side_by_side.py --quick

Writes docs/benchmarks.json and the tables in docs/benchmarks.md. `--quick` runs ours
alone beside a yardstick, the dense product of two matrices, prints how its ratios
compare with those on record, and writes nothing.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import table

HERE = Path(__file__).parent
LIBRARIES = ("onspike", "snntorch", "spikingjelly", "norse", "spyx", "braintrace")

COMPILED = ("onspike", "spyx", "braintrace")  # the loop over ticks


class Case(NamedTuple):
    """What one process measures."""

    library: str
    kind: str
    workload: str
    cores: int = 1
    ticks: int | None = None  # other than the workload's

    def __str__(self):
        kind = "" if self.kind == "train" else f" {self.kind}"
        ticks = f", {self.ticks} ticks" if self.ticks else ""
        return f"{self.workload} {self.library}{kind}{ticks}"


class Compared(NamedTuple):
    """A row of the table."""

    name: str
    ours: Case
    peer: Case | tuple[Case, ...]  # of several, the fastest
    unit: str = "ms"  # of a step; "us": per tick and sample
    goal: float | None = None
    aim: float | None = None


def step(name: str, cores: int = 1, kind: str = "train") -> tuple[Case, ...]:
    return tuple(Case(library, kind, name, cores) for library in LIBRARIES)


AHEAD = Case("snntorch", "train_ahead", "W2")
YARDSTICK = Case("gemm", "product", "W2")
W1, W2, W2_2 = step("W1"), step("W2"), step("W2", 2)
W1_2 = tuple(case for case in step("W1", 2) if case.library in COMPILED)
ONLINE, CALLS = (
    tuple(Case(library, kind, "W3") for library in ("onspike", "braintrace"))
    for kind in ("online", "calls")
)
# A tick of braintrace's takes half a second, and each takes as long as the last.
EPROP = Case("onspike", "eprop", "W2"), Case("braintrace", "eprop", "W2", ticks=10)
GROUPS = {
    "W2": (YARDSTICK, *W2, AHEAD),
    "W1": (YARDSTICK, *W1),
    "W3": (YARDSTICK, *ONLINE, *CALLS),
    "eprop": (YARDSTICK, *EPROP),
    "cores": (W1[0], W2[0], *W2_2, *W1_2),
}
LENGTHS = (100, 1000, 10_000)
STREAMED = tuple(Case("onspike", "streamed", "W4", ticks=t) for t in LENGTHS)
ROWS = (
    Compared("W2 step / snntorch", W2[0], W2[1], goal=0.15, aim=0.08),
    Compared("W2 step / braintrace pp_prop", W2[0], W2[5], goal=0.2, aim=0.12),
    Compared("W1 step / best JAX peer", W1[0], W1[4:], goal=0.35, aim=0.2),
    Compared("W3 tick / braintrace pp_prop", *ONLINE, "us", 0.12, 0.06),
    Compared("W3, one Python call per tick / braintrace", *CALLS, "us", 0.03),
    Compared(
        "exact full-trace e-prop, W2 / braintrace EProp", *EPROP, "us", 0.02, 0.01
    ),
    Compared("W2, two cores / one core", W2_2[0], W2[0], goal=0.6),
    Compared("W2 step / snntorch, input layer ahead", W2[0], AHEAD),
    Compared("W2 step / spikingjelly", W2[0], W2[2]),
    Compared("W2 step / norse", W2[0], W2[3]),
    Compared("W2 step / spyx", W2[0], W2[4]),
    Compared("W1 step / snntorch", W1[0], W1[1]),
    Compared("W1 step / spikingjelly", W1[0], W1[2]),
    Compared("W1 step / norse", W1[0], W1[3]),
    Compared("W1 step / spyx", W1[0], W1[4]),
    Compared("W1 step / braintrace pp_prop", W1[0], W1[5]),
    Compared("W1, two cores / one core", W1_2[0], W1[0]),
    *(
        Compared(f"{c.workload} step / {peer.library}", c, peer)
        for c, *others in (W2_2, W1_2)
        for peer in others
    ),
    Compared("W2 step / yardstick", W2[0], YARDSTICK),
    Compared("W1 step / yardstick", W1[0], YARDSTICK),
    Compared("W3 sample / yardstick", ONLINE[0], YARDSTICK),
    Compared("W3 sample in calls / yardstick", CALLS[0], YARDSTICK),
    Compared("W2 full e-prop step / yardstick", EPROP[0], YARDSTICK),
)
QUICK = (YARDSTICK, W2[0], W1[0], ONLINE[0], CALLS[0], EPROP[0])


class Child:
    """A case in its process."""

    def __init__(self, case: Case, cores: list[int], memory: bool = False):
        mine = cores[-case.cores :]
        command = [sys.executable, str(HERE / "child.py"), *case[:3]]
        command += ["--cores", ",".join(map(str, mine))]
        command += ["--ticks", str(case.ticks)] if case.ticks else []
        command += ["--memory"] if memory else []
        self.case = case
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.about, self.cpu, self.wall = self.answer(), [], []

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.case} ended with {self.process.wait()}")
        return json.loads(line)

    def step(self) -> None:
        print(file=self.process.stdin, flush=True)
        taken = self.answer()
        self.cpu.append(taken["cpu"])
        self.wall.append(taken["wall"])

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(group: tuple[Case, ...], rounds: int, cores: list[int]) -> dict[Case, Any]:
    """What the cases of a group take: median, least and most."""
    children = []
    try:
        for case in group:
            children.append(Child(case, cores))
            print(f"{case}: {children[-1].about}", file=sys.stderr, flush=True)
        for _ in range(rounds):
            for child in children:
                child.step()
    finally:
        for child in children:
            child.end()
    return {c.case: c.about | found(cpu=c.cpu, wall=c.wall) for c in children}


def found(**seconds: list[float]) -> dict[str, list[float]]:
    return {
        name: [statistics.median(each), min(each), max(each)]
        for name, each in seconds.items()
    }


def row(one: Compared, seen: dict[Case, Any], command: str) -> table.Row:
    """Of the table. On one core what counts is CPU time, else wall time."""
    peers = (one.peer,) if isinstance(one.peer, Case) else one.peer
    clock = "cpu" if one.ours.cores == 1 else "wall"

    def figures(case: Case) -> list[float]:
        factor = 1e3 if one.unit == "ms" else 1e6 / seen[case]["ticks"]
        return [factor * second for second in seen[case][clock]]

    peer = min(peers, key=lambda case: figures(case)[0])
    ours, theirs = figures(one.ours), figures(peer)
    per = "" if one.unit == "ms" else " per tick and sample"
    result = table.Row(
        name=one.name,
        beside=str(peer),
        unit=f"{one.unit}{per}, {'CPU' if clock == 'cpu' else clock}",
        ours=ours[0],
        peer=theirs[0],
        ratio=ours[0] / theirs[0],
        spread={"ours": ours[1:], "peer": theirs[1:]},
        cores=one.ours.cores,
        versions=seen[one.ours]["versions"] | seen[peer]["versions"],
        command=command,
    )
    if one.goal is not None:
        result["goal"] = one.goal
    if one.aim is not None:
        result["aim"] = one.aim
    return result


def memory(cores: list[int], command: str) -> tuple[list[table.Row], list[dict]]:
    """What a step adds to a process's memory, at samples of growing length."""
    others = (
        Case(name, "train", "W4", ticks=t) for name in LIBRARIES[1:] for t in LENGTHS
    )
    cases, seen = [], {}
    Child(STREAMED[0], cores, memory=True).end()  # so that none compiles native code
    for case in (*STREAMED, *others):
        child = Child(case, cores, memory=True)
        child.end()
        seen[case] = child.about
        print(f"{case}: {child.about['added']:.0f} MB", file=sys.stderr, flush=True)
        cases.append(
            {
                "case": str(case),
                "library": case.library,
                "ticks": case.ticks,
                "cores": 1,
                "added": child.about["added"],
            }
        )
    rows = []
    for short in STREAMED[:-1]:
        ours, itself = seen[STREAMED[-1]]["added"], seen[short]["added"]
        name = f"memory added by a step, input streamed, T 10,000 / T {short.ticks:,}"
        one = table.Row(
            name=name,
            beside=str(short),
            unit="MB",
            ours=ours,
            peer=itself,
            ratio=ours / itself,
            spread={"ours": [], "peer": []},
            cores=1,
            versions=seen[short]["versions"],
            command=command,
        )
        rows.append(one | {"goal": 1.05} if short == STREAMED[0] else one)
    return rows, cases


def quick(rounds: int, cores: list[int]) -> None:
    """Ours beside the yardstick, and beside what is on record."""
    record = json.loads(table.RECORD.read_text())
    recorded = {r["name"]: r["ratio"] for r in record["rows"] if r["cores"] == 1}
    seen = measure(QUICK, rounds, cores)
    print("| figure | ms CPU | of the yardstick | on record | now / record |")
    print("|---|---:|---:|---:|---:|")
    for one in ROWS:
        if one.peer == YARDSTICK:
            now = row(one, seen, "")
            start = (
                f"| {one.name} | {table.number(now['ours'])} | {now['ratio']:.3g} | "
            )
            before = recorded.get(one.name)
            if before is None:
                print(f"{start}none | |")
                continue
            change = now["ratio"] / before
            note = " slower" if change > 1.25 else ""
            print(f"{start}{before:.3g} | {change:.2f}{note} |")
    print("\nDifferences under 25 % are noise; another machine has other ratios.")


def machine() -> str:
    """The processor, as the system names it, and the system."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
            break
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = (*GROUPS, "memory")
    parser.add_argument("groups", nargs="*", default=names, help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=9)
    here = sorted(os.sched_getaffinity(0))
    parser.add_argument(
        "--cores", default=",".join(map(str, here[:2])), help="the last is for one core"
    )
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    cores = [int(core) for core in options.cores.split(",")]
    unknown = set(options.groups) - set(names)
    if unknown:
        parser.error(f"unknown group {unknown.pop()!r}; there are {', '.join(names)}")
    if options.quick:
        return quick(options.rounds, cores)
    rows, cases = [], []
    for name in options.groups:
        command = f"python benchmarks/side_by_side.py {name} --rounds {options.rounds}"
        if name == "memory":
            new_rows, new_cases = memory(cores, command)
        else:
            seen = measure(GROUPS[name], options.rounds, cores)
            new_cases = [
                {"case": str(case), "library": case.library, "cores": case.cores}
                | {key: value for key, value in about.items() if key != "added"}
                for case, about in seen.items()
            ]
            new_rows = [
                row(one, seen, command)
                for one in ROWS
                if {one.ours, *([one.peer] if isinstance(one.peer, Case) else one.peer)}
                <= set(seen)
            ]
        rows, cases = rows + new_rows, cases + new_cases
        table.write(table.merge(rows, cases, machine=machine()))


if __name__ == "__main__":
    main()
