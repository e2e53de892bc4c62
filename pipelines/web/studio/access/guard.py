"""What every request passes before a page is made: host, size, rate, login, and headers after."""

from __future__ import annotations

from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.web.studio.access.rates import Rates
from pipelines.web.studio.access.sessions import Sessions

COOKIE: Final = "stylefeed_studio"
MOST_BODY_BYTES: Final = 12 * 2**20
_OPEN: Final = ("/healthz", "/login", "/enter", "/static/")
_SAFE: Final = ("GET", "HEAD")
_KINDS: Final = {
    "/login": "login",
    "/preview": "paint",
    "/words": "paint",
    "/failures/refused": "paint",
    "/own-look": "upload",
    "/mask": "upload",
    "/challenge/enter": "upload",
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware; the session found is `scope["state"]["session"]`.

    Without a session only health, static files and the login are answered. `hosts` are the names
    that requests may be addressed to (empty: any), so that no foreign page reaches a studio on
    this machine under a name of its own.
    """

    def __init__(
        self, app: ASGIApp, sessions: Sessions, rates: Rates, hosts: Collection[str]
    ) -> None:
        """Guard `app`."""
        self._app = app
        self._sessions = sessions
        self._rates = rates
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on to the pages."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    sent[name] = value
                sent.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refuse(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, _limited(receive), send_guarded)
        except _TooLong:
            await _too_large()(scope, receive, send_guarded)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        path, method = scope["path"], scope["method"]
        if self._hosts and _host_name(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This studio does not answer to that host name.", 421)
        if method not in _SAFE:
            origin = headers.get("origin")
            foreign = origin is not None and origin.partition("//")[2] != headers.get("host")
            if foreign or headers.get("sec-fetch-site", "none") not in (
                "same-origin",
                "none",
            ):
                return PlainTextResponse("A form of another site cannot be sent here.", 403)
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > MOST_BODY_BYTES:
                return _too_large()
        session = self._sessions.find(_secret(headers))
        scope.setdefault("state", {})["session"] = session
        caller = (scope.get("client") or ("unknown", 0))[0]
        wait = self._rates.wait_s(_kind(path, method), caller)
        if wait > 0.0:
            words = f"Too many requests: try again in {wait:.0f} s."
            return PlainTextResponse(words, 429, {"Retry-After": str(int(wait) + 1)})
        if session is None and not _is_open(path):
            if headers.get("hx-request"):
                return PlainTextResponse("Log in again.", 401, {"HX-Redirect": "/login"})
            if method in _SAFE and "text/html" in headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return PlainTextResponse("Log in first.", 401)
        return None


class _TooLong(Exception):
    """A body that is longer than may be sent, and was not declared so."""


def _too_large() -> Response:
    most = MOST_BODY_BYTES // 2**20
    return PlainTextResponse(f"That is too large: at most {most} MB are taken.", 413)


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith("/static/")


def _kind(path: str, method: str) -> str:
    if path == "/enter":
        return "login"
    return "page" if method in _SAFE else _KINDS.get(path, "change")


def _secret(headers: Headers) -> str | None:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


def _limited(receive: Receive) -> Receive:
    """The body as it comes, cut off where it is longer than may be sent, whatever it declared."""
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > MOST_BODY_BYTES:
                raise _TooLong
        return message

    return take
