"""The app offered to several workspaces: installed by OAuth, answered with the token of each, stored encrypted."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from bot.serve import _mount_slack
from bot.slack.app import SCOPES, SlackChannel
from bot.slack.installations import Installations
from core.errors import ChannelError, ConfigurationError
from core.settings import Settings, load_settings
from tests.bot.slack.conftest import opened
from tests.bot.slack.conversation import answered
from tests.emulators.slack import TEAM, SlackDouble

PUSH = "How do I push a model to Quillstore?"
KEY = Fernet.generate_key().decode()
APP = {"slack_bot_token": None, "slack_client_id": "1.2", "slack_client_secret": "secret", "slack_token_key": KEY}


class Offered(NamedTuple):
    channel: SlackChannel
    browser: httpx.AsyncClient
    settings: Settings


@pytest.fixture
async def offered(slack_settings: Callable[..., Settings]) -> AsyncIterator[Offered]:
    settings = slack_settings(**APP)
    async with opened(settings) as (_, channel):
        await channel.start()
        app = FastAPI()
        _mount_slack(app, {"slack": channel})
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://bot.test") as browser:
            yield Offered(channel, browser, settings)


async def install(offered: Offered, code: str = "code-double") -> httpx.Response:
    """Somebody installs the app, as their browser does it."""
    page = await offered.browser.get("/slack/install")
    address = next(part for part in page.text.split('"') if "oauth/v2/authorize" in part).replace("&amp;", "&")
    asked = parse_qs(urlsplit(address).query)
    assert set(asked["scope"][0].split(",")) == SCOPES
    return await offered.browser.get("/slack/oauth_redirect", params={"code": code, "state": asked["state"][0]})


async def test_workspace_that_installed_the_app_is_answered_with_its_token(
    offered: Offered, slack: SlackDouble
) -> None:
    done = await install(offered)
    assert done.status_code == 200
    act = await slack.mention(PUSH)

    await slack.wait_for(lambda s: answered(s, act.ts))


async def test_tokens_are_stored_encrypted(offered: Offered, slack: SlackDouble) -> None:
    await install(offered)

    files = [path.read_bytes() for path in offered.settings.var_dir.glob("assistant.db*")]
    assert not [raw for raw in files if slack.bot_token.encode() in raw]
    assert [raw for raw in files if b"gAAAAA" in raw], "Fernet's mark"


async def test_tokens_under_another_key_say_what_to_do(offered: Offered) -> None:
    await install(offered)
    other = offered.settings.elsewhere(slack_token_key=Fernet.generate_key().decode())

    async def nothing(_: str) -> None:
        """Nobody installs anything."""

    store = Installations(other, nothing)
    with pytest.raises(ChannelError, match="SLACK_TOKEN_KEY"):
        await store.token_of(TEAM)
    await store.close()


@pytest.mark.parametrize("forged", [{"code": "code-double", "state": "made up"}, {"code": "wrong"}])
async def test_installation_that_nobody_began_is_refused(offered: Offered, forged: dict[str, str]) -> None:
    if "state" not in forged:
        refused = await install(offered, forged["code"])
    else:
        refused = await offered.browser.get("/slack/oauth_redirect", params=forged)

    assert refused.status_code >= 400
    store = offered.channel._installations
    assert store
    assert await store.token_of(TEAM) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"slack_client_id": "1.2"}, "SLACK_CLIENT_SECRET"),
        (APP | {"slack_app_token": "xapp-1", "slack_token_key": "short"}, "openssl rand"),
        (APP | {"slack_app_token": "xapp-1", "slack_bot_token": "xoxb-1"}, "set one of them"),
        (APP, "SLACK_APP_TOKEN"),
    ],
)
def test_half_an_app_is_refused_in_words(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_settings(**settings)
