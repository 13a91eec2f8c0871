"""The lab in a real browser: what a person sees and does."""

import contextlib
import re

import jax
import numpy as np
import pytest
from browser import CHROMIUM, Chromium, lab
from playwright.sync_api import sync_playwright

from onspike.experiment.runs import ends
from onspike.lab.hub import CURVE, thinned

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: apt-get install chromium"
)
# One layer under feedback control, small and quick; its gap between training with
# feedback and without is 20 points.
QUICK = {
    "task.ticks": 100,
    "task.train_samples": 500,
    "task.validation_samples": 200,
    "train.epochs": 100,
}
WORDS = ["--task=yin-yang", "--rule=feedback-control"]
WORDS += [f"--set={path}={value}" for path, value in QUICK.items()]
PATIENCE = 120_000  # milliseconds: programs are compiled, on a busy machine


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    with lab(*WORDS, folder=folder) as address:
        yield address, folder


@contextlib.contextmanager
def browsers():
    """Makes browsers, and ends those that are left."""
    started = []
    with sync_playwright() as playwright:

        def another():
            started.append(Chromium(playwright))
            return started[-1]

        try:
            yield another
        finally:
            for one in started:
                one.kill()


class Sight:
    """A page, as a person reads it."""

    def __init__(self, browser, address, **window):
        self.page = browser.open("about:blank", **window)
        self.page.set_default_timeout(PATIENCE)
        self.wrong, self.asked = [], set()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.goto(address)

    def _heard(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def part(self, name):
        return self.page.get_by_test_id(name)

    def number(self, name):
        """What a number on the page says; None where it says nothing."""
        found = re.search(r"[\d.]+", self.part(name).inner_text().replace(",", ""))
        return float(found[0]) if found else None

    def until(self, name, least):
        """Waits for a number on the page."""
        self.page.wait_for_function(
            "([name, least]) => parseFloat(document.querySelector("
            "`[data-testid='${name}']`).textContent.replace(/,/g, '')) >= least",
            arg=[name, least],
        )
        return self.number(name)

    def told(self, kind):
        """The last message of a kind."""
        return self.page.evaluate(f"() => onspike.last.{kind}")

    def until_told(self, test):
        """Waits for a message; `test` is JavaScript about `last`, messages by kind."""
        self.page.wait_for_function(
            f"() => {{ const {{ last }} = onspike; return {test}; }}"
        )


def test_a_run_is_seen_steered_and_survives_its_browsers(place):
    address, folder = place
    with browsers() as another:
        first = another()
        one = Sight(first, address)

        # Train, and see accuracy rise.
        one.part("speed").fill("10")  # full speed
        assert one.part("speed-text").inner_text() == "full speed"
        one.part("begin").click()
        start = one.until("held-out", 1)
        assert start < 45  # chance is 33 %
        risen = one.until("held-out", 52)
        seen = one.until("seen", 500)
        while_learning = one.number("while-learning")
        assert while_learning > risen + 8

        # Unplug the feedback: the same network, without what steers it.
        one.part("feedback").click()
        one.page.wait_for_selector("#feedback[aria-checked='false']")
        one.until("streaming", 1)
        one.until("seen", one.number("seen") + 100)
        alone = one.number("streaming")
        assert alone < while_learning - 5
        one.part("feedback").click()
        one.page.wait_for_selector("#feedback[aria-checked='true']")

        # Change the rate while it runs.
        rate = one.part("knob-rule.rate")
        assert float(rate.input_value()) == 0.005
        rate.fill("0.002")
        rate.press("Enter")
        one.until_told("last.mark?.text === 'rule.rate = 0.002'")

        # Reload: nothing is lost.
        seen, session = one.number("seen"), one.told("session")["id"]
        one.page.reload()
        one.until("seen", seen)
        assert one.told("session")["id"] == session
        assert float(one.part("knob-rule.rate").input_value()) == 0.002
        points = one.told("history")["accuracy"]
        held = [p["held_out"] for p in points if p["held_out"] is not None]
        assert len(points) > 3 and held[0] < 0.45 and max(held) > 0.5
        said = [mark["text"] for mark in one.told("history")["marks"]]
        assert "rule.rate = 0.002" in said and len(said) >= 3

        # A second browser, a phone, sees the same; the first is killed.
        other = Sight(another(), address, width=390, height=844)
        other.until("seen", seen)
        assert other.told("session")["id"] == session
        first.kill()
        seen = other.number("seen")
        assert other.until("seen", seen + 100) > seen
        assert other.told("session")["id"] == session

        # It is all there, also as a run folder.
        other.part("run").click()
        other.page.wait_for_selector("[data-testid=run]:text-is('Start')")
        width = other.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        other.part("export").click()
        other.until_told("last.exported && last.status.tick === 0")
        status = other.told("status")
        assert one.wrong == other.wrong == []
        assert all(url.startswith(address) for url in one.asked | other.asked)

    (run,) = (folder / "runs").iterdir()
    with jax.enable_x64(False):  # as it was written
        spec, _, first, last = ends(run)
    assert spec.rule.rate == 0.002
    assert last.position == (status["epoch"], status["sample"])
    before, after = (jax.tree.leaves(step.state.shared.store) for step in (first, last))
    assert any(np.any(a != b) for a, b in zip(before, after, strict=True))


def test_an_open_page_thins_its_curves_as_the_lab_does(place):
    address, _ = place
    some = [{"seen": k, "held_out": 0.0 if k % 7 == 0 else None} for k in range(6000)]
    all_of = [{"seen": k, "held_out": 0.5} for k in range(6000, 9000)]
    kept = []
    for point in some:
        kept = thinned([*kept, point])
    evaluations = [point for point in some if point["held_out"] is not None]
    assert [point for point in kept if point["held_out"] is not None] == evaluations
    for point in all_of:
        kept = thinned([*kept, point])
    assert CURVE / 2 < len(kept) <= CURVE and kept[-CURVE // 2 :] == all_of[-2000:]
    with browsers() as another:
        sight = Sight(another(), address)
        in_page = """async (points) => {
            const { thinned } = await import("./curves.js");
            return points.reduce((kept, point) => thinned([...kept, point]), []);
        }"""
        assert sight.page.evaluate(in_page, [*some, *all_of]) == kept
        assert sight.wrong == []


def test_another_seed_is_the_same_session_otherwise(place):
    address, _ = place
    with browsers() as another:
        sight = Sight(another(), address)
        sight.until_told("last.session")
        before = sight.told("session")
        sight.page.click("#session")
        sight.part("seed").fill("7")
        sight.part("build").click()
        sight.until_told("last.session.seed === 7")
        after = sight.told("session")
        assert after["settings"] == before["settings"]
        assert QUICK.items() <= after["settings"].items()
        assert after["spec"] == before["spec"].replace("seed = 0", "seed = 7")

        # What was set of a rule goes with it; what was set of a task, with the task.
        sight.part("knob-rule.rate").fill("0.003")
        sight.part("knob-rule.rate").press("Enter")
        sight.until_told("last.session.settings['rule.rate'] === 0.003")
        sight.page.click("#session")
        settings = sight.part("settings")
        lines = [f"{path} = {value}" for path, value in QUICK.items()]
        assert {*settings.input_value().splitlines()} == {*lines, "rule.rate = 0.003"}
        for kind, name, left in (("rule", "eprop", lines), ("task", "binary", [])):
            sight.part(kind).fill(name)
            sight.part(kind).press("Enter")
            assert {*settings.input_value().splitlines()} == {*left}
        assert sight.wrong == []
