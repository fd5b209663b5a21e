"""Knowledge cards: answers that people wrote by hand.

Comes in: cards that were checked. Goes out: cards. Called by `core.answering.cards`; that they can be found is the
library's and the index's matter.
"""

from datetime import date

from sqlalchemy import delete, select, update

from core.domain.gaps import Card
from core.storage.engine import Database
from core.storage.gap_models import CardRow, GapRow
from core.storage.ids import now


class Cards:
    """The repository of cards."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, card_id: str) -> Card | None:
        """One card."""
        async with self._database.read() as db:
            row = await db.get(CardRow, card_id)
            return _card(row) if row else None

    async def page(self, limit: int, after: tuple[date, str] | None = None) -> list[Card]:
        """Cards, those that are to be reviewed first, first; only those behind the date and id `after`."""
        query = select(CardRow).order_by(CardRow.review_on, CardRow.id).limit(limit)
        if after:
            when, card_id = after
            query = query.where((CardRow.review_on > when) | ((CardRow.review_on == when) & (CardRow.id > card_id)))
        async with self._database.read() as db:
            return [_card(row) for row in await db.scalars(query)]

    async def of_gap(self, gap_id: str) -> list[Card]:
        """The cards that answer a gap, the latest first."""
        query = select(CardRow).where(CardRow.gap_id == gap_id).order_by(CardRow.id.desc())
        async with self._database.read() as db:
            return [_card(row) for row in await db.scalars(query)]

    async def add(self, card: Card) -> None:
        """Stores a new card; its gap may be gone by now."""
        async with self._database.begin() as db:
            gap = await db.get(GapRow, card.gap_id) if card.gap_id else None
            db.add(
                CardRow(
                    id=card.id,
                    question=card.question,
                    text=card.text,
                    author=card.author,
                    review_on=card.review_on,
                    gap_id=gap.id if gap else None,
                )
            )

    async def change(self, card: Card) -> None:
        """Stores what a card says now, and when it is to be reviewed."""
        values = {"question": card.question, "text": card.text, "review_on": card.review_on, "changed_at": now()}
        async with self._database.begin() as db:
            await db.execute(update(CardRow).where(CardRow.id == card.id).values(**values))

    async def remove(self, card_id: str) -> None:
        """Forgets a card."""
        async with self._database.begin() as db:
            await db.execute(delete(CardRow).where(CardRow.id == card_id))


def _card(row: CardRow) -> Card:
    return Card(
        id=row.id,
        question=row.question,
        text=row.text,
        author=row.author,
        review_on=row.review_on,
        gap_id=row.gap_id or "",
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
