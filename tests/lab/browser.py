"""A lab and browsers of its own, as processes that may be killed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
_LAB = "from onspike.cli import main; main()"


@contextmanager
def lab(*words, folder, **environment):
    """A lab in a process, which works in a folder; gives its address."""
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", _LAB, "lab", "--no-browser", "--port=0", *words],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        | {"JAX_COMPILATION_CACHE_DIR": str(ROOT / ".jax_cache")}
        | environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline()
        yield re.search(r"http://\S+", line)[0]
        process.send_signal(signal.SIGINT)
        process.wait(20)
    finally:
        _end(process)


class Chromium:
    """A headless browser in a process group of its own, steered from outside."""

    def __init__(self, playwright, *options):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._profile.name}",
                *options,
            ],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        said = iter(self._process.stderr.readline, "")
        found = (re.search(r"DevTools listening on (\S+)", line) for line in said)
        place = next(filter(None, found), None)
        if place is None:
            self.kill()
            raise RuntimeError(f"{CHROMIUM} did not start")
        self._browser = playwright.chromium.connect_over_cdp(place[1])

    def open(self, address, width=1280, height=800, **options):
        """A page, in a window of that size."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, **options
        )
        page = context.new_page()
        page.goto(address)
        return page

    def kill(self):
        """Ends it as a crash would."""
        _end(self._process)
        self._process.stderr.close()
        self._profile.cleanup()


def _end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
