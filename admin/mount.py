"""Puts the console below /admin of the HTTP service.

Comes in: the FastAPI app, services and access. Goes out: nothing; the app serves the console once it
starts. Called by `serve`, before the app starts. NiceGUI keeps its pages in one global app, so a process
has one console.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from nicegui import App, ui
from nicegui import app as console
from nicegui.nicegui import _shutdown, _startup  # pyright: ignore[reportPrivateUsage]
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import Lifespan

from admin.auth import ConsoleAccess
from admin.exports import add_exports
from admin.guard import HOME, MOUNT, STATIC, Guard
from admin.identity import IdentityProvider
from admin.login import add_login
from admin.pages import (
    account,
    audit,
    cards,
    channels,
    compare,
    document,
    evaluation,
    gap,
    gaps,
    health,
    knowledge,
    lost,
    overview,
    people,
    playground,
    search_lab,
    sessions,
    sources,
    transcript,
)
from admin.permissions import LIFE
from admin.theme import MARK
from core.bootstrap import Services

PAGES = (
    overview,
    sessions,
    transcript,
    knowledge,
    search_lab,
    document,
    compare,
    sources,
    gaps,
    gap,
    cards,
    evaluation,
    playground,
    channels,
    health,
    people,
    audit,
    account,
    lost,  # the last one: it takes every other address
)


def mount_console(app: FastAPI, services: Services, access: ConsoleAccess) -> None:
    """Serves the console at /admin. No file is written: the login lives in a signed cookie alone."""
    settings = services.settings
    console.add_static_files(STATIC, Path(__file__).parent / "static")
    console.add_api_route("/", _home, methods=["GET"], include_in_schema=False)
    add_login(console, access, services.people, IdentityProvider(settings) if settings.oidc_issuer else None)
    add_exports(services)
    for page in PAGES:
        page.add_pages(services)
    _protect(console, access, services)
    lifespan = app.router.lifespan_context
    ui.run_with(  # pyright: ignore[reportUnknownMemberType]
        app,
        mount_path=MOUNT,
        title="MLOps Assistant",
        favicon=MARK,
        dark=None,
        tailwind=False,
        storage_secret=access.cookie_secret,
        show_welcome_message=False,
    )
    app.router.lifespan_context = _with_console(lifespan)


def _with_console(inner: Lifespan[FastAPI]) -> Lifespan[FastAPI]:
    """Starts and stops NiceGUI around the app's own lifespan.

    NiceGUI's way to do so first goes through all objects of the process in search of the server. CPython cannot finish
    a tuple that is seen half-built, so another thread's import failed with a SystemError: that of the engines, for a
    turn that was taken over at the start. Nothing here asks NiceGUI for the server.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Any]:
        await _startup()
        async with inner(app) as state:
            yield state
        await _shutdown()

    return lifespan


def _protect(console: App, access: ConsoleAccess, services: Services) -> None:
    """Sessions outside, then the guard; NiceGUI adds its own middleware inside, where only guests arrive."""
    origin = services.settings.address
    console.add_middleware(Guard, people=services.people, origin=origin)
    console.add_middleware(
        SessionMiddleware,
        secret_key=access.cookie_secret,
        session_cookie="console_session",
        path=MOUNT,
        max_age=LIFE,
        same_site="lax",
        https_only=origin.startswith("https://"),
    )


async def _home() -> Response:
    return RedirectResponse(HOME, 303)
