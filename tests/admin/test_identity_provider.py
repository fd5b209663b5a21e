"""Login by an OpenID Connect provider, which runs beside the test: who is let in, and what is not believed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from admin.auth import console_access
from admin.mount import mount_console
from core.bootstrap import Services, open_services
from core.domain.people import Role
from core.settings import Settings
from tests.emulators.identity import CLIENT, SECRET, IdentityDouble

PASSWORD = "a fine console password"

Opening = Callable[..., AbstractAsyncContextManager["Console"]]


class Console:
    """A console that knows the provider, and one browser."""

    def __init__(self, services: Services, browser: httpx.AsyncClient) -> None:
        self.services = services
        self.browser = browser

    async def begin(self, target: str = "") -> str:
        """Where the console sends the browser."""
        reply = await self.browser.get("/admin/login/oidc", params={"next": target})
        return reply.headers.get("location", reply.text)

    async def log_in(self, target: str = "") -> httpx.Response:
        """The whole way: to the provider, back with a code, and into the console."""
        async with httpx.AsyncClient(trust_env=False) as outside:
            back = (await outside.get(await self.begin(target))).headers["location"]
        return await self.browser.get(back)

    async def role(self, name: str) -> Role | None:
        people = await self.services.people.all()
        return next((user.role for user in people if user.name == name), None)


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityDouble]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with IdentityDouble() as double:
        yield double


@pytest.fixture
def opening(ready_settings: Callable[..., Settings], provider: IdentityDouble, fresh_nicegui: None) -> Opening:  # noqa: ARG001
    @asynccontextmanager
    async def opened(**overrides: Any) -> AsyncIterator[Console]:
        ours = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        settings = ready_settings(admin_password=PASSWORD, **{**ours, **overrides})
        async with open_services(settings) as services:
            app = FastAPI()
            mount_console(app, services, console_access(settings))
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url=settings.address) as browser,
            ):
                yield Console(services, browser)

    return opened


@pytest.fixture
async def console(opening: Opening) -> AsyncIterator[Console]:
    async with opening() as opened:
        yield opened


async def refused(reply: Awaitable[httpx.Response], said: str) -> None:
    page = await reply
    assert page.status_code in {403, 503}
    assert said in page.text


async def test_known_person_comes_in_and_reaches_the_page_that_was_wanted(
    console: Console, provider: IdentityDouble
) -> None:
    await console.services.people.add("ada", Role.EDITOR, email="ada@example.org")
    provider.claims = {"sub": "17", "email": "ada@example.org", "email_verified": True}

    reply = await console.log_in("/admin/health")

    assert (reply.status_code, reply.headers["location"]) == (303, "/admin/health")
    assert (await console.browser.get("/admin/health")).status_code == 200
    provider.claims = {"sub": "17"}
    assert (await console.log_in()).status_code == 303


async def test_login_page_offers_the_provider_beside_the_password(console: Console) -> None:
    page = await console.browser.get("/admin/login", params={"next": "/admin/health"})

    assert 'href="/admin/login/oidc?next=/admin/health">Log in with 127.0.0.1<' in page.text
    assert 'name="password"' in page.text


async def test_state_nonce_and_challenge_are_new_at_each_login(console: Console) -> None:
    first, second = httpx.URL(await console.begin()), httpx.URL(await console.begin())

    assert first.params["scope"] == "openid email profile"
    for name in ("state", "nonce", "code_challenge"):
        assert first.params[name] != second.params[name]
    assert first.params["redirect_uri"] == "http://127.0.0.1:8000/admin/login/oidc/callback"


@pytest.mark.parametrize(
    "claims",
    [{"sub": "9"}, {"sub": "9", "email": "ada@example.org"},
     {"sub": "9", "email": "ada@example.org", "email_verified": "true"}],
    ids=["unknown", "address not verified", "verified in a string"],
)  # fmt: skip
async def test_whom_nobody_added_is_not_let_in(console: Console, provider: IdentityDouble, claims: Any) -> None:
    await console.services.people.add("ada", Role.OWNER, email="ada@example.org")
    provider.claims = claims

    await refused(console.log_in(), "Ask an owner of this console to add your e-mail address")
    assert (await console.browser.get("/admin/sessions")).status_code == 303


@pytest.mark.parametrize(
    "change",
    [{"nonce": "another"}, {"aud": "somebody else"}, {"iss": "https://evil.example"}, {"exp": 1}],
    ids=["nonce", "audience", "issuer", "expired"],
)
async def test_token_that_is_not_for_this_login_is_not_believed(
    console: Console, provider: IdentityDouble, change: Any
) -> None:
    await console.services.people.add("ada", Role.OWNER, email="ada@example.org")
    provider.claims = {"sub": "1", "email": "ada@example.org", "email_verified": True}
    provider.spoil = lambda claims: {**claims, **change}

    await refused(console.log_in(), "could not be checked")
    assert (await console.browser.get("/admin/sessions")).status_code == 303


async def test_token_signed_with_another_key_is_not_believed(console: Console, provider: IdentityDouble) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})

    await refused(console.log_in(), "could not be checked")


async def test_answer_without_the_state_of_this_browser_is_refused(console: Console, provider: IdentityDouble) -> None:
    await console.services.people.add("ada", Role.OWNER, email="ada@example.org")
    provider.claims = {"sub": "1", "email": "ada@example.org", "email_verified": True}
    async with httpx.AsyncClient(trust_env=False) as outside:
        back = (await outside.get(await console.begin())).headers["location"]
    console.browser.cookies.clear()

    await refused(console.browser.get(back), "could not be checked")


async def test_answer_that_comes_twice_is_refused(console: Console, provider: IdentityDouble) -> None:
    await console.services.people.add("ada", Role.OWNER, email="ada@example.org")
    provider.claims = {"sub": "1", "email": "ada@example.org", "email_verified": True}
    reply = await console.log_in()

    await refused(console.browser.get(str(reply.request.url)), "could not be checked")


async def test_refusal_of_the_provider_is_told(console: Console) -> None:
    await console.begin()

    await refused(console.browser.get("/admin/login/oidc/callback?error=access_denied"), "could not be checked")


async def test_provider_that_calls_itself_otherwise_is_not_used(console: Console, provider: IdentityDouble) -> None:
    provider.called = "https://evil.example"

    assert "cannot be reached, or is not set up" in await console.begin()


async def test_provider_that_is_away_leaves_the_password(opening: Opening) -> None:
    async with opening(oidc_issuer="http://127.0.0.1:1") as console:
        assert "Log in with a password" in await console.begin()
        reply = await console.browser.post("/admin/login", data={"password": PASSWORD})
        assert reply.status_code == 303


async def test_roles_come_from_groups_and_addresses_and_go_with_them(
    opening: Opening, provider: IdentityDouble
) -> None:
    roles = '{"Staff": "viewer", "mlops": "owner", "bo@example.org": "editor"}'
    async with opening(oidc_role_claim="teams", oidc_roles=roles) as console:
        provider.claims = {"sub": "1", "preferred_username": "Ada", "teams": ["staff", "MLOps"]}
        assert (await console.log_in()).status_code == 303
        assert await console.role("ada") is Role.OWNER
        provider.claims = {"sub": "1", "teams": "staff"}
        assert (await console.log_in()).status_code == 303
        assert await console.role("ada") is Role.VIEWER
        provider.claims = {"sub": "2", "preferred_username": "bo", "email": "Bo@example.org", "email_verified": True}
        assert (await console.log_in()).status_code == 303
        assert await console.role("bo") is Role.EDITOR

        provider.claims = {"sub": "1", "teams": []}
        await refused(console.log_in(), "has no role here")


async def test_without_a_provider_its_addresses_lead_to_the_login(opening: Opening) -> None:
    async with opening(oidc_issuer=None, oidc_client_id=None) as console:
        for path in ("/admin/login/oidc", "/admin/login/oidc/callback?code=1&state=2"):
            assert (await console.browser.get(path)).headers["location"] == "/admin/login"


async def test_no_page_and_no_part_of_the_health_shows_a_secret(opening: Opening) -> None:
    secrets = {"api_key": "secret-api", "llm_api_key": "secret-llm", "oidc_client_secret": "secret-oidc"}
    async with opening(**secrets, llm_base_url="http://127.0.0.1:1/v1") as console:
        await console.browser.post("/admin/login", data={"password": PASSWORD})
        for path in ("sessions", "knowledge", "sources", "channels", "health", "people", "people/changes", "account"):
            page = await console.browser.get(f"/admin/{path}")
            assert page.status_code == 200
            assert "secret-" not in page.text, path
            assert PASSWORD not in page.text, path
        assert "secret-" not in str(await console.services.health.measure())
