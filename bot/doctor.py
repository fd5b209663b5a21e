"""Looks at every part and says what to mend.

Comes in: settings. Goes out: one `Finding` a part. It changes nothing and needs nothing to run. Called by `doctor`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx

from core.errors import AssistantError, ChannelError, ConfigurationError, IndexMissing, KnowledgeError, SchemaOutdated
from core.knowledge.index.dense import IndexPlace, PassageIndex
from core.knowledge.index.embed import Embedder
from core.knowledge.index.package import is_packaged
from core.operations.endpoint import reach_fallbacks, reach_model
from core.operations.metrics import BACKED_UP
from core.operations.ownership import owner_address
from core.operations.preflight import check_chroma, check_clock, check_database, check_room, check_secrets
from core.operations.public_address import reach_public_address
from core.settings import Settings
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.sources import Sources
from core.storage.versions import Versions

MESSAGE_CONTENT = (1 << 18) | (1 << 19)
"""Flags of a Discord application whose message content intent is on, verified or limited."""


UNAUTHORIZED = 401

OLD_BACKUP = timedelta(days=2)
"""As the alert BackupOld has it."""


@dataclass(frozen=True)
class Finding:
    """What was seen of one part; `well` is None for a part that is switched off."""

    part: str
    well: bool | None
    said: str


async def examine(settings: Settings) -> list[Finding]:
    """Findings on all parts, in the order in which they should be mended."""
    checks: list[tuple[str, Callable[[Settings], Awaitable[str | None]]]] = [
        ("machine", _machine),
        ("database", _database),
        ("embedding model", _embedding_model),
        ("sources", _sources),
        ("index", _index),
        ("language model", _language_model),
        ("slack", _slack),
        ("discord", _discord),
        ("backups", _backups),
        ("public address", reach_public_address),
    ]
    return [await _finding(part, check, settings) for part, check in checks]


async def _finding(part: str, check: Callable[[Settings], Awaitable[str | None]], settings: Settings) -> Finding:
    try:
        said = await check(settings)
    except AssistantError as error:
        return Finding(part, well=False, said=error.said)
    return Finding(part, well=None if said is None else True, said=said or "off: its token is not set")


async def _machine(settings: Settings) -> str:
    check_secrets(settings)
    check_room(settings.var_dir)
    if clock := await check_clock(settings):
        raise ConfigurationError(clock)
    return "keys, room on the disk and clock are as they should be"


async def _database(settings: Settings) -> str:
    await check_database(settings)
    async with _opened(settings) as database:
        await database.ping()
        return database.name


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[Database]:
    """The database, if it is there: opening a SQLite file that is not would make it."""
    if settings.database_file and not settings.database_file.is_file():
        raise SchemaOutdated(f"There is no database at {settings.database_file} yet. Run `mlops-assistant migrate`.")
    database = Database(settings.sqlalchemy_url)
    try:
        yield database
    finally:
        await database.close()


async def _embedding_model(settings: Settings) -> str:
    if not is_packaged(settings.model_dir, settings.embedding_model):
        raise KnowledgeError("The embedding model is not packaged yet. `mlops-assistant refresh` does it.")
    await asyncio.to_thread(Embedder, settings.model_dir)
    return f"{settings.embedding_model} in {settings.model_dir}"


async def _sources(settings: Settings) -> str:
    """A source that cannot be read is told and no fault of ours: what was known of it still answers."""
    async with _opened(settings) as database:
        enabled = [source for source in await Sources(database).all() if source.enabled]
    if not enabled:
        raise KnowledgeError("No source is switched on. `mlops-assistant sources add` adds one.")
    ailing = [source.name for source in enabled if source.problem]
    if not ailing:
        return f"{len(enabled)} switched on"
    return f"{len(enabled)} switched on; `mlops-assistant sources list` tells the problem of {', '.join(ailing)}"


async def _index(settings: Settings) -> str:
    if address := await asyncio.to_thread(owner_address, settings):
        return await _index_of_service(address)
    try:
        async with _opened(settings) as database:
            version = await Versions(database).production()
    except SchemaOutdated:
        version = None
    if version is None:
        raise IndexMissing("There is no index yet. Run `mlops-assistant refresh`.")
    await check_chroma(settings)
    place = IndexPlace(settings.index_dir, settings.chroma_url)
    index = await asyncio.to_thread(PassageIndex.open, place, version.id, passages=version.passages)
    index.close()
    return f"{version.passages} passages of {version.documents} pages"


async def _index_of_service(address: str) -> str:
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            part = (await client.get(f"{address}/health")).json()["parts"]["index"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise KnowledgeError(f"The running service at {address} does not tell its health: {error!r}.") from error
    if part["state"] != "up":
        raise KnowledgeError(part["detail"])
    return f"{part['detail']} (in the service at {address})"


async def _language_model(settings: Settings) -> str:
    if settings.model_endpoint is None:
        return "none set up: answers are quoted. OPENROUTER_API_KEY or LLM_BASE_URL sets one"
    await reach_model(settings)
    await reach_fallbacks(settings)
    return ", then ".join(f"{endpoint.model} at {endpoint.base_url}" for endpoint in settings.model_endpoints)


async def _slack(settings: Settings) -> str | None:
    if not settings.speaks_slack:
        return None
    from bot.slack.app import check_app_token, lacking  # noqa: PLC0415 - only when Slack is on
    from bot.slack.failures import OUT_OF_REACH  # noqa: PLC0415
    from bot.slack.workspaces import Workspaces, single  # noqa: PLC0415

    app_token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else None
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    client = Workspaces(settings.slack_api_url, single(token or "")).new(token).client
    try:
        if token is None:
            await check_app_token(client, app_token)
            return f"workspaces install the app at {settings.address}/slack/install"
        missing = await lacking(client, app_token)
    except OUT_OF_REACH as error:
        raise ChannelError(f"Slack cannot be reached at {settings.slack_api_url}: {error}.") from error
    if missing:
        raise ChannelError(f"The app lacks the scopes {', '.join(missing)}. Install it again from the manifest.")
    return "tokens and scopes are right"


async def _discord(settings: Settings) -> str | None:
    if settings.discord_bot_token is None:
        return None
    headers = {"Authorization": f"Bot {settings.discord_bot_token.get_secret_value()}"}
    try:
        async with httpx.AsyncClient(base_url=settings.discord_api_url, timeout=10, headers=headers) as client:
            reply = await client.get("/applications/@me")
    except httpx.HTTPError as error:
        raise ChannelError(f"Discord cannot be reached at {settings.discord_api_url}: {error}.") from error
    if reply.status_code == UNAUTHORIZED:
        raise ChannelError("Discord refused DISCORD_BOT_TOKEN. Copy it again from the developer portal, page Bot.")
    if reply.is_error:
        raise ChannelError(f"Discord answered HTTP {reply.status_code} to the look-up of the application.")
    try:
        flags = int(reply.json().get("flags", 0))
    except (ValueError, AttributeError) as error:
        raise ChannelError(f"What answers at {settings.discord_api_url} is not Discord's API.") from error
    if not flags & MESSAGE_CONTENT:
        raise ChannelError(
            "The message content intent is off: replies in threads need a mention. Switch it on in the developer "
            "portal, page Bot."
        )
    return "token and intents are right"


async def _backups(settings: Settings) -> str:
    """Whoever makes none may have other ways; one that was made and is old means that something has stopped."""
    async with _opened(settings) as database:
        latest = await Audit(database).latest(1, action=BACKED_UP)
    if not latest:
        return "none was made yet: `mlops-assistant backup FOLDER` makes one"
    made = f"the latest is of {latest[0].at:%Y-%m-%d %H:%M} UTC"
    if now() - latest[0].at > OLD_BACKUP:
        raise ConfigurationError(f"There is none of the last two days: {made}. See docs/runbooks/BackupOld.md.")
    return made
