"""The door of the console: sessions that end, other sites kept out, people who must choose a password first."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nicegui.testing import User

from admin import permissions
from admin.auth import FAILURES, NAME_FAILURES
from admin.guard import FOREIGN, Guard
from core.bootstrap import Services
from core.domain.people import Role

LogIn = Callable[..., Awaitable[httpx.Response]]

PASSWORD = "a fine console password"


async def inside(user: User) -> bool:
    return (await user.http_client.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://test.evil.example"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "http://test"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/login", "/logout", "/_nicegui/client/1/upload/2", "/_nicegui_ws/socket.io/"])
async def test_forms_of_other_sites_are_refused(owner: User, path: str, headers: dict[str, str]) -> None:
    reply = await owner.http_client.post(path, headers=headers, data={"password": PASSWORD})

    assert (reply.status_code, reply.text) == (403, FOREIGN)
    assert "set-cookie" not in reply.headers
    assert await inside(owner)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://test", "Sec-Fetch-Site": "same-origin"}, {"Origin": "http://127.0.0.1:8000"},
     {"Sec-Fetch-Site": "none"}, {}],
    ids=["own form", "PUBLIC_URL", "typed", "no browser"],
)  # fmt: skip
async def test_own_forms_are_taken(owner: User, headers: dict[str, str]) -> None:
    reply = await owner.http_client.post("/logout", headers=headers)

    assert reply.headers["location"] == "/admin/login"
    assert not await inside(owner)


@pytest.mark.parametrize(
    ("origin", "opened"),
    [("http://test", True), ("https://assistant.example", True), ("https://evil.example", False), ("null", False)],
)
async def test_socket_of_another_site_is_refused_even_for_who_is_logged_in(
    console_services: Services, origin: str, opened: bool
) -> None:
    session: dict[str, Any] = {}
    permissions.sign_in(session, await console_services.people.built_in())
    headers = [(b"host", b"test"), (b"origin", origin.encode())]
    scope: Any = {"type": "websocket", "path": "/_nicegui_ws/", "headers": headers, "session": session}
    sent: list[Any] = []

    async def page(_: Any, __: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await Guard(page, console_services.people, "https://assistant.example")(scope, receive, send)

    assert sent == ["websocket.accept" if opened else "websocket.close"]


async def test_socket_is_closed_once_its_person_is_sent_away(console_services: Services) -> None:
    people = console_services.people
    ada, _ = await people.add("ada", Role.VIEWER)
    session: dict[str, Any] = {}
    permissions.sign_in(session, ada)
    heard: list[str] = []
    sent: list[Any] = []

    async def page(_: Any, receive: Any, __: Any) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            heard.append(message.get("text", message["type"]))
            if message.get("text") == "2":
                await people.disable(ada.id)

    messages = iter([{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": each} for each in "123")])
    scope: Any = {"type": "websocket", "path": "/_nicegui_ws/", "headers": [], "session": session}

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await Guard(page, people, "http://test")(scope, receive, send)

    assert heard == ["websocket.connect", "1", "2"]
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(permissions.time, "time", lambda: seconds)


async def test_session_ends_when_nothing_is_done_in_it(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time()
    for hours in (0, 11, 22):
        await at(monkeypatch, start + hours * 3600)
        assert await inside(owner)
    await at(monkeypatch, start + 34 * 3600 + 1)

    assert not await inside(owner)


async def test_session_ends_after_its_life_however_busy(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time()
    for hours in range(0, 7 * 24, 11):
        await at(monkeypatch, start + hours * 3600)
        assert await inside(owner)
    await at(monkeypatch, start + permissions.LIFE + 1)

    assert not await inside(owner)


async def test_log_out_everywhere_ends_every_browser(
    owner: User, new_visitor: Callable[[], User], log_in: LogIn, console_services: Services
) -> None:
    other = new_visitor()
    await log_in(other)
    assert await inside(other)

    await console_services.people.end_sessions((await console_services.people.built_in()).id)

    assert [await inside(owner), await inside(other)] == [False, False]


async def test_session_of_before_there_were_people_is_over(console_services: Services) -> None:
    for session in ({"signed_in": True}, {"user": 5}, {"user": "x", "epoch": "0", "at": 1, "seen": 1}):
        assert await permissions.user_of(session, console_services.people) is None


async def test_temporary_password_opens_nothing_but_the_account(
    visitor: User, log_in: LogIn, console_services: Services
) -> None:
    _, password = await console_services.people.add("ada", Role.OWNER)
    await log_in(visitor, password, name="ADA ")

    for path in ("/sessions", "/people", "/knowledge", "/", "/nothing-here"):
        assert (await visitor.http_client.get(path)).headers["location"] == "/admin/account"
    await visitor.open("/account")
    await visitor.should_see("Choose a password of your own first")


@pytest.mark.parametrize("name", ["nobody", "ada", "x" * 5000, "<script>alert(1)</script>", "\x00", "'; --"])
async def test_name_and_password_that_do_not_fit_are_refused_alike(
    visitor: User, log_in: LogIn, console_services: Services, name: str
) -> None:
    await console_services.people.add("ada", Role.OWNER)
    reply = await log_in(visitor, PASSWORD, name=name)

    assert (reply.status_code, "Name and password do not fit" in reply.text) == (401, True)
    assert "<script>alert" not in reply.text


async def test_guessing_one_name_from_many_addresses_is_slowed_down(
    console_app: FastAPI, console_services: Services
) -> None:
    await console_services.people.add("ada", Role.OWNER)

    async def guess(number: int) -> int:
        transport = httpx.ASGITransport(console_app, client=(f"203.0.113.{number // FAILURES}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test/admin") as browser:
            return (await browser.post("/login", data={"name": "Ada", "password": "guess"})).status_code

    assert {await guess(number) for number in range(NAME_FAILURES)} == {401}
    assert await guess(250) == 429


async def test_console_stays_open_for_who_was_there_while_the_database_is_away(
    owner: User, visitor: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await inside(owner)
    for part in console_services.settings.var_dir.glob("assistant.db*"):
        part.rename(part.with_suffix(".away"))
    monkeypatch.setattr("core.operations.people.FRESH", -1.0)

    assert await inside(owner)
    assert (await visitor.http_client.get("/health")).status_code == 303
