"""Pieces of the user's own, by `module:attribute`."""

import re
import sys

import pytest

from onspike import LIF
from onspike.experiment.spec import parse
from tinyrun import command, refused, tiny

MINE = '''
from __future__ import annotations
from typing import Literal
import equinox as eqx
import onspike as ons
from onspike import rules
from onspike.types import PerNeuron

class Slow(ons.neurons.AbstractNeuron):
    """A neuron with options that a shell can write, and one that it cannot."""
    tau: PerNeuron = 0.1
    note: str = "x"
    other: eqx.Module | None = None
    continuous = ("v",)
    bias: PerNeuron = 0.0

    def init(self, n): ...
    def step(self, state, current, dt): ...
    def fire(self, state): ...
    def decay(self, dt): ...
    def gain(self, dt): ...

def rule(rate=0.5, **others):
    return rules.hebb(rate)

def words(how: Literal["one", "two"] = "one") -> ons.LIF: return ons.LIF()
def fast(tau_mem: float = 1e-3): return ons.LIF(tau_mem)
def needs(model: eqx.Module): return ons.LIF()
def taken(name: str = "x"): return ons.LIF()
def unknown(a: Nothing) -> Nothing: return ons.LIF()
def some(): return 3
number = 3
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine_of_test.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "mine_of_test"
    sys.modules.pop("mine_of_test", None)


def test_fields_that_a_shell_can_write_are_options(mine):
    spec = tiny(neuron=f"{mine}:Slow", settings={"neuron.tau": "0.25"})
    made = spec.built("neuron")
    assert type(made).__name__ == "Slow" and made.tau == 0.25 and made.note == "x"
    assert spec.neuron.__struct_fields__ == ("name", "tau", "note", "bias")
    assert parse(spec.toml()) == spec
    with pytest.raises(ValueError, match="'taus'; did you mean 'tau'"):
        tiny(neuron=f"{mine}:Slow", settings={"neuron.taus": 1})
    with pytest.raises(ValueError, match="neuron.tau: .* got 'long'"):
        tiny(neuron=f"{mine}:Slow", settings={"neuron.tau": "long"})


def test_a_recipe_has_no_say_in_them(mine):
    assert tiny().rule.rate != 0.5 and tiny().neuron.tau_mem != 1e-3
    spec = tiny(rule=f"{mine}:rule", neuron=f"{mine}:fast")
    assert (spec.rule.rate, spec.neuron.tau_mem) == (0.5, 1e-3)
    assert spec.built("neuron") == LIF(1e-3)
    assert spec.network == tiny().network


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mine_of_test:Fast", "module 'mine_of_test' has no 'Fast'"),
        ("mine_of_test:number", "must be a class, or a function"),
        ("mine_of_test:needs", "needs 'model', which no shell can write"),
        ("mine_of_test:taken", "option 'name', which is taken"),
        ("mine_of_test:unknown", "needs 'a', which no shell"),
        ("mine_of_test:rule", "must make a neuron, .* got ThreeFactor"),
        ("nowhere_to_find:X", "no module 'nowhere_to_find' in .* mine.py calls Piece"),
        ("mine of test:X", "must be module:attribute"),
        ("mine_of_test:", "must be module:attribute"),
    ],
)
def test_mistakes_are_one_line(mine, name, words, tmp_path):
    folder = str(tmp_path / "out")
    said = refused("train", "cue-accumulation", "--neuron", name, "--out", folder)
    assert re.search(words, said) and not (tmp_path / "out").exists()


def test_what_its_module_lacks_is_named(mine, tmp_path):
    (tmp_path / "broken_of_test.py").write_text("import nothing_of_the_kind")
    with pytest.raises(ValueError, match="No module named 'nothing_of_the_kind'"):
        tiny(neuron="broken_of_test:X")
    assert command("list", "neurons")[0] == 0


def test_list_shows_the_options_of_ones_own(mine):
    code, said, complaints = command("list", f"{mine}:fast")
    assert code == 0 and not complaints
    assert f"neuron {mine}:fast" in said[0]
    assert any("neuron.tau_mem = 0.001" in line for line in said)
    code, said, _ = command("list", f"{mine}:words")
    assert code == 0 and any("two" in line for line in said)
    code, said, _ = command("list", f"{mine}:rule")
    assert code == 0 and any("rule.rate = 0.5" in line for line in said)
    assert "cannot be made from its defaults" in refused("list", f"{mine}:needs")
    assert "got int" in refused("list", f"{mine}:some")
