"""Who may talk to the lab: nobody from another page, nobody unknown from outside."""

import hmac
import ipaddress
import re
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, and no other's."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(token: str) -> None:
    """Refuses what is no secret, or does not fit into a link and a cookie.

    Raises:
        ValueError: If a token is short, or has unusual characters.
    """
    if not re.fullmatch(r"[\w.~-]{8,}", token, re.ASCII):
        raise ValueError(
            "a token must be 8 or more letters, digits or any of - . _ ~; got "
            f"{len(token)} characters"
        )


class Guard:
    """Refuses with 403 whatever does not come from the lab's own page.

    A page elsewhere may open a socket to any address, and say so in `Origin`; a name
    elsewhere may be made to point at this machine, and stands in `Host`. On a network
    a token is asked for as well: `/?token=...` leaves it in a cookie.

    Args:
        app: What is guarded.
        host: The address that the server listens at.
        port: Its port; cookies do not know of ports, so that it is part of the name.
        token: What must be known; None asks for none.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, token: str | None) -> None:
        self._app, self._token = app, token
        self._local = is_loopback(host)
        self._cookie = f"onspike-lab-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        asked = query.pop("token", [""])[-1]
        known = self._token is None or self._same(asked) or self._has_cookie(headers)
        if not known or not self._own(headers):
            await _refuse(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if asked and self._token is not None and scope["type"] == "http":
            rest = urlencode(query, doseq=True)
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(
                self._cookie, self._token, httponly=True, samesite="strict", path="/"
            )
            await answer(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _own(self, headers: Headers) -> bool:
        """Whether both the name and the page that asks are the lab's own."""
        host, origin = headers.get("host", ""), headers.get("origin")
        try:
            name = urlsplit(f"//{host}").hostname or ""
            page = None if origin is None else urlsplit(origin).netloc
        except ValueError:  # neither is an address
            return False
        return page in (None, host) and (is_loopback(name) or not self._local)

    def _same(self, token: str) -> bool:
        known = (self._token or "").encode()
        return hmac.compare_digest(token.encode(), known)

    def _has_cookie(self, headers: Headers) -> bool:
        known = cookie_parser(headers.get("cookie", "")).get(self._cookie)
        return known is not None and self._same(known)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":  # closed before it is accepted: HTTP 403
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    answer = PlainTextResponse(
        "403: this lab is not open to this address; use the link that it printed.\n",
        403,
        dict(HEADERS),
    )
    await answer(scope, receive, send)
