"""The report of a comparison: one table, one figure, a way to each run."""

import json
import re
from urllib.parse import unquote

import html5lib
import pytest
from fabricate import comparison_folder

from onspike import report
from onspike.experiment import measure
from onspike.report.compare_figures import COMPUTES, Cell, cost, pareto


def links(page):
    return re.findall(r'<a href="([^"]*)"', page.read_text())


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The page of a comparison of four cells, of which one run has no report."""
    folder = comparison_folder(
        tmp_path_factory.mktemp("runs") / "compare",
        rules=("eprop", "a #1 & co"),
        seeds=(0, 5),
    )
    for run in folder.glob("*/seed-*"):
        (run / "report.html").write_text("a report")
    (folder / "eprop-fixed" / "seed-5" / "report.html").unlink()
    return report.write_comparison(folder)


def test_every_link_leads_to_a_report(compared):
    found = links(compared)
    assert len(found) == 4 + 4 + 7  # cells in two tables, and runs
    for link in found:
        assert not link.startswith(("/", "http"))
        assert (compared.parent / unquote(link)).is_file()
    assert "eprop-ideal/seed-5/report.html" in found
    assert "eprop-fixed/seed-5/report.html" not in found
    assert "has no\nreport yet" in compared.read_text() or "no report yet" in (
        " ".join(compared.read_text().split())
    )


def test_reports_that_are_missing_are_known(compared):
    missing = compared.parent / "eprop-fixed" / "seed-5"
    assert report.unwritten(compared.parent) == [missing]
    assert links(compared)[1] == "eprop-fixed/seed-0/report.html"  # of the first run


def test_the_page_is_valid_html(compared):
    html5lib.HTMLParser(strict=True).parse(compared.read_bytes())


def test_the_pareto_front_is_what_nobody_beats():
    costs = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (1.0, 0.6), (4.0, 0.9), (9.0, 0.95)]
    front = pareto(costs)
    assert front == [(1.0, 0.6), (3.0, 0.9), (9.0, 0.95)]
    for point in costs:
        beaten = any(
            other != point and other[0] <= point[0] and other[1] >= point[1]
            for other in costs
        )
        assert beaten != (point in front)
    assert pareto([]) == []


def test_every_accuracy_stands_at_its_cost_with_its_spread():
    cells = [Cell("a", "x", 0.6, 0.1), Cell("b", "x", 0.9, 0.0)]
    cells.append(Cell("c", "x", float("nan"), 0.0))
    figure = cost(cells, [10.0, 20.0, 5.0], "spikes", ["a", "b", "c"], ["x"])
    drawn = [line.get_xydata().tolist() for line in figure.axes[0].lines]
    assert [[10.0, 0.6], [20.0, 0.9]] in drawn  # the front
    assert [[10.0, 0.5], [10.0, 0.7]] in drawn  # the spread
    assert [[10.0, 0.6]] in drawn and [[20.0, 0.9]] in drawn
    assert not any(5.0 in point for line in drawn for point in line)


def test_a_cell_of_which_some_seeds_do_not_compute_has_no_place_on_the_front():
    sick = ["healthy", "silent", "diverged", "runaway", "one answer"]
    cells = [
        Cell("a", "x", 0.9, 0.0, conditions=sick),
        Cell("b", "x", 0.8, 0.0, conditions=["healthy", "runaway"]),
    ]
    figure = cost(cells, [10.0, 20.0], "spikes", ["a", "b"], ["x"])
    (axis,) = figure.axes
    marks = {tuple(line.get_xydata()[0]): line for line in axis.lines}
    assert marks[10.0, 0.9].get_fillstyle() == "none"
    assert marks[20.0, 0.8].get_fillstyle() == "full"
    assert [text.get_text() for text in axis.texts] == ["2 of 5"]
    assert len(axis.lines) == 3 and marks.keys() == {(10.0, 0.9), (20.0, 0.8)}
    assert axis.lines[0].get_xydata().tolist() == [[20.0, 0.8]]  # the front
    assert COMPUTES == measure.COMPUTES


def test_the_page_says_the_numbers(compared):
    html = compared.read_text()
    cells = json.loads((compared.parent / "compare.json").read_text())["cells"]
    for cell in cells:
        assert f"{100 * cell['mean']:.1f} ± {100 * cell['spread']:.1f} %" in html
        assert f"{100 * cell['min']:.1f} %" in html
    assert "chance level\n50.0 %" in html
    assert "a #1 &amp; co" in html and "a #1 & co" not in html
    assert "(not a result)" in html


def test_the_page_needs_nothing_from_outside(compared):
    html = compared.read_text()
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    assert "<script" not in html
    names = {path.name for path in (compared.parent / "figures").iterdir()}
    assert {"compare.svg", "compare.png", "compare_weight-writes-per-sample.svg"} <= (
        names
    )


def test_the_table_in_markdown():
    cells = [
        {"rule": "eprop", "device": "ideal", "mean": 0.9712, "spread": 0.004},
        {"rule": "a|b", "device": "fixed", "mean": 0.5, "spread": None},
        {"rule": "a|b", "device": "ideal", "mean": None, "spread": None},
    ]
    cells[0] |= {"min": 0.96, "while_learning": 1.0, "spikes_per_sample": 1234.5}
    cells[0] |= {"baselines": {"frozen_hidden_accuracy": 0.875}}
    cells[1] |= {"spread": 0.0, "test_accuracies": [0.5]}  # one seed has no spread
    cells[1] |= {"weight_writes_per_sample": 17, "baselines": {"mlp_on_input": 0.75}}
    compare = {"rules": ["eprop", "a|b"], "devices": ["ideal"], "cells": cells}
    assert report.compare_table(compare) == (
        "| rule | ideal | fixed |\n"
        "| --- | ---: | ---: |\n"
        "| eprop | 97.1 ± 0.4 % | – |\n"
        "| a\\|b | – | 50.0 % |\n"
        "\n"
        "| rule | device | worst seed | while learning | spikes per sample "
        "| weight writes per sample | frozen hidden | mlp on input |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| eprop | ideal | 96.0 % | 100.0 % | 1,234 | – | 87.5 % | – |\n"
        "| a\\|b | fixed | – | – | – | 17 | – | 75.0 % |\n"
        "| a\\|b | ideal | – | – | – | – | – | – |\n"
    )


def test_a_comparison_without_cells_or_runs(tmp_path):
    (tmp_path / "compare.json").write_text('{"task": "digits"}')
    assert (
        "No cell has been finished yet" in report.write_comparison(tmp_path).read_text()
    )
    page = report.write_comparison(
        comparison_folder(tmp_path / "alone", runs=False, seeds=(0,))
    )
    assert links(page) == []
    assert "chance level" not in page.read_text()


def test_costs_that_are_zero_or_unknown(tmp_path):
    folder = comparison_folder(tmp_path / "compare", runs=False)
    compare = json.loads((folder / "compare.json").read_text())
    compare["cells"][0]["weight_writes_per_sample"] = 0
    compare["cells"][1]["weight_writes_per_sample"] = None
    for cell in compare["cells"]:
        del cell["memory_bits"]
    (folder / "compare.json").write_text(json.dumps(compare))
    html = report.write_comparison(folder).read_text()
    assert "weight writes per sample" in html
    assert "all memory (KiB)" not in html


def test_what_is_no_comparison_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such folder.*onspike compare"):
        report.write_comparison(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no compare.json; give"):
        report.write_comparison(tmp_path)
    (tmp_path / "compare.json").write_text("[]")
    with pytest.raises(ValueError, match="does not hold a JSON object"):
        report.write_comparison(tmp_path)


def test_seeds_in_a_bad_condition_are_counted_in_the_table(tmp_path):
    folder = comparison_folder(tmp_path / "compare", rules=("eprop",), seeds=(0, 5))
    found = json.loads((folder / "compare.json").read_text())
    cell = found["cells"][0]
    cell["conditions"] = ["runaway", "healthy"]
    (folder / "compare.json").write_text(json.dumps(found))
    assert "% (1 of 2 runaway)" in report.compare_table(found)
    assert "(1 of 2 runaway)" in report.write_comparison(folder).read_text()
