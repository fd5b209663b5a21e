from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from nicegui import Client
from nicegui.testing import User
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from admin.auth import FAILURES, console_access
from admin.guard import safe_next
from admin.mount import mount_console
from core.bootstrap import Services

LogIn = Callable[..., Awaitable[httpx.Response]]

PAGES = [
    "/",
    "/overview",
    "/sessions",
    "/sessions/any",
    "/playground",
    "/knowledge",
    "/knowledge/quillstore.md",
    "/health",
]


@pytest.mark.parametrize("path", [*PAGES, "/loginx", "/nothing-here", "/_nicegui/client/x", "/_nicegui_ws/socket.io/"])
async def test_stranger_is_sent_to_the_login(visitor: User, path: str) -> None:
    reply = await visitor.http_client.get(path)

    assert reply.status_code == 303
    assert reply.headers["location"] == f"/admin/login?next=/admin{path}"
    assert not Client.instances


async def test_stranger_gets_no_socket(console_app: FastAPI) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        TestClient(console_app, base_url="http://test").websocket_connect(
            "/admin/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        ),
    ):
        pass


async def test_login_page_needs_nothing_that_is_guarded(visitor: User) -> None:
    page = await visitor.http_client.get("/login")

    assert page.status_code == 200
    for address in ("/static/console.css", "/static/console.js", "/static/mark.svg"):
        assert f"/admin{address}" in page.text
        assert (await visitor.http_client.get(address)).status_code == 200


async def test_right_password_opens_the_page_that_was_wanted(log_in: LogIn, visitor: User) -> None:
    reply = await log_in(visitor, target="/admin/knowledge?q=1")

    assert (reply.status_code, reply.headers["location"]) == (303, "/admin/knowledge?q=1")
    await visitor.open("/sessions")
    await visitor.should_see("Every conversation")


async def test_session_cookie_is_signed_and_kept_from_scripts_and_other_sites(log_in: LogIn, visitor: User) -> None:
    cookie = (await log_in(visitor)).headers["set-cookie"]

    assert "console_session=" in cookie
    assert "httponly; samesite=lax" in cookie
    assert "path=/admin" in cookie
    assert "secure" not in cookie
    forged = httpx.Cookies({"console_session": cookie.split("=", 1)[1].split(";")[0].replace(".", "x.", 1)})
    visitor.http_client.cookies = forged
    assert (await visitor.http_client.get("/sessions")).status_code == 303


async def test_session_cookie_is_secure_when_the_console_is_reached_over_https(
    log_in: LogIn,
    console_services: Services,
    fresh_nicegui: None,  # noqa: ARG001
) -> None:
    settings = console_services.settings.model_copy(update={"public_url": "https://assistant.example.org"})
    app = FastAPI()
    mount_console(app, replace(console_services, settings=settings), console_access(settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://test/admin") as client:
        reply = await log_in(User(client))

    assert "; secure" in reply.headers["set-cookie"]


@pytest.mark.parametrize("wrong", ["", "A fine console password", "x" * 20_000, "\x00", "ünïcode"])
async def test_wrong_password_is_refused(log_in: LogIn, visitor: User, wrong: str) -> None:
    reply = await log_in(visitor, wrong)

    assert reply.status_code == 401
    assert "Name and password do not fit" in reply.text
    assert (await visitor.http_client.get("/sessions")).status_code == 303


async def test_guessing_is_slowed_down_even_for_the_right_password(log_in: LogIn, visitor: User) -> None:
    replies = [await log_in(visitor, "guess") for _ in range(FAILURES)]
    refused = await log_in(visitor)

    assert {reply.status_code for reply in replies} == {401}
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "Try again in" in refused.text


async def test_logout_closes_the_console(owner: User) -> None:
    assert (await owner.http_client.get("/sessions")).status_code == 200

    reply = await owner.http_client.post("/logout")

    assert reply.headers["location"] == "/admin/login"
    assert (await owner.http_client.get("/sessions")).status_code == 303


async def test_who_is_logged_in_skips_the_login(owner: User) -> None:
    reply = await owner.http_client.get("/login", params={"next": "/admin/health"})

    assert reply.headers["location"] == "/admin/health"


@pytest.mark.parametrize(
    "target",
    ["", "https://evil.example", "//evil.example", "/\\evil.example", "/admin/\\evil", "javascript:alert(1)",
     "/chat", "/administrator/", "/admin/login?next=/admin/login", "/admin/x\r\nSet-Cookie: a=b", " /admin/health"],
)  # fmt: skip
async def test_next_never_leaves_the_console(log_in: LogIn, visitor: User, target: str) -> None:
    assert safe_next(target) == "/admin/overview"
    assert (await log_in(visitor, target=target)).headers["location"] == "/admin/overview"


async def test_next_in_the_login_page_cannot_break_out_of_its_field(visitor: User) -> None:
    page = await visitor.http_client.get("/login", params={"next": '/admin/"><script>alert(1)</script>'})

    assert "<script>alert" not in page.text


async def test_pages_may_load_nothing_from_elsewhere(owner: User) -> None:
    for path in PAGES[1:]:
        page = await owner.http_client.get(path)
        assert "default-src 'self'" in page.headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_console_writes_nothing_but_its_one_file(
    owner: User, console_services: Services, tmp_path: Path, new_visitor: Callable[[], User]
) -> None:
    var_dir = console_services.settings.var_dir
    await console_services.sessions.list()  # opens the database and its side files
    before = set(var_dir.iterdir())

    await owner.open("/knowledge")
    await new_visitor().http_client.get("/login")

    assert set(var_dir.iterdir()) == before
    assert var_dir / "console.json" in before
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
