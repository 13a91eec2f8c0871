"""Makes a reference page for every rule, and the tables of factors and of options.

All come from the catalogue, the rules that its rows build, and their docstrings: there
is nothing to keep up to date.
"""

import importlib
import inspect
import re

import equinox as eqx
import msgspec
from mkdocs.structure.files import File

from onspike import catalog
from onspike.catalog.options import meaning
from onspike.experiment import build, measure
from onspike.experiment.spec import kind_of, resolve
from onspike.rules import AbstractRule, Terms, ThreeFactor
from onspike.terminal.listing import takes, written

TABLE = "<!-- the factors of every rule -->"
OPTIONS = re.compile(r"<!-- the options of (network|train) -->")
FOLDER = "reference/rules"


def on_config(config, **_):
    """Puts a page for every rule behind the page of the factors."""
    reference = next(part["Reference"] for part in config.nav if "Reference" in part)
    place = next(i for i, page in enumerate(reference) if "Rules" in page)
    pages = [{name: f"{FOLDER}/{name}.md"} for name in catalog.RULES]
    reference[place] = {"Rules": [{"All": reference[place]["Rules"]}, *pages]}
    return config


def on_files(files, config, **_):
    """Makes the pages."""
    for name, row in catalog.RULES.items():
        page = File.generated(config, f"{FOLDER}/{name}.md", content=_page(name, row))
        files.append(page)
    return files


def on_page_markdown(markdown, **_):
    """Puts tables where a page asks for them."""
    markdown = OPTIONS.sub(lambda found: _options(found[1], None), markdown)
    return markdown.replace(TABLE, _table()) if TABLE in markdown else markdown


def _page(name, row):
    factors = _factors(_learner(name))
    lines = [f"# {name}", "", f"{row.summary[0].upper()}{row.summary[1:]}.", ""]
    if factors:
        lines += ["As cue accumulation's recipe puts it together:", ""]
        lines += [f"- **{what}**: {value}" for what, value in factors.items()]
    lines += ["", "## Options", "", _options("rule", name)]
    own = {"neuron": row.neuron, "device": row.device}
    if any(own.values()):
        named = " and ".join(f"{kind} `{name}`" for kind, name in own.items() if name)
        lines += ["", f"Where no other is named, it comes with the {named}."]
    if row.needs:
        lines += ["", "It comes with these settings of other sections:", ""]
        lines += [f"- `{path}={value}`" for path, value in row.needs.items()]
    lines += ["", "## In Python", "", f"::: {row.documented}", ""]
    return "\n".join(lines)


def _options(section, name):
    """The options of a name, or of a section without names."""
    lines = ["| `--set` | meaning | default |", "|---|---|---|"]
    for field in msgspec.structs.fields(kind_of(section, name)):
        if field.name != "name":
            said = meaning(section, name, field.name)
            words = [
                w for w in getattr(field.type, "__args__", ()) if w in said.choices
            ]
            choices = [f"`{word}`: {said.choices[word]}" for word in words]
            what = f"{said.meaning} {takes(said, field.type)}".replace("<", "&lt;")
            cell = "<br>".join([what.strip(), *choices])
            lines.append(
                f"| `{section}.{field.name}` | {cell} | `{written(field.default)}` |"
            )
    return "\n".join(lines)


def _table():
    head = ["rule", "signal", "eligibility", "gate", "learning state", "locality"]
    lines = [head, ["---"] * len(head)]
    for name, row in catalog.RULES.items():
        learner = _learner(name)
        factors = _factors(learner)
        bits = measure.memory(learner, _TASK)["learning_state"]
        lines.append(
            [
                f"[{name}](../{FOLDER}/{name}.md)",
                *(factors.get(what, "-") for what in head[1:4]),
                f"{bits / 8192:.1f} KiB",
                _section(row.documented, "Locality"),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_TASK = resolve("cue-accumulation").built("task")
_SIZES = {"network.hidden": 100, "train.optimiser": "sgd", "train.batch": 1}


def _learner(name):
    """The rule on the networks of one size: 40 inputs, 100 neurons, 2 outputs."""
    options = kind_of("rule", name).__struct_fields__
    rate = {"rule.rate_out": 1e-3} if "rate_out" in options else {}
    sizes = _SIZES if name != "rtrl" else _SIZES | {"network.hidden": 20}
    spec = resolve("cue-accumulation", rule=name, settings=sizes | rate)
    return build.learner(spec, _TASK)


def _factors(learner):
    rule = getattr(learner, "rule", None)
    if isinstance(rule, Terms):
        each = [_factors_of(term) for term in rule.terms]
        keys = dict.fromkeys(key for one in each for key in one)
        found = {k: " + ".join(one[k] for one in each if k in one) for k in keys}
        return found | {"gate": _named(rule.gate)}
    return _factors_of(rule) if isinstance(rule, AbstractRule) else {}


def _factors_of(rule):
    if not isinstance(rule, ThreeFactor):
        return {"signal": f"{type(rule).__name__}: its own", "gate": _named(rule.gate)}
    eligibility = _named(rule.eligibility)
    if rule.readout_filter is not None:
        eligibility += " behind the readout's filter"
    if type(rule.readout) is not type(rule.eligibility):
        eligibility += f", readout {_named(rule.readout)}"
    return {
        "signal": _named(rule.signal),
        "eligibility": eligibility,
        "gate": _named(rule.gate),
        **({"regulariser": _named(rule.regulariser)} if rule.regulariser else {}),
    }


def _named(part):
    """A part's name, with the parts that it is made of."""
    inner = [_named(v) for v in vars(part).values() if isinstance(v, eqx.Module)]
    return type(part).__name__ + (f"({', '.join(inner)})" if inner else "")


def _section(path, title):
    """A section of a docstring, on one line."""
    module, _, name = path.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""
    found = re.search(rf"^{title}:[ \n]+(.*?)(?:\n\n|\n(?=\S)|\Z)", text, re.M | re.S)
    return " ".join(found[1].split()) if found else "-"
