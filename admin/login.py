"""The login page: plain HTML with a form, so that it works before anything of NiceGUI is loaded.

Comes in: a name and a password, or somebody whom the identity provider sends back. Goes out: the signed session cookie
and a redirect to the page that was wanted.
"""

import logging
import math
from html import escape
from urllib.parse import parse_qs, quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from nicegui import App

from admin.auth import NAME_FAILURES, ConsoleAccess, Throttle
from admin.guard import LOGIN, MOUNT, safe_next
from admin.identity import IdentityProvider
from admin.permissions import sign_in, user_of
from admin.theme import asset, head
from core.domain.people import BUILT_IN
from core.errors import AssistantError
from core.operations.people import People, plain_name

MAX_FORM = 8_192
"""Bytes of a login form; longer ones are not read."""

WRONG = "Name and password do not fit. Try again."

_log = logging.getLogger(__name__)

CHANGED_MARK = "changed"
"""In the address of the form: the password was just changed."""

LEAD = "Log in to the console."
CHANGED = "Your password was changed. Log in with the new one."

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · MLOps Assistant</title>
{head}
<link rel="icon" href="{mark}">
</head>
<body class="login">
<main>
<form method="post" action="{action}">
<span class="mark" aria-hidden="true"></span>
<h1>MLOps Assistant</h1>
<p class="muted" role="status">{lead}</p>
<label for="name">Name</label>
<input id="name" name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false"
 placeholder="owner" maxlength="64">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<input name="next" type="hidden" value="{next}">
{problem}
<button type="submit">Log in</button>
{other}
<p class="hint">Without a name it is the password of the owner: <code>ADMIN_PASSWORD</code>, or was printed when the
assistant first started.</p>
</form>
</main>
</body>
</html>
"""


def add_login(app: App, access: ConsoleAccess, people: People, provider: IdentityProvider | None) -> None:
    """Adds `/login` and `/logout` to the console."""
    desk = LoginDesk(access, people, provider)
    app.add_api_route("/login", desk.show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/login", desk.log_in, methods=["POST"], include_in_schema=False)
    app.add_api_route("/login/oidc", desk.send_away, methods=["GET"], include_in_schema=False)
    app.add_api_route("/login/oidc/callback", desk.come_back, methods=["GET"], include_in_schema=False)
    app.add_api_route("/logout", _log_out, methods=["POST"], include_in_schema=False)


class LoginDesk:
    """Lets people in, by password or by identity provider."""

    def __init__(self, access: ConsoleAccess, people: People, provider: IdentityProvider | None) -> None:
        self._access = access
        self._people = people
        self._provider = provider
        self._by_address = Throttle()
        self._by_name = Throttle(limit=NAME_FAILURES)

    async def show(self, request: Request) -> Response:
        """The form; who is logged in already goes on."""
        target = safe_next(request.query_params.get("next", ""))
        if await user_of(request.session, self._people):
            return RedirectResponse(target, 303)
        return self._page(target, lead=CHANGED if CHANGED_MARK in request.query_params else LEAD)

    async def log_in(self, request: Request) -> Response:
        """Checks what was typed, no more often than can do harm."""
        form = await _form(request)
        target, name = safe_next(form.get("next", "")), plain_name(form.get("name", "")) or BUILT_IN
        address = request.client.host if request.client else ""
        if wait := self._by_address.wait(address) or self._by_name.wait(name):
            seconds = math.ceil(wait)
            said = f"Too many wrong passwords. Try again in {seconds} s."
            return self._page(target, said, status=429, headers={"Retry-After": str(seconds)})
        user = await self._people.recognise(name, form.get("password", ""), self._access.password_hash)
        if user is None:
            _log.warning("a login as %r from %s was refused", name, address)
            return self._page(target, WRONG, status=401)
        self._by_address.forgive(address)
        self._by_name.forgive(name)
        sign_in(request.session, user)
        return RedirectResponse(target, 303)

    async def send_away(self, request: Request) -> Response:
        """To the identity provider."""
        target = safe_next(request.query_params.get("next", ""))
        if self._provider is None:
            return RedirectResponse(LOGIN, 303)
        try:
            return await self._provider.send_there(request, target)
        except AssistantError as error:
            return self._page(target, error.said, status=503)

    async def come_back(self, request: Request) -> Response:
        """From the identity provider."""
        if self._provider is None:
            return RedirectResponse(LOGIN, 303)
        try:
            identity, target = await self._provider.take_back(request)
            user = await self._people.admit(identity)
        except AssistantError as error:
            _log.warning("a login by the identity provider failed: %s", error)
            return self._page(safe_next(""), error.said, status=403)
        if user is None:
            _log.warning("the identity provider sent %r, whom nobody lets in", identity.subject)
            said = "You are not let in here. Ask an owner of this console to add your e-mail address."
            return self._page(target, said, status=403)
        sign_in(request.session, user)
        return RedirectResponse(safe_next(target), 303)

    def _page(
        self,
        target: str,
        problem: str = "",
        *,
        lead: str = LEAD,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> HTMLResponse:
        said = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
        html = _PAGE.format(
            head=head(),
            mark=asset("mark.svg"),
            action=LOGIN,
            next=escape(target),
            lead=lead,
            problem=said,
            other=self._other(target),
        )
        return HTMLResponse(html, status, {"Cache-Control": "no-store", **(headers or {})})

    def _other(self, target: str) -> str:
        if self._provider is None:
            return ""
        address = f"{MOUNT}/login/oidc?next={quote(target, safe='/')}"
        return f'<a class="other" href="{escape(address)}">Log in with {escape(self._provider.name)}</a>'


async def _log_out(request: Request) -> Response:
    request.session.clear()
    return RedirectResponse(LOGIN, 303)


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form, or none when it is too long to be one."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            return {}
    fields = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
