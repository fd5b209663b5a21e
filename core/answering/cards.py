"""Takes the answers that people write by hand, and sees to it that they are found at once.

Comes in: a question and its answer, as typed. Goes out: a `Card` that is a page of the knowledge base, or a sentence on
what is wrong with it. Called by the console.
"""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from core.answering.masking import masked, remark
from core.domain.gaps import CARDS, Card, GapState
from core.domain.knowledge import Document, Look, PageNews, Progress, RefreshRun, Source, SourceKind
from core.domain.people import acting
from core.errors import InputError, NameTaken, UnknownCard
from core.knowledge.gathering.gather import document_hash
from core.knowledge.index.worker import Tell
from core.knowledge.refresh import Refresher
from core.storage.audit import Audit
from core.storage.cards import Cards
from core.storage.gaps import Gaps
from core.storage.ids import new_id, now
from core.storage.library import Library
from core.storage.sources import Sources
from core.storage.versions import Versions

LONGEST_QUESTION = 300
LONGEST_TEXT = 20_000

REVIEW_AFTER = timedelta(days=183)
"""When a card is to be looked at again, unless its author says otherwise."""

TRIGGER = "card"


class CardDesk:
    """The one desk at which cards are handed in."""

    def __init__(
        self,
        cards: Cards,
        gaps: Gaps,
        sources: Sources,
        library: Library,
        *,
        versions: Versions,
        refresher: Refresher,
        audit: Audit,
    ) -> None:
        self._cards = cards
        self._gaps = gaps
        self._sources = sources
        self._library = library
        self._versions = versions
        self._refresher = refresher
        self._audit = audit

    async def get(self, card_id: str) -> Card:
        """One card. Raises UnknownCard."""
        card = await self._cards.get(card_id)
        if card is None:
            raise UnknownCard("There is no such card. It may have been removed.")
        return card

    async def page(self, limit: int, after: tuple[date, str] | None = None) -> list[Card]:
        """Cards, those that are to be reviewed first, first; only those behind the date and id `after`."""
        return await self._cards.page(limit, after)

    async def of_gap(self, gap_id: str) -> list[Card]:
        """The cards that answer a gap, the latest first."""
        return await self._cards.of_gap(gap_id)

    async def write(self, question: str, text: str, review_on: date, gap_id: str = "") -> Card:
        """Stores a new card; `index` makes it found. Raises InputError, also when the gap has one for this question."""
        card = _checked(Card(new_id(), question, text, acting(), review_on, gap_id))
        for other in await self.of_gap(gap_id) if gap_id else ():
            if other.question == card.question:
                raise InputError(
                    f"{other.author or 'Somebody'} has written a card for this question already; nothing was saved. "
                    "Load the page again and change that one."
                )
        await self._record(card)
        await self._cards.add(card)
        await self._audit.note("card.write", card.id, after=_noted(card))
        return card

    async def change(self, seen: Card, question: str, text: str, review_on: date) -> Card:
        """Gives a card other words or another date; `index` makes them found.

        Raises InputError, also when it is no longer as it was `seen`, and UnknownCard.
        """
        before = await self.get(seen.id)
        if (before.question, before.text, before.review_on) != (seen.question, seen.text, seen.review_on):
            raise InputError(
                "Somebody changed this card while it was open here; nothing was saved. Copy what you wrote, load the "
                "page again and put it in."
            )
        card = _checked(replace(before, question=question, text=text, review_on=review_on))
        await self._record(card)
        await self._cards.change(card)
        await self._audit.note("card.change", card.id, before=_noted(before), after=_noted(card))
        return card

    async def remove(self, card_id: str) -> Card:
        """Forgets a card; `index` takes it out of what is found. Raises UnknownCard."""
        card = await self.get(card_id)
        news = PageNews(card.id, card.path, Look.GONE, reason="The card was removed.")
        await self._library.record(CARDS, [news], grace=timedelta(0))
        await self._cards.remove(card.id)
        await self._audit.note("card.remove", card.id, before=_noted(card))
        return card

    async def index(self, card: Card, tell: Tell) -> RefreshRun:
        """Makes the live index say what a card says, or nothing where it is gone; its gap is answered then.

        Tells how far that is. Raises RefreshFailed; the next refresh makes up for it.
        """
        await tell(Progress("indexing"))
        run = await self._refresher.bring_in(TRIGGER, [card.path], tell)
        if card.gap_id and await self.is_found(card):
            await self._gaps.decide(card.gap_id, GapState.ANSWERED, acting())
            await self._audit.note("gap.answered", card.gap_id, after={"card": card.id})
        return run

    async def is_found(self, card: Card) -> bool:
        """Whether the live index says what a card says now."""
        live = await self._versions.production()
        held = await self._versions.held(live.id) if live else {}
        return held.get(card.path) == _document(card).content_hash

    async def _record(self, card: Card) -> None:
        """Makes a card a page of the library; its source is made with the first one."""
        with suppress(NameTaken):
            await self._sources.add(Source(CARDS, SourceKind.CARDS))
        if (await self._sources.get(CARDS)).kind is not SourceKind.CARDS:
            raise InputError(f"A source of yours is called {CARDS!r}. Remove it, then save again; nothing was saved.")
        document = _document(card)
        news = PageNews(card.id, card.path, Look.FRESH, document, raw_hash=document.content_hash)
        await self._library.record(CARDS, [news], grace=timedelta(0))


def _document(card: Card) -> Document:
    document = Document(
        path=card.path,
        title=card.question,
        product="",
        address=card.address,
        reference="",
        text=f"# {card.question}\n\n{card.text}",
        content_hash="",
        source=CARDS,
    )
    return replace(document, content_hash=document_hash(document))


def _checked(card: Card) -> Card:
    """The card as it is stored. Raises InputError; what was typed is the caller's to keep."""
    question = " ".join(card.question.split())
    text = card.text.replace("\r\n", "\n").strip()
    if not question or not text:
        raise InputError(f"{'The answer' if question else 'The question'} is empty; nothing was saved. Write one.")
    for name, value, limit in (("question", question, LONGEST_QUESTION), ("answer", text, LONGEST_TEXT)):
        if len(value) > limit:
            raise InputError(f"The {name} has {len(value):,} characters, and {limit:,} fit; nothing was saved.")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\t" for sign in question + text):
        raise InputError("There is a control character in it; nothing was saved. Paste it as plain text.")
    if masked(question) != question or masked(text) != text:
        raise InputError(f"{_secrets(question, text)} stands in it; nothing was saved. Write a placeholder instead.")
    if card.review_on <= now().date():
        raise InputError("The day of the review has passed; nothing was saved. Choose a later one.")
    return replace(card, question=question, text=text)


def _secrets(question: str, text: str) -> str:
    found = remark(masked(f"{question}\n{text}")).partition("(")[2].partition(")")[0]
    return f"What looks like a secret ({found})"


def _noted(card: Card) -> Mapping[str, Any]:
    return {"question": card.question, "text": card.text, "review": card.review_on.isoformat()}
