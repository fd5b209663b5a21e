"""What a chat platform asks before it speaks: what holds in a channel, who has the word, whether we are sure.

Comes in: addresses, conversations and texts. Goes out: settings, scores and examples. Called by the channels and the
console; the runner asks it what holds for a turn.
"""

import re
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.answering.masking import without_masks
from core.domain.channels import Address, ChannelSettings, Floor
from core.domain.conversation import AWAITED, Session, SessionKey
from core.errors import InputError, KnowledgeError
from core.knowledge.retrieval.retrieve import Retriever, Scope
from core.storage.audit import Audit
from core.storage.channels import Channels
from core.storage.ids import now
from core.storage.sessions import Sessions
from core.storage.sources import Sources
from core.storage.turns import Turns

POPULAR_SINCE = timedelta(days=30)
EXAMPLE_LENGTH = 120
"""Characters of a question that is shown as an example, at most."""

CHAT_PLATFORMS = ("slack", "discord")
MOST_PLACES = 500
"""Channels that are listed, the latest first."""

FORGOTTEN = timedelta(minutes=5)
"""Overlap with what was heard before: the platforms deliver late."""

_SETTINGS = TypeAdapter(ChannelSettings)
_LISTS = {"sources", "askers", "bots"}
NAMES = tuple(field.name for field in fields(ChannelSettings))
"""What can be set."""


class Presence:
    """How we are present on chat platforms."""

    def __init__(
        self,
        channels: Channels,
        sessions: Sessions,
        turns: Turns,
        sources: Sources,
        retriever: Retriever,
        *,
        audit: Audit,
    ) -> None:
        self._channels = channels
        self._sessions = sessions
        self._turns = turns
        self._sources = sources
        self._retriever = retriever
        self._audit = audit

    async def settings(self, address: Address) -> ChannelSettings:
        """What holds in a channel: what is set there, then what is set for its workspace, then our defaults."""
        values: dict[str, Any] = {}
        for level in await self._channels.settings(address):
            values |= level
        return _SETTINGS.validate_python(values)

    async def rules(self, session: SessionKey) -> ChannelSettings:
        """What holds for a conversation, on whatever platform."""
        if session.platform in AWAITED:
            return ChannelSettings()
        return await self.settings(address_of(session))

    async def own(self, address: Address) -> dict[str, str]:
        """What is set at this very address, as words by name."""
        return {name: _words(value) for name, value in (await self._channels.own(address)).items()}

    async def places(self) -> list[Address]:
        """Where something is or can be set: workspaces and their channels, in order."""
        talking = await self._sessions.places(CHAT_PLATFORMS, MOST_PLACES)
        set_up = [address for address, _ in await self._channels.all()]
        channels = {*talking, *set_up}
        workspaces = {replace(address, channel="") for address in channels}
        return sorted(channels | workspaces, key=lambda a: (a.platform, a.workspace, a.channel))

    async def change(self, address: Address, name: str, value: str | None, by: str) -> ChannelSettings:
        """Sets one thing at an address, or with None takes it back; gives what holds there now.

        Several values are separated by commas or spaces. Raises InputError, and nothing is changed, for a name that
        there is not, a value that cannot be, or sources that nobody has added.
        """
        if name not in NAMES:
            raise InputError(f"{name!r} cannot be set. These can: {', '.join(NAMES)}.")
        before = await self._channels.own(address)
        own = dict(before)
        if value is None:
            own.pop(name, None)
        else:
            own[name] = _read(name, value)
        if name == "sources" and value:
            await self._check_sources(own[name])
        await self._channels.put(address, own, by)
        await self._audit.note("channel.set", str(address), before=before, after=own)
        return await self.settings(address)

    async def sureness(self, text: str, settings: ChannelSettings) -> float:
        """How likely the best passage is about a question, between 0 and 1. Raises KnowledgeError."""
        return (await self._retriever.find(without_masks(text), scope=Scope(settings.sources))).score

    async def floor(self, session: SessionKey) -> Floor | None:
        """Who has the word in a conversation; None when we take no part in it."""
        return await self._sessions.floor(session)

    async def overheard(self, session: SessionKey, person: str) -> None:
        """Notes that somebody there spoke to others."""
        await self._sessions.overheard(session, person)

    async def examples(self, platform: str, workspace: str, count: int = 4) -> list[str]:
        """Questions worth asking: those that several people of a workspace asked, then those that our pages answer.

        What one person alone has asked is shown to nobody else.
        """
        asked = await self._turns.frequent(platform, workspace, now() - POPULAR_SINCE, count * 3)
        found = [text for text in asked if text.rstrip().endswith("?") and len(text) <= EXAMPLE_LENGTH]
        if len(found) < count:
            found += await self._questions_of_pages(count)
        return list(dict.fromkeys(found))[:count]

    async def topics(self) -> list[tuple[str, int]]:
        """The sources that have pages, with the number of them."""
        pages = await self._sources.page_counts()
        names = [source.name for source in await self._sources.all() if source.enabled]
        return [(name, pages[name]) for name in names if pages.get(name)]

    async def missed_since(self, platform: str, workspace: str, longest: timedelta) -> datetime | None:
        """From when on we did not hear a workspace, at most the `longest` time ago; None when we never heard it."""
        heard = await self._channels.heard_until(platform, workspace)
        return None if heard is None else max(heard - FORGOTTEN, now() - longest)

    async def listening(self, platform: str, workspace: str) -> None:
        """Notes that we hear a workspace now."""
        await self._channels.listening(platform, workspace)

    async def listened_to(self, platform: str) -> list[str]:
        """The workspaces of a platform that we ever listened to."""
        return await self._channels.listened_to(platform)

    async def recent(self, platform: str, since: datetime, limit: int = 20) -> list[SessionKey]:
        """Conversations in which something was said since then, the latest first."""
        return await self._sessions.recent(platform, since, limit)

    async def conversations_of(self, platform: str, workspace: str, person: str, limit: int = 10) -> list[Session]:
        """The conversations of a person, the latest first."""
        return await self._sessions.of_person(platform, workspace, person, limit)

    async def _questions_of_pages(self, count: int) -> list[str]:
        try:
            passages = await self._retriever.search("How do I get started?", count * 4)
        except KnowledgeError:
            return []
        headings = [(passage.heading_path or (passage.title,))[-1] for passage in passages]
        asking = [heading for heading in headings if heading.rstrip().endswith("?")]
        products = dict.fromkeys(passage.product for passage in passages if passage.product)
        return [*asking, *(f"How do I get started with {product}?" for product in products)]

    async def _check_sources(self, names: list[str]) -> None:
        known = {source.name for source in await self._sources.all()}
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"There is no source {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")


def address_of(session: SessionKey) -> Address:
    """The channel in which a conversation is held."""
    return Address(session.platform, session.workspace, session.channel)


def shown(settings: ChannelSettings) -> dict[str, str]:
    """Settings as words, by name."""
    return {name: _words(value) for name, value in asdict(settings).items()}


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return str(value)


def _read(name: str, value: str) -> Any:
    given: object = value.strip()
    if name in _LISTS:
        given = [part for part in re.split(r"[,\s]+", value) if part]
    try:
        checked = _SETTINGS.validate_python({name: given})
    except ValidationError as error:
        raise InputError(f"{name} cannot be {value!r}: {error.errors()[0]['msg'].lower()}.") from error
    if not 0 <= checked.sure <= 1:
        raise InputError("sure is a probability: a number between 0 and 1, such as 0.8.")
    return _SETTINGS.dump_python(replace(ChannelSettings(), **{name: getattr(checked, name)}), mode="json")[name]
