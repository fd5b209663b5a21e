"""The door of the console: lets nobody in who has not logged in, and keeps browsers from leaving the site.

Comes in: every request and WebSocket below the mount path, with the session that the signed cookie carries.
Goes out: the page, or a redirect to the login. It stands before NiceGUI, so that strangers cost no server-
side client. What other sites send in somebody's name is refused, and sockets end with their session.
"""

from urllib.parse import quote, urlsplit

from nicegui import __version__ as nicegui_version
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from admin.permissions import VISIT, Visit
from core.errors import StorageError
from core.operations.people import People

MOUNT = "/admin"
LOGIN = f"{MOUNT}/login"
HOME = f"{MOUNT}/overview"
STATIC = "/static"

ACCOUNT = f"{MOUNT}/account"

FOREIGN = "A page of another site may not do this. Open the console itself; nothing was changed."

POLICY = 1008
"""The code with which a socket is closed that is not allowed."""

DONE = '42["event"'
"""How a message on a socket begins that tells what a person did, as opposed to signs of life."""

ENTRANCES = {"/login", "/login/oidc", "/login/oidc/callback"}

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
    """ASGI middleware; the session middleware stands outside of it. `origin` is the address people know us by."""

    def __init__(self, app: ASGIApp, people: People, origin: str) -> None:
        self._app = app
        self._people = people
        self._host = urlsplit(origin).netloc.casefold()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, redirects to the login, or refuses."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        if self._comes_from_elsewhere(scope):
            await _refuse(FOREIGN, 403)(scope, receive, send)
            return
        try:
            await (self._app if _is_open(scope) else self._admit)(scope, receive, send)
        except StorageError as error:  # of the login, or of the look at who comes; pages tell of theirs themselves
            await _refuse(error.said, 503)(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = scope[VISIT] = Visit(scope["session"], self._people)
        who = await visit.look(active=not _path(scope).startswith("/_nicegui"))
        if scope["type"] == "websocket":
            if who is None:
                await send({"type": "websocket.close", "code": POLICY})
            else:
                await self._app(scope, _watched(visit, receive, send), send)
        elif who is None:
            await RedirectResponse(_login_for(scope), status_code=303)(scope, receive, send)
        elif who.temporary and not _path(scope).startswith(("/account", "/logout", "/_nicegui")):
            await RedirectResponse(ACCOUNT, status_code=303)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _comes_from_elsewhere(self, scope: Scope) -> bool:
        """Whether a page of another site sends this, of what could change something: forms, uploads, sockets."""
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            return False
        headers = Headers(scope=scope)
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return True
        origin = headers.get("origin")
        hosts = {headers.get("host", "").casefold(), self._host}
        return origin is not None and urlsplit(origin).netloc.casefold() not in hosts


def safe_next(target: str) -> str:
    """Where to go after the login: a page of this console, or its first one when `target` is none."""
    plain = target.isprintable() and "\\" not in target and " " not in target
    return target if plain and target.startswith(f"{MOUNT}/") and not target.startswith(LOGIN) else HOME


def _is_open(scope: Scope) -> bool:
    path = _path(scope)
    return scope["type"] == "http" and (path in ENTRANCES or path.startswith(_OPEN))


def _refuse(said: str, status: int) -> ASGIApp:
    """Says why; a socket that is not open yet can only be closed."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY})
        else:
            await PlainTextResponse(said, status)(scope, receive, send)

    return refuse


def _watched(visit: Visit, receive: Receive, send: Send) -> Receive:
    """Hears a socket only while its session lasts: whoever is sent away sees nothing more on pages that are open."""

    async def receive_watched() -> Message:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        if await visit.look(active=(message.get("text") or "").startswith(DONE)):
            return message
        await send({"type": "websocket.close", "code": POLICY})
        return {"type": "websocket.disconnect", "code": POLICY}

    return receive_watched


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
