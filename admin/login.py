"""The login page: plain HTML with a form, so that it works before anything of NiceGUI is loaded.

Comes in: a password. Goes out: the signed session cookie and a redirect to the page that was wanted.
"""

import asyncio
import math
from html import escape
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from nicegui import App

from admin.auth import HASHER, ConsoleAccess, Throttle
from admin.guard import LOGIN, is_signed_in, safe_next, sign_in
from admin.theme import asset, head

MAX_FORM = 8_192
"""Bytes of a login form; longer ones are not read."""

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
<p class="muted">The console is for its owner. Enter the console password.</p>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<input name="next" type="hidden" value="{next}">
{problem}
<button type="submit">Log in</button>
<p class="hint">It is <code>ADMIN_PASSWORD</code>, or was printed when the assistant first started.</p>
</form>
</main>
</body>
</html>
"""


def add_login(app: App, access: ConsoleAccess) -> None:
    """Adds `/login` and `/logout` to the console."""
    throttle = Throttle()
    one_at_a_time = asyncio.Lock()  # argon2 takes 64 MB a check

    async def fits(password: str) -> bool:
        async with one_at_a_time:
            return await asyncio.to_thread(HASHER.verify, password, access.password_hash)

    async def show(request: Request) -> Response:
        target = safe_next(request.query_params.get("next", ""))
        return RedirectResponse(target, 303) if is_signed_in(request.session) else _page(target)

    async def log_in(request: Request) -> Response:
        form = await _form(request)
        target = safe_next(form.get("next", ""))
        address = request.client.host if request.client else ""
        if wait := throttle.wait(address):
            seconds = math.ceil(wait)
            said = f"Too many wrong passwords. Try again in {seconds} s."
            return _page(target, said, status=429, headers={"Retry-After": str(seconds)})
        if not await fits(form.get("password", "")):
            return _page(target, "That is not the password. Try again.", status=401)
        throttle.forgive(address)
        sign_in(request.session)
        return RedirectResponse(target, 303)

    async def log_out(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse(LOGIN, 303)

    app.add_api_route("/login", show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/login", log_in, methods=["POST"], include_in_schema=False)
    app.add_api_route("/logout", log_out, methods=["POST"], include_in_schema=False)


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form, or none when it is too long to be one."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            return {}
    fields = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _page(target: str, problem: str = "", *, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    said = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    html = _PAGE.format(head=head(), mark=asset("mark.svg"), action=LOGIN, next=escape(target), problem=said)
    return HTMLResponse(html, status, {"Cache-Control": "no-store", **(headers or {})})
