"""Runs the Python of pages while the site is built, and shows what it prints and draws.

A block that begins with ```` ```python exec="on" session="NAME" ```` is shown, and run
after those of its session, in a folder of the session's own. What it prints follows,
and so does each figure that it shows with `plt.show()`; the option `alt` says what is
to be seen there. A line with the comment `# markdown-exec: hide` runs and is not shown.
An error, a warning to users or a figure without `alt` is a warning of mkdocs, and fails
a strict build. With `EXECUTE=off` in the environment code is shown only, for those who
write and do not want to wait.
"""

import contextlib
import functools
import html
import io
import itertools
import linecache
import os
import tempfile
import traceback
import warnings

import matplotlib
import matplotlib.pyplot as plt
from markdown_exec import ExecutionError, base_format, formatters

from onspike.report import style

_sessions = {}
_numbers = itertools.count(1)


class _Session:
    """What the blocks of a page have in common."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.names = {"__name__": "__main__"}
        self.look = _look()


def _run(code, *, session, alt="", **_):
    if os.environ.get("EXECUTE") == "off":
        return ""
    here = _sessions.setdefault(session, _Session())
    shown, printed = [], io.StringIO()

    def flush():
        text = printed.getvalue().rstrip()
        if text:
            shown.append(f'<pre class="printed">{html.escape(text)}</pre>')
        printed.seek(0)
        printed.truncate()

    def show():
        flush()
        for number in plt.get_fignums():
            if not alt:
                raise ValueError("a figure without alt")
            shown.append(_figure(plt.figure(number), alt))
        plt.close("all")

    name = f"<{session} {next(_numbers)}>"
    linecache.cache[name] = len(code), None, code.splitlines(keepends=True), name
    before = os.getcwd()
    try:
        os.chdir(here.folder.name)
        with (
            contextlib.redirect_stdout(printed),
            matplotlib.rc_context(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error", UserWarning)
            matplotlib.rcParams.update(here.look)
            plt.show = show
            exec(compile(code, name, "exec"), here.names)
            here.look = _look()
            if plt.get_fignums():
                raise ValueError("a figure that is not shown: call plt.show()")
    except Exception as error:
        plt.close("all")
        raise ExecutionError(traceback.format_exc()) from error
    finally:
        os.chdir(before)
    flush()
    return "\n".join(shown)


def _look():
    """The settings of matplotlib that a session may change: all but the backend."""
    return {k: v for k, v in matplotlib.rcParams.items() if k != "backend"}


def _figure(drawn, alt):
    """A figure as part of a page, in the page's colours."""
    file, name = io.StringIO(), f"figure-{next(_numbers)}"
    drawn.savefig(file, format="svg", metadata={"Date": None})
    svg = style.inline(file.getvalue(), name)
    title = f'<title id="{name}-title">{html.escape(alt)}</title>'
    head, tail = svg.split(">", 1)
    return (
        f'<figure class="drawn">{head} aria-labelledby="{name}-title">{title}{tail}'
        "</figure>"
    )


def _format(*, extra, **options):
    run = functools.partial(_run, **extra)  # which would be shown with the source
    return base_format(
        language="python", run=run, **options | {"html": True, "source": "above"}
    )


formatters["python"] = _format
matplotlib.use("svg")
