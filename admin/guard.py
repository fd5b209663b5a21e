"""The door of the console: lets nobody in who has not logged in, and keeps browsers from leaving the site.

Comes in: every request and WebSocket below the mount path, with the session that the signed cookie carries.
Goes out: the page, or a redirect to the login. It stands before NiceGUI, so that strangers cost no server-
side client.
"""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

from nicegui import __version__ as nicegui_version
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOUNT = "/admin"
LOGIN = f"{MOUNT}/login"
HOME = f"{MOUNT}/overview"
STATIC = "/static"

_SIGNED_IN = "signed_in"
_OPEN = (f"{STATIC}/", f"/_nicegui/{nicegui_version}/static/fonts")
"""What the login page itself needs; everything else wants a session."""

_HEADERS = {
    # NiceGUI writes inline scripts and compiles Vue templates in the browser; nothing comes from elsewhere.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """ASGI middleware; the session middleware stands outside of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, redirects to the login, or refuses a WebSocket."""
        send = _with_headers(send)
        if scope["type"] not in {"http", "websocket"} or _is_open(scope) or is_signed_in(scope["session"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await RedirectResponse(_login_for(scope), status_code=303)(scope, receive, send)


def is_signed_in(session: MutableMapping[str, Any]) -> bool:
    """Whether the session was opened with the password."""
    return session.get(_SIGNED_IN) is True


def sign_in(session: MutableMapping[str, Any]) -> None:
    """Opens a session; nothing of an earlier one is kept."""
    session.clear()
    session[_SIGNED_IN] = True


def safe_next(target: str) -> str:
    """Where to go after the login: a page of this console, or its first one when `target` is none."""
    plain = target.isprintable() and "\\" not in target and " " not in target
    return target if plain and target.startswith(f"{MOUNT}/") and not target.startswith(LOGIN) else HOME


def _is_open(scope: Scope) -> bool:
    path = _path(scope)
    return scope["type"] == "http" and (path == "/login" or path.startswith(_OPEN))


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(str(scope.get("root_path", "")))


def _login_for(scope: Scope) -> str:
    path = MOUNT + _path(scope)
    query = scope["query_string"].decode("latin-1")
    wanted = quote(path) + (f"?{query}" if query else "")
    return LOGIN if scope["method"] != "GET" else f"{LOGIN}?next={quote(wanted, safe='/')}"


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
