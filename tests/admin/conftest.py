"""The console over real services, and the people who open it: a `visitor` without and an `owner` with the password."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nicegui import Client, ui
from nicegui.functions.navigate import Navigate
from nicegui.functions.notify import notify
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals
from playwright.async_api import Page, async_playwright
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from admin.auth import console_access
from admin.components import loading
from admin.mount import mount_console
from core.bootstrap import Services, open_services
from core.domain.people import Role
from core.operations import passwords
from core.settings import Settings

PASSWORD = "a fine console password"
ROOT = Path(__file__).resolve().parents[2]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

SHIFTS = """
    window.shifts = 0;
    new PerformanceObserver((list) => { for (const shift of list.getEntries()) window.shifts += shift.value; })
        .observe({type: "layout-shift", buffered: true});
"""
"""A script of a page that adds up what its layout shifts by."""

BARELY = 0.01
"""What the layout may shift: a hundredth of the screen. People notice a tenth."""

PATIENCE = 100
"""How often it is looked for what is to be seen, ten times a second: machines are slow at times."""


class Patient(User):
    """Somebody who waits until a page shows what it is to show."""

    async def should_see(self, target: Any = None, **wanted: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As with every user, but for longer."""
        await super().should_see(target, **{"retries": PATIENCE, **wanted})


LogIn = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="session", autouse=True)
def quick_hashes_and_whole_pages() -> Iterator[None]:
    """Passwords are hashed for real, but cheaply; pages come whole, however slow the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "PATIENCE", None)
        patch.setattr(passwords, "HASHER", PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),)))
        yield


@pytest.fixture
def log_in() -> LogIn:
    """Sends the form of the login page."""

    async def send(visitor: User, password: str = PASSWORD, target: str = "", name: str = "") -> httpx.Response:
        return await visitor.http_client.post("/login", data={"name": name, "password": password, "next": target})

    return send


@pytest.fixture
async def console_services(ready_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
    async with open_services(ready_settings(admin_password=PASSWORD)) as opened:
        yield opened


@pytest.fixture
def fresh_nicegui() -> Iterator[None]:
    """NiceGUI keeps pages and clients in global state; every test gets it empty."""
    with nicegui_reset_globals():
        yield
        Client.page_routes.clear()  # or the modules of our pages would be dropped from sys.modules
        ui.navigate, ui.notify = Navigate(), notify


@pytest.fixture
async def console_app(console_services: Services, fresh_nicegui: None) -> AsyncIterator[FastAPI]:  # noqa: ARG001
    app = FastAPI()
    mount_console(app, console_services, console_access(console_services.settings))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def new_visitor(console_app: FastAPI) -> AsyncIterator[Callable[[], User]]:
    """Makes people with a browser of their own."""
    clients: list[httpx.AsyncClient] = []

    def arrive() -> User:
        transport = httpx.ASGITransport(console_app)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://test/admin"))
        return Patient(clients[-1])

    yield arrive
    for client in clients:
        await client.aclose()


@pytest.fixture
def visitor(new_visitor: Callable[[], User]) -> User:
    return new_visitor()


@pytest.fixture
async def owner(new_visitor: Callable[[], User], log_in: LogIn) -> User:
    user = new_visitor()
    await log_in(user)
    return user


@pytest.fixture
async def person(
    new_visitor: Callable[[], User], log_in: LogIn, console_services: Services
) -> Callable[..., Awaitable[User]]:
    """Somebody with a role and a browser, who has chosen a password."""

    async def come(role: Role, name: str = "ada") -> User:
        user, password = await console_services.people.add(name, role)
        await console_services.people.change_password(user.id, password, chosen := f"chosen by {name} alone")
        visitor = new_visitor()
        assert (await log_in(visitor, chosen, name=name)).status_code == 303
        return visitor

    return come


@pytest.fixture
async def console(ready_settings: Callable[..., Settings]) -> AsyncIterator[str]:
    """The address of the console of a real `serve` process."""
    async with serving(ready_settings()) as address:
        yield address


@asynccontextmanager
async def serving(settings: Settings, **further: str) -> AsyncGenerator[str]:
    """Runs `serve`, with `further` settings in its environment; gives the address of its console."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "VAR_DIR": str(settings.var_dir),
        "KNOWLEDGE_DIR": str(settings.knowledge_dir),
        "SOURCES_FILE": str(settings.sources_file),
        "REFRESH_CRON": "off",
        "ADMIN_PASSWORD": PASSWORD,
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
        **further,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "serve", env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, f"{address}/health"):
                assert process.returncode is None
        yield f"{address}/admin"
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page in a fresh browser that must not leave this machine."""
    assert BROWSER, "a Chromium is needed: install Debian's package chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        opened = await browser.new_page(viewport={"width": 1280, "height": 900})
        yield opened
        await browser.close()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        await asyncio.sleep(0.05)
        return False
