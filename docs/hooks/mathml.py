"""Turns formulas into MathML while the site is built: no script, no request."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*'
    r"\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]\s*</(?P=tag)>",
    re.DOTALL,
)


def on_page_content(page_html: str, **_: object) -> str:
    """Called by mkdocs with the body of each page."""
    return _FORMULA.sub(_to_mathml, page_html)


def _to_mathml(found: re.Match[str]) -> str:
    display = "block" if found["open"] == "[" else "inline"
    formula = convert(html.unescape(found["tex"]).strip(), display=display)
    return f'<div class="formula">{formula}</div>' if display == "block" else formula
