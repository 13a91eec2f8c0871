"""Continuous integration leaves nothing out unless it is told to."""

import shutil
import subprocess

import pytest

TOOLS = ("bash", "dirname", "id")


@pytest.fixture
def run(tmp_path, pytestconfig):
    """Runs `.ci/run` where there is no browser to be had, and `make` only writes."""
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool))
    (tmp_path / "make").write_text("#!/bin/sh\necho make $1\n")
    (tmp_path / "make").chmod(0o755)
    script = pytestconfig.rootpath / ".ci/run"

    def run(**environment):
        return subprocess.run(
            ["bash", script],
            env={"PATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
        )

    return run


def test_without_a_browser_it_fails_and_says_what_allows_it(run):
    refused = run()
    assert refused.returncode == 1 and refused.stdout == ""
    assert "CHROMIUM=none .ci/run" in refused.stderr
    allowed = run(CHROMIUM="none")
    assert allowed.returncode == 0
    assert allowed.stdout.split("\n")[:3] == ["make lint", "make test", "make docs"]
