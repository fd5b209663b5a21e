"""Pages whose parts are slow, in a real browser: they open at once, say that they load, and do not jump then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Page, Route, expect

from admin.components import loading
from core.bootstrap import Services
from core.errors import StorageError
from tests.admin.conftest import BARELY, PASSWORD, SHIFTS

SLOW: dict[str, Callable[[Services], tuple[Any, str]]] = {
    "/overview": lambda services: (services.tally, "overview"),
    "/sessions": lambda services: (services.conversations, "page"),
    "/gaps": lambda services: (services.gaps, "page"),
    "/cards": lambda services: (services.cards, "page"),
    "/knowledge": lambda services: (services.runs, "latest"),
    "/knowledge/quillstore.md": lambda services: (services.library, "pages"),
    "/knowledge/search?q=What+is+Quillstore%3F": lambda services: (services.lab, "try_out"),
    "/sources": lambda services: (services.sources, "page_counts"),
    "/sources/knowledge": lambda services: (services.sources, "page_counts"),
    "/evaluation": lambda services: (services.measurements, "latest"),
    "/channels": lambda services: (services.presence, "places"),
    "/health": lambda services: (services.health, "measure"),
    "/people": lambda services: (services.keys, "all"),
    "/people/changes": lambda services: (services.audit, "latest"),
}
"""By address, what is asked for the last part of a page."""


class Held:
    """A method of a service that does not answer before it is `over`; then it fails if it is to."""

    def __init__(self, answer: Callable[..., Awaitable[Any]]) -> None:
        self._answer = answer
        self.over = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        await self.over.wait()
        if self.failure:
            raise self.failure
        return await self._answer(*args, **kwargs)


@pytest.fixture
async def slow_console(console_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of a console in this process, whose pages wait for nothing."""
    monkeypatch.setattr(loading, "PATIENCE", 0)
    server = uvicorn.Server(uvicorn.Config(console_app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    (port,) = {socket.getsockname()[1] for each in server.servers for socket in each.sockets}
    yield f"http://127.0.0.1:{port}/admin"
    server.should_exit = True
    server.force_exit = True
    await serving


@pytest.fixture
async def insider(page: Page, slow_console: str) -> Page:
    """A page on a phone, where what jumps jumps furthest, of somebody who has logged in."""
    await page.set_viewport_size({"width": 360, "height": 800})
    await page.add_init_script(SHIFTS)
    await page.goto(f"{slow_console}/login")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/overview")
    return page


async def test_pages_open_before_what_is_slow_and_do_not_jump_when_it_comes(
    insider: Page, slow_console: str, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, part in SLOW.items():
        service, method = part(console_services)
        held = Held(getattr(service, method))
        with monkeypatch.context() as patch:
            patch.setattr(service, method, held)
            await insider.goto(slow_console + path)
            await expect(insider.get_by_role("status", name="Loading").last, path).to_be_visible()
            held.over.set()
            await expect(insider.locator("[aria-busy]"), path).to_have_count(0)
        assert await insider.evaluate("window.shifts") < BARELY, path


async def test_part_that_fails_late_says_why(
    insider: Page, slow_console: str, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(console_services.conversations.page)
    held.failure = StorageError("The database does not answer. Try again in a minute.")
    monkeypatch.setattr(console_services.conversations, "page", held)
    await insider.goto(f"{slow_console}/sessions")
    await expect(insider.get_by_role("status", name="Loading")).to_be_visible()

    held.over.set()

    await expect(insider.get_by_text("The database does not answer.")).to_be_visible()
    await expect(insider.get_by_role("status", name="Loading")).to_have_count(0)


async def test_page_whose_script_is_slow_shows_that_it_loads(insider: Page, slow_console: str) -> None:
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await insider.route("**/static/nicegui.js", hold)
    await insider.goto(f"{slow_console}/sessions", wait_until="commit")

    await insider.locator("#app").wait_for(state="attached")
    await insider.wait_for_function("getComputedStyle(document.querySelector('#app'), '::before').height === '3px'")

    held.set()
    await expect(insider.get_by_role("heading", name="Sessions")).to_be_visible()
