"""The doctor: looks at every part, says what to mend, and changes nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from aiohttp import web

from bot.doctor import Finding, examine
from bot.http.app import create_watch_app
from bot.slack.app import SCOPES
from core.bootstrap import Services, open_services
from core.domain.people import COMMAND, acting_as
from core.operations.metrics import BACKED_UP
from core.operations.ownership import own_folder
from core.settings import Settings
from tests.emulators.language_model import ScriptedModel
from tests.emulators.slack import SlackDouble

ALL_SCOPES = " ".join(SCOPES)
INTENT_ON = 1 << 19

Make = Callable[..., Settings]


async def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.part: finding for finding in await examine(settings)}


Answer = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that answers every request alike."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


def replying(status: int, body: str = "", *, close: bool = False) -> AbstractAsyncContextManager[str]:
    """A server that gives every request the same reply, or closes the connection."""

    async def reply(request: web.Request) -> web.Response:
        if close and request.transport:
            request.transport.close()
        return web.Response(status=status, text=body, content_type="application/json")

    return server(reply)


async def test_all_is_well_without_channels_and_without_a_model(ready_settings: Make) -> None:
    found = await findings(ready_settings())

    assert [(part, finding.well) for part, finding in found.items()] == [
        ("machine", True), ("database", True), ("embedding model", True), ("sources", True), ("index", True),
        ("language model", True), ("slack", None), ("discord", None), ("backups", True), ("public address", True),
    ]  # fmt: skip
    assert found["index"].said.endswith("passages of 3 pages")
    assert "OPENROUTER_API_KEY or LLM_BASE_URL" in found["language model"].said


async def test_model_slack_and_discord_are_well(ready_settings: Make) -> None:
    async with (
        ScriptedModel(api_key="k") as model,
        SlackDouble() as slack,
        replying(200, f'{{"flags": {INTENT_ON}}}') as discord,
    ):
        slack.scopes = ALL_SCOPES.split()
        found = await findings(
            ready_settings(
                llm_base_url=model.base_url, llm_api_key="k", slack_bot_token=slack.bot_token,
                slack_app_token=slack.app_token, slack_api_url=slack.api_url,
                discord_bot_token="t", discord_api_url=discord,
            )
        )  # fmt: skip

    assert all(finding.well for finding in found.values()), found
    assert slack.violations == []


async def test_nothing_is_there_yet_and_nothing_is_made(make_settings: Make, tmp_path: Path) -> None:
    settings = make_settings(var_dir=tmp_path / "fresh")
    before = sorted(tmp_path.rglob("*"))
    found = await findings(settings)

    assert (found["database"].well, found["index"].well) == (False, False)
    assert "`mlops-assistant migrate`" in found["database"].said
    assert "`mlops-assistant refresh`" in found["index"].said
    assert sorted(tmp_path.rglob("*")) == before, "it changes nothing"


async def test_missing_embedding_model_says_how_to_make_it(make_settings: Make) -> None:
    settings = make_settings()
    settings.model_dir.unlink()

    found = (await findings(settings))["embedding model"]

    assert found.well is False
    assert "`mlops-assistant refresh`" in found.said


async def test_corrupt_index_says_how_to_rebuild_it(ready_settings: Make) -> None:
    settings = ready_settings()
    [damaged] = settings.index_dir.glob("*/chroma.sqlite3")
    damaged.write_bytes(b"\x00" * 4096)

    found = (await findings(settings))["index"]

    assert found.well is False
    assert "`mlops-assistant refresh --rebuild`" in found.said


async def test_damaged_database_does_not_keep_the_other_parts_from_being_examined(ready_settings: Make) -> None:
    settings = ready_settings()
    for part in settings.var_dir.glob("assistant.db*"):
        part.unlink()
    (settings.var_dir / "assistant.db").write_bytes(b"no database" * 1000)

    found = await findings(settings)

    assert found["database"].well is False
    assert "damaged" in found["database"].said
    assert found["embedding model"].well is True


async def test_postgres_that_is_not_there(ready_settings: Make) -> None:
    found = await findings(ready_settings(database_url="postgresql://me:secret@127.0.0.1:1/assistant"))

    assert found["database"].well is False
    assert "DATABASE_URL" in found["database"].said
    assert "secret" not in " ".join(finding.said for finding in found.values())


async def test_index_is_looked_at_through_the_service_that_owns_it(ready_settings: Make) -> None:
    settings = ready_settings()
    part = '{"parts": {"index": {"state": "up", "detail": "9 passages"}}}'

    async with replying(200, part) as address:
        with own_folder(settings, address=address):
            found = (await findings(settings))["index"]

    assert (found.well, found.said) == (True, f"9 passages (in the service at {address})")


async def test_service_that_does_not_answer_is_told(ready_settings: Make) -> None:
    settings = ready_settings()

    with own_folder(settings, address="http://127.0.0.1:1"):
        found = (await findings(settings))["index"]

    assert found.well is False
    assert "http://127.0.0.1:1" in found.said


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        pytest.param("http://127.0.0.1:1/v1", None, "cannot be reached", id="away"),
        pytest.param(None, "wrong", "Correct LLM_API_KEY", id="wrong key"),
        pytest.param("http://[::1/v1", None, "LLM_BASE_URL", id="no address"),
        pytest.param("http://127.0.0.1:99999/v1", None, "LLM_BASE_URL", id="no port"),
    ],
)
async def test_language_model_that_cannot_be_used(
    ready_settings: Make, url: str | None, key: str | None, said: str
) -> None:
    async with ScriptedModel(api_key="k") as model:
        try:
            found = (await findings(ready_settings(llm_base_url=url or model.base_url, llm_api_key=key)))[
                "language model"
            ]
        except Exception as error:
            assert said in getattr(error, "said", ""), error  # noqa: PT017 - refused with the settings: as good
            return

    assert found.well is False
    assert said in found.said


@pytest.mark.parametrize(("setting", "token"), [("slack_bot_token", "xoxb-wrong"), ("slack_app_token", "xapp-wrong")])
async def test_wrong_slack_token_is_named(ready_settings: Make, setting: str, token: str) -> None:
    async with SlackDouble() as slack:
        tokens = {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token, setting: token}
        found = (await findings(ready_settings(**tokens, slack_api_url=slack.api_url)))["slack"]

    assert found.well is False
    assert setting.upper() in found.said


async def test_missing_slack_scopes_are_named(ready_settings: Make) -> None:
    async with SlackDouble() as slack:
        slack.scopes = ALL_SCOPES.replace("im:history", "").split()
        tokens = {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token}
        found = (await findings(ready_settings(**tokens, slack_api_url=slack.api_url)))["slack"]

    assert found.well is False
    assert "im:history" in found.said
    assert "manifest" in found.said


@pytest.mark.parametrize(
    ("status", "body", "close"),
    [(500, "oops", False), (502, "<html>", False), (200, "<html>", False), (200, "", True), (429, "{}", False)],
)
@pytest.mark.parametrize("platform", ["slack", "discord"])
async def test_platform_that_behaves_strangely_is_told_in_words(
    ready_settings: Make, platform: str, status: int, body: str, close: bool
) -> None:
    tokens = {"slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1", "discord_bot_token": "t"}
    tokens = {name: token for name, token in tokens.items() if name.startswith(platform)}
    async with replying(status, body, close=close) as url:
        found = (await findings(ready_settings(**tokens, **{f"{platform}_api_url": url})))[platform]

    assert found.well is False
    assert platform.capitalize() in found.said
    assert "refused SLACK_BOT_TOKEN" not in found.said, "nobody should replace a good token"


@pytest.mark.parametrize("platform", ["slack", "discord"])
async def test_platform_that_is_away_is_told(ready_settings: Make, platform: str) -> None:
    tokens = {"slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1", "discord_bot_token": "t"}
    tokens = {name: token for name, token in tokens.items() if name.startswith(platform)}
    found = (await findings(ready_settings(**tokens, **{f"{platform}_api_url": "http://127.0.0.1:1"})))[platform]

    assert found.well is False
    assert f"{platform.capitalize()} cannot be reached at http://127.0.0.1:1" in found.said


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(401, "{}", "DISCORD_BOT_TOKEN"), (200, '{"flags": 0}', "message content intent"), (503, "{}", "HTTP 503")],
)
async def test_discord_that_is_not_set_up(ready_settings: Make, status: int, body: str, said: str) -> None:
    async with replying(status, body) as url:
        found = (await findings(ready_settings(discord_bot_token="t", discord_api_url=url)))["discord"]

    assert found.well is False
    assert said in found.said


async def test_source_with_a_problem_is_named_and_none_at_all_is_a_fault(ready_settings: Make, tmp_path: Path) -> None:
    settings = ready_settings(knowledge_dir=tmp_path / "nowhere")
    async with open_services(settings) as services:
        await services.refresher.finished("test")
        ailing = (await findings(settings))["sources"]
        await services.sources.remove("knowledge")
        none = (await findings(settings))["sources"]

    assert (ailing.well, ailing.said.endswith("tells the problem of knowledge")) == (True, True)
    assert (none.well, "sources add" in none.said) == (False, True)


@asynccontextmanager
async def served(services: Services) -> AsyncIterator[str]:
    """What answers those who watch, at an address of its own."""
    config = uvicorn.Config(create_watch_app(services), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    sockets = [config.bind_socket()]
    running = asyncio.create_task(server.serve(sockets))
    host, port = sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    await running


def stripping(behind: str) -> AbstractAsyncContextManager[str]:
    """A proxy that hands plain requests on and knows no WebSocket."""

    async def hand_on(request: web.Request) -> web.Response:
        async with httpx.AsyncClient() as client:
            reply = await client.get(f"{behind}{request.path}")
        return web.Response(status=reply.status_code, text=reply.text, content_type="application/json")

    return server(hand_on)


async def test_public_address_is_tried_with_its_websocket(services: Services) -> None:
    async with served(services) as url, stripping(url) as stripped, replying(200, "{}") as other:
        straight, through, elsewhere = [
            (await findings(services.settings.elsewhere(public_url=each)))["public address"]
            for each in (url, stripped, other)
        ]

    assert (straight.well, straight.said) == (True, f"{url}, WebSockets too")
    assert through.well is False
    assert "lets no WebSocket through" in through.said
    assert "`Upgrade`" in through.said
    assert elsewhere.well is False
    assert "Something else than this service" in elsewhere.said


async def test_public_address_that_nobody_answers_is_told_unless_it_is_this_machine(ready_settings: Make) -> None:
    settings = ready_settings()
    away, here = [
        (await findings(settings.elsewhere(public_url=url)))["public address"]
        for url in ("https://mlops.invalid", "http://127.0.0.1:1")
    ]

    assert (away.well, "PUBLIC_URL=https://mlops.invalid" in away.said) == (False, True)
    assert here.well is True


async def test_backup_is_told_and_an_old_one_is_a_fault(services: Services) -> None:
    with acting_as(COMMAND):
        await services.audit.note(BACKED_UP, "there")
    fresh = (await findings(services.settings))["backups"]
    aged = "UPDATE audit SET at = datetime(at, '-3 days')"
    with sqlite3.connect(services.settings.var_dir / "assistant.db") as database:
        database.execute(aged)
    old = (await findings(services.settings))["backups"]

    assert (fresh.well, fresh.said.startswith("the latest is of")) == (True, True)
    assert (old.well, "BackupOld" in old.said) == (False, True)
