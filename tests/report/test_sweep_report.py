"""The report of a sweep: best settings, every score, and how to test the winner."""

import json
import re
import shlex

import pytest
from fabricate import sweep_folder

from onspike import report
from onspike.report import sweep_figures


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sweep_folder(tmp_path_factory.mktemp("sweeps") / "a sweep")


@pytest.fixture(scope="module")
def page(folder):
    return report.write_sweep(folder).read_text()


def rows_of(folder):
    lines = (folder / "trials.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_page_says_the_numbers(folder, page):
    rows = rows_of(folder)
    best = max((r for r in rows if r["score"] is not None), key=lambda r: r["score"])
    assert f'<div class="value">{100 * best["score"]:.1f} %</div>' in page
    for option, value in best["settings"].items():
        assert f"<th>{option}</th>" in page
        assert f'<td class="n">{json.dumps(value)}</td>' in page
    assert "0.0001 to 0.1, log-uniform" in page and "20 to 120, whole numbers" in page
    assert "test accuracy on new seeds" in " ".join(page.split())
    assert page.count("no longer finite") == 4 and "not finished" not in page
    places = [int(n) for n in re.findall(r'<tr><th class="n">(\d+)</th>', page)]
    assert places[0] == best["trial"] and sorted(places) == list(range(1, 41))
    assert places[-4:] == [10, 20, 30, 40]  # those without a score come last


def test_the_page_needs_nothing_from_outside(folder, page):
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script" not in page
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {
        f"sweep{name}.{kind}"
        for name in (
            "",
            "_rule-rate",
            "_rule-control-gain",
            "_network-hidden",
            "_rule-one-sided",
        )
        for kind in ("svg", "png")
    }


def test_the_summary_ends_with_a_command_for_new_seeds(folder):
    said = report.sweep_summary(folder)
    assert said.startswith("4 of 40 trials have no score\nvalidation accuracy 0.9")
    words = shlex.split(said[said.index("onspike compare") :].replace("\\\n", " "))
    assert words[:3] == ["onspike", "compare", "yin-yang"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert given["--seeds"] == "2,3,4,5,6" and given["--neuron"] == "cuba-lif"
    assert given["--out"] == f"{folder}-best"
    assert {"task.code=rate", "train.clamp=null", "rule.one_sided=true"} < set(words)


def test_a_sweep_that_has_only_begun(tmp_path):
    folder = sweep_folder(tmp_path / "sweep", trials=0)
    html = report.write_sweep(folder).read_text()
    assert "No trial has a score yet" in html and "0 of 40" in html
    assert "not finished" in html and "onspike compare" not in html
    assert report.sweep_summary(folder) == "no trial has a score: see trials.jsonl"
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"trial": ')
    assert "line 1, cannot be read" in report.write_sweep(folder).read_text()


def test_one_seed_and_nothing_but_failures(tmp_path):
    folder = sweep_folder(tmp_path / "sweep", trials=12, seeds=(3,))
    assert "12 of 40" in report.write_sweep(folder).read_text()
    rows = [row for row in rows_of(folder) if row["score"] is None]
    (folder / "trials.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert "no score" in report.write_sweep(folder).read_text()
    assert report.sweep_summary(folder).startswith("1 of 1 trials have no score")


def test_trials_of_one_choice_stand_side_by_side():
    places = sweep_figures._beside(["b", "a", "b", "b"], ["a", "b"])
    assert places == pytest.approx([0.72, -0.28, 1.0, 1.28])


def test_what_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no sweep.toml; give the folder that"):
        report.write_sweep(tmp_path)
    (tmp_path / "sweep.toml").write_text("=")
    with pytest.raises(ValueError, match="is not valid TOML"):
        report.write_sweep(tmp_path)
