"""What it costs to be watched: the lab with a browser, beside `onspike train` alone.

Cue accumulation with 300 recurrent neurons, one sample at a time, ReckOn's rule, 2,000
samples an epoch and 200 for validation. Both arms run in turns; figures are medians
over the turns. Alone: `onspike train`, ticks per second of learning, in whole epochs
after the first; validation, which the lab does beside learning, is not counted.
Watched: ticks learnt per second of wall time at full speed, with a headless Chromium on
the same cores. Frames are counted in the page, at full speed and in real time: those
that the browser grants (`requestAnimationFrame`), and those in which ticks are drawn.

    python benchmarks/lab.py [--repeats 5] [--seconds 20]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from browser import Chromium, lab  # noqa: E402

TASK, RULE = "cue-accumulation", "reckon"
SETTINGS = [
    "--set=network.hidden=300",
    "--set=train.decay=none",
    "--set=task.train_samples=2000",
]
COUNT = """() => {
  window.granted = 0;
  const count = () => { window.granted += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}"""
READ = """() => ({
  time: performance.now() / 1000,
  seen: onspike.last.status.seen,
  granted: window.granted,
  drawn: onspike.frames,
})"""
REAL_TIME, FULL = "6", "10"  # places of the page's slider of speeds


def headless(folder: Path, epochs: int = 4) -> float:
    """Ticks per second of a run by itself."""
    run = folder / "run"
    words = ["train", TASK, f"--rule={RULE}", *SETTINGS, f"--out={run}", "-q"]
    code = "from onspike.cli import main; main()"
    command = [sys.executable, "-c", code, *words, f"--set=train.epochs={epochs}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return statistics.median([row["ticks_per_second"] for row in rows][1:])


def watched(playwright, folder: Path, seconds: float) -> dict[str, float]:
    """Ticks and frames per second of the same run in the lab."""
    words = [f"--task={TASK}", f"--rule={RULE}", *SETTINGS, "--set=train.epochs=1000"]
    with lab(*words, folder=folder) as address:
        browser = Chromium(playwright)
        try:
            page = browser.open(address)
            page.set_default_timeout(180_000)
            page.get_by_test_id("speed").fill(FULL)
            page.get_by_test_id("begin").click()
            page.wait_for_function("() => onspike.last.status?.seen >= 500")
            ticks = page.evaluate("() => onspike.last.session.ticks")
            page.evaluate(COUNT)
            full = _counted(page, seconds)
            page.get_by_test_id("speed").fill(REAL_TIME)
            page.wait_for_function("() => onspike.last.status.speed === 1")
            page.wait_for_timeout(3000)
            real = _counted(page, seconds)
        finally:
            browser.kill()
    return {
        "ticks": ticks * full["seen"],
        "granted": full["granted"],
        "drawn": full["drawn"],
        "drawn in real time": real["drawn"],
    }


def _counted(page, seconds: float) -> dict[str, float]:
    """What the page counts in some seconds, per second."""
    start = page.evaluate(READ)
    page.wait_for_timeout(1000 * seconds)
    end = page.evaluate(READ)
    spent = end["time"] - start["time"]
    return {key: (end[key] - start[key]) / spent for key in start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    alone, seen, shares = [], [], []
    with sync_playwright() as playwright:
        for turn in range(asked.repeats):
            with tempfile.TemporaryDirectory() as folder:
                alone.append(headless(Path(folder)))
                seen.append(watched(playwright, Path(folder), asked.seconds))
            shares.append(seen[-1]["ticks"] / alone[-1])
            _say(f"turn {turn + 1}", alone[-1], shares[-1], seen[-1])
    middle = {k: statistics.median(one[k] for one in seen) for k in seen[0]}
    _say("median", statistics.median(alone), statistics.median(shares), middle)
    print(f"learning keeps {min(shares):.0%} to {max(shares):.0%} of its speed")


def _say(what: str, alone: float, share: float, seen: dict[str, float]) -> None:
    print(
        f"{what}: {alone:,.0f} ticks/s alone, {seen['ticks']:,.0f} watched "
        f"({share:.0%}); frames/s drawn at full speed: {seen['drawn']:.1f} (of "
        f"{seen['granted']:.1f}), in real time: {seen['drawn in real time']:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
