"""The lab's server: hands messages on between one child process and many browsers."""

import asyncio
import contextlib
import errno
import secrets
import socket
import threading
import webbrowser
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from onspike.lab import commands
from onspike.lab.guard import Guard, check_token, is_loopback
from onspike.lab.hub import Browser, Hub, note

PAGE = Path(__file__).with_name("page")
WORKER = "onspike.lab.worker:main"
PATIENCE = 10.0  # seconds that a browser may leave its messages unread


def serve(
    first: commands.Command,
    *,
    host: str = "127.0.0.1",
    port: int = 8642,
    token: str | None = None,
    browse: bool = True,
) -> None:
    """Runs the lab until Ctrl-C.

    Args:
        first: What to begin with: `New` or `Open`.
        host: Address to listen at. Any but this machine's own demands a token.
        port: Its port; 0 picks a free one.
        token: What a browser must know; by default one is made up where it is needed.
        browse: Whether to open a browser.

    Raises:
        OSError: If the address or the port cannot be had.
        ValueError: If the token is no secret.
    """
    if token is not None:
        check_token(token)
    with bound(host, port) as listener:
        port = listener.getsockname()[1]
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(16)
        url = address(host, port, token)
        print(f"Onspike lab: {url}   (Ctrl-C ends it)", flush=True)
        if browse:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(first, listener, host, port, token))


async def _serve(
    first: commands.Command,
    listener: socket.socket,
    host: str,
    port: int,
    token: str | None,
) -> None:
    hub = Hub(WORKER, commands.own_pieces(first))
    app = application(hub, host=host, port=port, token=token)
    try:
        hub.obey(first)
        await uvicorn.Server(config(app)).serve(sockets=[listener])
    finally:
        hub.end()


def config(app: Starlette) -> uvicorn.Config:
    """How the application is run."""
    return uvicorn.Config(
        app,
        lifespan="off",
        log_level="critical",
        ws_per_message_deflate=False,  # costs more than it saves on one machine
        ws_max_size=1 << 16,
        timeout_graceful_shutdown=1,
    )


def application(hub: Hub, *, host: str, port: int, token: str | None) -> Starlette:
    """The page, and the socket that it talks through.

    Args:
        hub: What it talks to.
        host: The address that it is served at.
        port: Its port.
        token: What a browser must know, if anything.
    """
    app = Starlette(
        routes=[
            WebSocketRoute("/ws", _talk),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[Middleware(Guard, host=host, port=port, token=token)],
    )
    app.state.hub = hub
    return app


async def _talk(socket: WebSocket) -> None:
    """One browser, until it goes or stops to read."""
    hub: Hub = socket.app.state.hub
    await socket.accept()
    browser = Browser()
    sending = asyncio.create_task(_send(socket, browser, hub.join(browser)))
    hearing = asyncio.create_task(_hear(socket, browser, hub))
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.leave(browser)
        for task in (sending, hearing):
            task.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


async def _send(socket: WebSocket, browser: Browser, first: list[bytes]) -> None:
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        for message in first:
            await asyncio.wait_for(socket.send_text(message.decode()), PATIENCE)
        while True:
            message = await browser.get()
            await asyncio.wait_for(socket.send_text(message.decode()), PATIENCE)


async def _hear(socket: WebSocket, browser: Browser, hub: Hub) -> None:
    while (message := await socket.receive())["type"] == "websocket.receive":
        text = message.get("text") or message.get("bytes") or b""
        try:
            hub.obey(commands.parse(text, hub.own))
        except ValueError as error:
            browser.put("note", note("error", str(error)))


def bound(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: If there is none to be had, in one sentence.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(place[:2], family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} of {host} is in use; `--port 0` picks a free one"
        else:
            text = f"cannot listen at {host}, port {port}: {error.strerror or error}"
        raise OSError(text) from None


def address(host: str, port: int, token: str | None) -> str:
    """Where a browser finds the lab."""
    if host in ("0.0.0.0", "::"):
        name = _seen_from_outside()
    else:
        name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def _seen_from_outside() -> str:
    """This machine's address on its network, else its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # chooses an interface, and sends nothing
        except OSError:
            return socket.gethostname()
        return probe.getsockname()[0]
