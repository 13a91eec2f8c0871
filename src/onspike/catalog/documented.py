"""What a docstring says, read from the source: importing it would wait for JAX."""

import ast
import re
import unicodedata
from functools import cache
from pathlib import Path

import onspike

_ROOT = Path(onspike.__file__).parent


_SIGNS = {
    "leftarrow": "<-",
    "lambda": "λ",
    "partial": "∂",
    "cdot": "·",
    "odot": "*",
    "sum": "Σ",
    "le": "<=",
    "ge": ">=",
    "in": "in",
    "to": "->",
    "ell": "l",
}
_OVER = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307"}
_SILENT = "mathrm", "text", "left", "right"


def sections(path: str) -> dict[str, str]:
    """The sections of a public object's docstring, each on one line, by title.

    The first, "", is what comes before all others. Formulas are in plain characters.

    Raises:
        LookupError: If there is no such object.
    """
    parts = re.split(r"^(\w+):[ \n]", _docstring(path), flags=re.M)
    found = {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    return {title: plain(" ".join(body.split())) for title, body in found.items()}


def formulas(path: str) -> list[str]:
    """The formulas that say what an object does, in plain characters."""
    opening = re.split(r"^\w+:$", _docstring(path), flags=re.M)[0]
    found = re.findall(r"\$([^$]+)\$", " ".join(opening.split()))
    said = [plain(one).strip(" .,") for one in found if re.search("=|leftarrow", one)]
    return [" ".join(one.split()) for one in said]


def plain(text: str) -> str:
    """A text without TeX: its formulas in plain characters."""

    def sign(found: re.Match[str]) -> str:
        name = found[1]
        greek = f"GREEK {'CAPITAL' if name[0].isupper() else 'SMALL'} LETTER {name}"
        if name in _SIGNS or name in _SILENT:
            return _SIGNS.get(name, "")
        try:
            return unicodedata.lookup(greek.upper())
        except KeyError:
            return name

    text = re.sub(r"\\frac\{([^}]*)\}\{([^}]*)\}", r"\1 / \2", text.replace("$", ""))
    for name, mark in _OVER.items():
        text = re.sub(rf"\\{name} ?\{{?(\w)\}}?", rf"\1{mark}", text)
    text = re.sub(r",? ?\\quad", ";", re.sub(r"\\[,; ]", " ", text))
    text = re.sub(r"\\([A-Za-z]+)", sign, text)
    text = re.sub(r"([Δ∂]) ", r"\1", re.sub(r"\{([\w,]*)\}", r"\1", text))
    return re.sub(r"\{([^{}]*)\}", r"(\1)", text)


def _docstring(path: str) -> str:
    module, _, name = path.rpartition(".")
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
        if isinstance(node, ast.ImportFrom) and name in (a.name for a in node.names):
            return _docstring(f"{node.module}.{name}")
    raise LookupError(f"{module} has no '{name}'")


@cache
def _tree(module: str) -> ast.Module:
    place = _ROOT.joinpath(*module.split(".")[1:])
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return ast.parse(file.read_text())
