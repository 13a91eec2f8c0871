"""The lab's server, with a child that learns nothing but speaks the protocol."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from onspike.lab import commands, server
from onspike.lab.hub import FEW, Browser, Hub, run_folders
from tinyrun import refused, tiny

FIRST = commands.New("yin-yang", "feedback-control")
FOLDER = str(Path(__file__).parent)


@contextlib.asynccontextmanager
async def lab(monkeypatch, host="127.0.0.1", token=None, first=FIRST):
    monkeypatch.syspath_prepend(FOLDER)
    with server.bound("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        hub = Hub("fake_worker:main", commands.own_pieces(first))
        app = server.application(hub, host=host, port=port, token=token)
        running = uvicorn.Server(server.config(app))
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        hub.obey(first)
        try:
            while not running.started:
                await asyncio.sleep(0.01)
            yield hub, f"127.0.0.1:{port}"
        finally:
            running.should_exit = True
            await serving
            hub.end()


async def until(browser, kind, fits=lambda message: True, among=None):
    """The next message of a kind that fits; those before it go to `among`."""
    async with asyncio.timeout(30):
        while True:
            message = json.loads(await browser.recv())
            if message["type"] == kind and fits(message):
                return message
            if among is not None:
                among.append(message)


def say(browser, do, **what):
    return browser.send(json.dumps({"do": do, **what}))


def test_a_browser_that_comes_late_is_told_everything(monkeypatch):
    async def scenario():
        async with lab(monkeypatch) as (_, place), connect(f"ws://{place}/ws") as one:
            assert (await until(one, "hello"))["version"]
            await until(one, "session")
            await say(one, "set", path="rule.rate", value=0.002)
            await say(one, "speed", value="full")
            await say(one, "start")
            await until(one, "accuracy", lambda point: point["held_out"])
            await say(one, "pause")
            await until(one, "status", lambda status: status["state"] == "paused")
            await say(one, "step", ticks=7)
            await say(one, "step", ticks=5)
            await until(one, "ticks", lambda ticks: ticks["start"] == 7)
            async with connect(f"ws://{place}/ws") as other:
                told = [json.loads(await other.recv()) for _ in range(7)]
                return told

    told = asyncio.run(scenario())
    kinds = ["hello", "session", "status", "history", "weights", "ticks", "ticks"]
    assert [message["type"] for message in told] == kinds
    hello, session, status, history, _, *ticks = told
    rules = {rule["name"]: rule for rule in hello["catalogue"]["rules"]}
    assert rules["eprop"]["ticks"] and not rules["bptt"]["ticks"]
    tasks = {task["name"]: task for task in hello["catalogue"]["tasks"]}
    assert tasks["yin-yang"]["neurons"]["tug-of-war"] == "cuba-lif"
    assert session["rule"] == "feedback-control" and status["state"] == "paused"
    assert history["marks"] == [{"seen": 0, "text": "rule.rate = 0.002"}]
    seen = [point["seen"] for point in history["accuracy"]]
    assert seen == [5 * (k + 1) for k in range(len(seen))] and len(seen) >= 2
    assert [(one["start"], one["n"]) for one in ticks] == [(0, 7), (7, 5)]


def test_run_folders_are_offered_newest_first(tmp_path):
    for age, name in enumerate(["new", "older", "old"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.toml").touch()
        os.utime(tmp_path / name / "spec.toml", (1e9 - age, 1e9 - age))
    (tmp_path / "compare").mkdir()
    names = [Path(folder).name for folder in run_folders(tmp_path)]
    assert names == ["new", "older", "old"]
    assert run_folders(tmp_path / "nothing") == []


def test_another_session_begins_its_history_anew(monkeypatch):
    async def scenario():
        async with lab(monkeypatch) as (_, place), connect(f"ws://{place}/ws") as one:
            await say(one, "speed", value="full")
            await say(one, "start")
            await until(one, "accuracy")
            await say(one, "reset")
            await until(one, "session", lambda session: session["id"] > 2)
            await until(one, "status", lambda status: status["seen"] == 0)
            async with connect(f"ws://{place}/ws") as other:
                return await until(other, "history")

    history = asyncio.run(scenario())
    assert history == {"type": "history", "accuracy": [], "marks": []}


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("start", "malformed"),
        ("[]", "object"),
        ("{}", "do"),
        ('{"do": "fly"}', "fly"),
        ('{"do": "step", "ticks": "two"}', "ticks"),
        ('{"do": "step", "ticks": -1}', "ticks"),
        ('{"do": "speed", "value": "fast"}', "value"),
        ('{"do": "new"}', "task"),
        ('{"do": "pause", "when": 3}', "when"),
        (b"\xff\xfe", "this is no command"),
        ('{"do": "new", "task": "binary", "rule": "os:system"}', "--rule os:system"),
    ],
)
def test_what_is_no_command_is_said_to_be_none(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        commands.parse(text)


MINE = """
from onspike import LIF

def fast(tau_mem: float = 1e-3) -> LIF:
    "Made in a test."
    return LIF(tau_mem)
"""


def test_what_was_named_at_the_start_may_be_named_again(monkeypatch, tmp_path):
    (tmp_path / "mine_of_lab.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    mine = commands.New("yin-yang", neuron="mine_of_lab:fast")

    async def scenario():
        async with (
            lab(monkeypatch, first=mine) as (_, place),
            connect(f"ws://{place}/ws") as one,
        ):
            hello = await until(one, "hello")
            asked = {"task": "yin-yang", "neuron": "mine_of_lab:fast"}
            await say(one, "new", **asked, seed=7)
            await until(one, "session", lambda session: session["seed"] == 7)
            for kind, name in (("neuron", "mine_of_lab:MINE"), ("rule", mine.neuron)):
                await say(one, "new", **{**asked, kind: name})
                assert "where the lab is started" in (await until(one, "note"))["text"]
            return hello["catalogue"]["neurons"][-1]

    assert asyncio.run(scenario()) == {
        "name": "mine_of_lab:fast",
        "summary": "Made in a test.",
        "source": "mine_of_lab:fast",
    }


def test_a_run_folder_brings_no_code_of_its_own(tmp_path):
    theirs = "never_imported_in_a_test:Neuron"
    text = tiny().toml()
    own = text.replace('"lif"', f'"{theirs}"')
    for name, spec in {"known": text, "own": own, "broken": "= ="}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.toml").write_text(spec)

    def asked(name, **own):
        folder = str(tmp_path / name)
        return commands.parse(json.dumps({"do": "open", "folder": folder}), own)

    for name in ("known", "broken", "nowhere"):  # what these are worth, the child says
        assert isinstance(asked(name), commands.Open)
    refusal = f"'{theirs}', is named where the lab is started: onspike lab .*/own"
    with pytest.raises(ValueError, match=refusal):
        asked("own")
    first = commands.Open(str(tmp_path / "own"))
    assert asked("own", **commands.own_pieces(first)) == first
    with pytest.raises(ValueError, match="'~no-such-user/run': "):
        commands.parse('{"do": "open", "folder": "~no-such-user/run"}')


def test_a_bad_command_harms_nobody(monkeypatch):
    async def scenario():
        async with lab(monkeypatch) as (_, place):
            address = f"ws://{place}/ws"
            async with connect(address) as one, connect(address) as other:
                for bad in ("nonsense", b"\xff", '{"do": "fly"}'):
                    await one.send(bad)
                    note = await until(one, "note")
                    assert note["level"] == "error" and "no command" in note["text"]
                await say(one, "new", task="nonsense")
                passed = []
                await until(
                    other, "note", lambda n: "unknown task" in n["text"], passed
                )
                assert not [m for m in passed if m["type"] == "note"]
                await say(other, "step", ticks=3)
                assert (await until(one, "ticks"))["n"] == 3

    asyncio.run(scenario())


def test_old_pictures_give_way_and_words_wait():
    async def scenario():
        browser = Browser()
        for k in range(1000):
            for kind in ("ticks", "status", "weights", "accuracy", "mark"):
                browser.put(kind, f"{kind} {k}".encode())
        return [(await browser.get()).decode().split() for _ in range(2000 + 2 + 32)]

    messages = asyncio.run(scenario())
    by_kind = {}
    for kind, k in messages:
        by_kind.setdefault(kind, []).append(int(k))
    assert by_kind.pop("accuracy") == by_kind.pop("mark") == list(range(1000))
    newest = list(range(1000 - FEW["ticks"], 1000))
    assert by_kind == {"ticks": newest, "status": [999], "weights": [999]}


def test_a_browser_that_does_not_read_is_dropped_and_delays_nobody(monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.3)

    async def scenario():
        async with lab(monkeypatch) as (hub, place), connect(f"ws://{place}/ws") as one:
            name, port = place.split(":")
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect((name, int(port)))
                deaf.sendall(
                    f"GET /ws HTTP/1.1\r\nHost: {place}\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
                )
                while len(hub.browsers) < 2:
                    await asyncio.sleep(0.01)
                await say(one, "speed", value="full")
                await say(one, "start")
                seen = []
                async with asyncio.timeout(60):
                    while len(hub.browsers) > 1:
                        seen.append((await until(one, "ticks"))["seen"])
                after = [(await until(one, "ticks"))["seen"] for _ in range(3)]
                return seen, after

    seen, after = asyncio.run(scenario())
    assert len(seen) > 3 and seen == sorted(seen)
    assert after == [after[0], after[0] + 1, after[0] + 2]


def test_a_child_that_dies_is_mourned_and_replaced(monkeypatch):
    async def scenario():
        async with lab(monkeypatch) as (_, place), connect(f"ws://{place}/ws") as one:
            await until(one, "session")
            await say(one, "set", path="rule.rate", value=1.0)
            await say(one, "set", path="die", value=None)
            note = await until(one, "note")
            assert note["level"] == "error"
            assert "the last words of the child" in note["text"]
            assert (await until(one, "status"))["state"] == "failed"
            await say(one, "start")
            assert "no session" in (await until(one, "note"))["text"]
            await say(one, "new", task="digits")
            assert (await until(one, "status"))["state"] == "building"
            assert (await until(one, "session"))["task"] == "digits"
            async with connect(f"ws://{place}/ws") as other:
                assert (await until(other, "history"))["marks"] == []

    asyncio.run(scenario())


def get(place, path="/", **headers):
    """Status, headers and text of an answer, without following where it points."""
    line = http.client.HTTPConnection(place, timeout=10)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request("GET", path, headers=names)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        line.close()


async def opens(place, path="/ws", **options):
    try:
        async with connect(f"ws://{place}{path}", **options) as browser:
            return json.loads(await browser.recv())["type"] == "hello"
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 403
        return False


def test_nobody_from_elsewhere_gets_in(monkeypatch):
    async def scenario():
        async with lab(monkeypatch) as (_, place):
            port = place.split(":")[1]
            assert await opens(place)
            assert await opens(place, origin=f"http://{place}")
            for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "//["):
                assert not await opens(place, origin=origin)
            local = f"localhost@evil.example:{port}"
            for host in ("evil.example", local, f"evil.example:{port}", "", "[", "::"):
                status, _, _ = await asyncio.to_thread(get, place, Host=host)
                assert status == 403
            for host in (f"localhost:{port}", f"[::1]:{port}"):
                status, headers, _ = await asyncio.to_thread(get, place, Host=host)
                assert status == 200
                assert "default-src 'self'" in headers["content-security-policy"]

    asyncio.run(scenario())


def test_on_a_network_a_token_is_asked_for(monkeypatch):
    async def scenario():
        async with lab(monkeypatch, host="0.0.0.0", token="s3cret") as (_, place):

            def ask(path, **headers):
                return asyncio.to_thread(get, place, path, **headers)

            for path in ("/", "/main.js", "/?token=s3cre", "/?token=", "/ws"):
                assert (await ask(path))[0] == 403
            assert not await opens(place)
            status, headers, _ = await ask("/?token=s3cret")
            assert (status, headers["location"]) == (303, "/")
            cookie = headers["set-cookie"]
            assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
            known = cookie.split(";")[0]
            assert (await ask("/", Cookie=known))[0] == 200
            assert (await ask("/", Cookie=known.replace("s3", "S3")))[0] == 403
            assert await opens(place, additional_headers={"Cookie": known})
            assert await opens(place, "/ws?token=s3cret")
            evil = {"origin": "http://evil.example"}
            assert not await opens(place, additional_headers={"Cookie": known}, **evil)

    asyncio.run(scenario())


def test_the_page_is_whole_and_asks_nobody_else(monkeypatch):
    async def scenario():
        async with lab(monkeypatch) as (_, place):
            _, _, page = await asyncio.to_thread(get, place)
            found = re.findall(r'(?:src|href)="([^"#]+)"', page)
            assert {"main.js", "style.css", "uplot/uPlot.iife.min.js"} <= {*found}
            for path in [*found, "uplot/LICENSE"]:
                status, headers, _ = await asyncio.to_thread(get, place, f"/{path}")
                assert status == 200
                kind = {"js": "javascript", "css": "css"}.get(path.split(".")[-1], "")
                assert kind in headers["content-type"]
            return page

    page = asyncio.run(scenario())
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
    for file in server.PAGE.rglob("*"):
        if file.suffix in (".html", ".js", ".css", ".svg"):
            text = file.read_text().replace("http://www.w3.org/", "")
            assert not re.search(r"""(https?:)?//\w+\.\w+[^\n]*['")]""", text) or (
                "uplot" in str(file).lower()
            ), file


def test_a_port_in_use_is_one_line():
    with server.bound("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        words = ("lab", "--no-browser", "--port", str(port))
        assert f"port {port} of 127.0.0.1 is in use" in refused(*words)
    with pytest.raises(OSError, match="cannot listen at 192.0.2.1"):
        server.bound("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--task=yin-yong"], "unknown task 'yin-yong'; did you mean 'yin-yang'?"),
        (["--rule=bptt"], "rule 'bptt' learns sample by sample"),
        (["--set=rule.rat=1"], "unknown option in [rule] 'rat'"),
        (["--set=network.hidden=many"], "network.hidden"),
        (["--set=rate"], "--set needs section.option=value; got 'rate'"),
        (["--seed=-1"], "seed must be a whole number >= 0; got -1"),
        (["nowhere"], "'nowhere' is not a run folder: it has no spec.toml"),
        (["nowhere", "--rule=eprop"], "says all of its run: leave out --rule"),
        (["nowhere", "--seed=0"], "leave out --seed"),
        (["nowhere", "--set=rule.rate=1"], "leave out --set"),
        (["--port=65536"], "'--port'"),
        (["--token="], "8 or more letters, digits or any of - . _ ~; got 0 characters"),
        (["--token=s3cret"], "got 6 characters"),
        (["--host=0.0.0.0", "--token=not a secret"], "8 or more letters"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_a_mistake_is_one_line_and_no_server(words, complaint, monkeypatch, tmp_path):
    def bound(*_):
        raise AssertionError("a server starts")

    monkeypatch.setattr(server, "bound", bound)
    monkeypatch.chdir(tmp_path)
    assert complaint in refused("lab", "--no-browser", *words)


def test_other_addresses_have_the_token_in_their_link():
    assert server.address("127.0.0.1", 8642, None) == "http://127.0.0.1:8642/"
    assert server.address("::1", 1, "abc") == "http://[::1]:1/?token=abc"
    for anywhere in ("0.0.0.0", "::"):
        link = server.address(anywhere, 1, "abc")
        name = re.fullmatch(r"http://([\w.-]+):1/\?token=abc", link)[1]
        assert name not in ("0.0.0.0", "127.0.0.1")


def test_ctrl_c_ends_everything(monkeypatch, pytestconfig):
    code = """
from onspike.lab import commands, server
if __name__ == "__main__":
    server.WORKER = "fake_worker:main"
    server.serve(commands.New("digits"), host="0.0.0.0", port=0, browse=False)
    print("over")
"""
    paths = [str(pytestconfig.rootpath / "src"), FOLDER, os.environ.get("PYTHONPATH")]
    running = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout is not None and running.stderr is not None
        link = running.stdout.readline()
        port, token = re.findall(r":(\d+)/\?token=([\w-]{20,})", link)[0]

        async def look():
            async with connect(f"ws://127.0.0.1:{port}/ws?token={token}") as browser:
                await until(browser, "session")
                started = time.monotonic()
                running.send_signal(signal.SIGINT)
                with pytest.raises(ConnectionClosed):
                    while True:
                        await browser.recv()
                return started

        started = asyncio.run(look())
        assert running.wait(20) == 0 and time.monotonic() - started < 10
        assert running.stdout.read() == "over\n" and running.stderr.read() == ""
