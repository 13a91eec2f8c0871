"""What the README and the guides show is run as it stands.

Tutorials are run by `make docs`: see docs/hooks/execute.py.
"""

import importlib
import inspect
import re

import pytest

from onspike import catalog


def blocks(root, language, page="README.md"):
    text = (root / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.slow
def test_the_python_of_the_readme(pytestconfig, capsys):
    (block,) = blocks(pytestconfig.rootpath, "python")
    space = {}
    exec(compile(block, "README.md", "exec"), space)
    assert space["run"].test_accuracy > 0.9
    assert "learning_overhead" in capsys.readouterr().out


@pytest.mark.slow
def test_the_python_of_the_bad_chip(pytestconfig, capsys):
    page = "docs/how-to/bad-chip.md"
    code = "\n".join(blocks(pytestconfig.rootpath, "python", page))
    space = {}
    exec(compile(code, page, "exec"), space)
    assert space["after"].min() > 0.75 > 0.65 > space["before"].max()
    assert "median of 8 dies" in capsys.readouterr().out


@pytest.mark.slow
def test_the_python_of_the_stream(pytestconfig, capsys):
    page = "docs/how-to/stream.md"
    code = "\n".join(blocks(pytestconfig.rootpath, "python", page))
    space = {}
    exec(compile(code, page, "exec"), space)
    assert space["right"] > 0.9
    assert space["params"].weights["in"].shape == (64, 32)
    assert "of the bars are told apart" in capsys.readouterr().out


@pytest.mark.parametrize("name", catalog.RULES)
def test_every_rule_says_what_its_reference_page_needs(name):
    module, _, attribute = catalog.RULES[name].documented.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(module), attribute))
    for section in ("Args", "Locality", "Memory", "Cost", "Exact", "Source"):
        assert re.search(rf"^{section}:", text, re.MULTILINE), section
