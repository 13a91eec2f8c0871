"""One protocol: of the worker, of its stand-in in tests, and of the reference."""

import asyncio
import inspect
import json
import re
import threading
import time
from multiprocessing import Pipe
from typing import get_args

import msgspec
import pytest
from fake_worker import TICKS, Fake

from onspike.lab import commands
from onspike.lab.hub import Browser, Hub
from onspike.lab.worker import Worker
from tinyrun import TINY

# Tables whose keys are names: of rules, populations, projections, or options.
BY_NAME = {
    "neurons",
    "projections",
    "rates",
    "settings",
    "shown",
    "signal",
    "v",
    "z",
}
CODE = re.compile("`(.*?)`", re.S)


def session(ticks, folder, **new):
    """Commands that bring forth every message of a child, and what ends each."""

    def rests(seen):
        return lambda m: (m.get("state"), m.get("seen")) == ("paused", seen)

    return [
        (commands.New("nonsense"), lambda m: m["type"] == "note"),
        (commands.New(**new), lambda m: m["type"] == "session"),
        (commands.Step(5 * ticks), rests(5)),
        (commands.Feedback(plugged=False), lambda m: m["type"] == "mark"),
        (commands.Step(5 * ticks), rests(10)),
        (commands.Pause(), rests(10)),
        (commands.Export(folder), lambda m: m["type"] == "exported"),
    ]


def answers(child, said):
    """The messages that a child answers with."""
    end, other = Pipe()
    thread = threading.Thread(target=child(other), daemon=True)
    thread.start()
    found, until = [], time.monotonic() + 120
    for command, over in said:
        end.send(commands.plain(command))
        while not found or not over(found[-1]):
            assert end.poll(max(0.0, until - time.monotonic())), (command, found[-1:])
            name, payload = end.recv()
            found.append(json.loads(payload))
            assert found[-1]["type"] == name
        found.append({"type": "status"})  # that nothing is over twice
    end.send({"do": "quit"})
    thread.join(30)
    assert not thread.is_alive()
    return found


def paths(value, at=""):
    """Where in a message there is something, names of its parts aside."""
    if isinstance(value, dict):
        named = at.rsplit(".", 1)[-1] in BY_NAME
        for key, inner in value.items():
            below = f"{at}.{'*' if named else key}"
            yield below
            yield from paths(inner, below)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{at}[]")


def keys(messages):
    """All paths of each type of message."""
    found = {}
    for message in messages:
        kind = message.pop("type")
        found.setdefault(kind, set()).update(paths(message))
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the worker says, by type."""
    folder = str(tmp_path_factory.mktemp("protocol") / "run")
    asked = {"task": "cue-accumulation", "rule": "reckon", "settings": TINY}
    said = session(TINY["task.ticks"], folder, **asked)
    return keys(answers(lambda end: Worker(end).work, said))


def test_the_stand_in_says_what_the_worker_says(told):
    said = session(TICKS, None, task="yin-yang", settings={"rule.rate": 0.1})
    fake = keys(answers(lambda end: Fake(end).run, said))
    assert fake.keys() == told.keys()
    for kind, found in told.items():
        assert fake[kind] == found, kind


def test_the_stand_in_takes_what_the_lab_takes():
    for command in get_args(commands.Command):
        info = msgspec.inspect.type_info(command)
        takes = inspect.signature(getattr(Fake, f"do_{info.tag}")).parameters
        assert [*takes][1:] == [field.name for field in info.fields]


def test_the_reference_names_every_key(told, pytestconfig):
    async def hubs():
        return [json.loads(message) for message in Hub("").join(Browser())]

    page = (pytestconfig.rootpath / "docs/reference/lab.md").read_text()
    sections = dict(re.findall(r"^`(\w+)`\n:(.*?)(?=^`|^##)", page, re.M | re.S))
    for kind, found in {**told, **keys(asyncio.run(hubs()))}.items():
        words = set(re.findall(r"\w+", " ".join(re.findall(CODE, sections[kind]))))
        last = {path.rsplit(".", 1)[-1] for path in found} - {"*"}
        assert last <= words, kind


def test_the_reference_names_every_command(pytestconfig):
    page = (pytestconfig.rootpath / "docs/reference/lab.md").read_text()
    rows = re.findall(r"^\| (`.*?`) \|(.*?)\|", page, re.M)
    for command in get_args(commands.Command):
        info = msgspec.inspect.type_info(command)
        (takes,) = [what for names, what in rows if f"`{info.tag}`" in names]
        named = set(re.findall(r"`([a-z]+)`", takes))
        assert {field.name for field in info.fields} <= named, info.tag
