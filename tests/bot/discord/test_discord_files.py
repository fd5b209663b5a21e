"""Files that come with a question: fetched at Discord alone, and read without the secrets in them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import simcord
from aiohttp import web
from aiohttp.test_utils import TestServer
from simcord import ChannelHandle, MemberActor

from bot.discord.files import Files
from bot.uploads import Upload
from core.domain.conversation import Attachment
from core.storage.turns import Turns
from tests.bot.discord.visible import from_the_bot, visible

LOG = "DB_PASSWORD=correcthorse1\nTraceback: no such bucket"


@pytest.fixture
async def store() -> AsyncIterator[TestServer]:
    """Where Discord keeps files, as it were."""

    async def file(_: web.Request) -> web.Response:
        return web.Response(text=LOG)

    app = web.Application()
    app.router.add_get("/log.txt", file)
    async with TestServer(app) as server:
        yield server


async def test_file_at_discord_is_fetched(store: TestServer) -> None:
    files = Files(str(store.make_url("/api/v10")))

    [attachment] = await files.fetch([Upload("log.txt", str(store.make_url("/log.txt")), "text/plain")])

    assert attachment.text == LOG.replace("correcthorse1", "[masked: password]")


async def test_file_elsewhere_is_not_asked_for(store: TestServer) -> None:
    files = Files("https://discord.com/api/v10")

    [attachment] = await files.fetch([Upload("log.txt", str(store.make_url("/log.txt")), "text/plain")])

    assert attachment.problem == "log.txt could not be fetched and read in time."


async def test_secret_in_a_file_is_masked_and_its_asker_is_told(
    simcord_env: simcord.Env,
    store: TestServer,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    discord_turns: Turns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = Files(str(store.make_url("/api/v10")))
    fetch, keep = files.fetch, simcord_env.backend.store_attachments

    async def fetched(_: Files, uploads: Sequence[Upload]) -> tuple[Attachment, ...]:
        return await simcord_env.external_wait(fetch(uploads), reason="the file is fetched")

    def kept(channel: int, attachments: Any) -> list[dict[str, Any]]:
        return [file | {"url": str(store.make_url("/log.txt"))} for file in keep(channel, attachments)]

    monkeypatch.setattr(Files, "fetch", fetched)
    monkeypatch.setattr(simcord_env.backend, "store_attachments", kept)

    asked = await alice.send(general, f"{bot_mention} Why does it fail?", attachments=[("log.txt", b"x")])
    await simcord_env.settle()

    stored = await discord_turns.get(f"discord:{asked.id}")
    assert stored
    [attachment] = stored.question.attachments
    assert "no such bucket" in attachment.text
    assert "correcthorse1" not in attachment.text
    [answer] = from_the_bot(general.threads[0])
    assert "masked" in visible(answer)
