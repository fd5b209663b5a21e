"""Deletes a conversation, or everything of a person, and writes down that it was done: never what was said.

Comes in: a session, or a platform and a person's id there. Goes out: what was removed. Called by the console.
"""

from dataclasses import asdict

from core.answering.service import AnsweringService
from core.domain.conversation import Session
from core.domain.history import Erased
from core.storage.audit import Audit
from core.storage.erasure import Erasures


class Erasure:
    """All ways of forgetting what people said."""

    def __init__(self, erasures: Erasures, answering: AnsweringService, audit: Audit) -> None:
        self._erasures = erasures
        self._answering = answering
        self._audit = audit

    async def forget(self, session: Session) -> int:
        """Deletes a conversation, stops what is being answered in it, and gives the number of messages that went."""
        gone = await self._answering.forget(session.key)
        key = session.key
        held = {"platform": key.platform, "workspace": key.workspace, "channel": key.channel, "messages": gone}
        await self._audit.note("session.delete", session.id, before=held)
        return gone

    async def held(self, platform: str, person: str) -> Erased:
        """How much is kept of a person."""
        return await self._erasures.count(platform, person)

    async def erase(self, platform: str, person: str) -> Erased:
        """Removes everything of a person on a platform, and says how much it was. What is being answered is dropped."""
        gone = await self._erasures.erase(platform, person)
        self._answering.forget_person(platform, person)
        await self._audit.note("person.erase", f"{platform}:{person}", before=asdict(gone))
        return gone
