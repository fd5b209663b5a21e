"""The console over real services, and the people who open it: a `visitor` without and an `owner` with the password."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI
from nicegui import Client, ui
from nicegui.functions.navigate import Navigate
from nicegui.functions.notify import notify
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from admin.auth import console_access
from admin.mount import mount_console
from core.bootstrap import Services, open_services
from core.operations import passwords
from core.settings import Settings

PASSWORD = "a fine console password"

LogIn = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="session", autouse=True)
def quick_runs() -> Iterator[None]:
    """Spares each test a second: passwords are hashed for real, but cheaply, and what is loaded is collected no more.

    NiceGUI collects garbage at every end.
    """
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
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
        return User(clients[-1])

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
