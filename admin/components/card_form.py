"""The form in which an answer is written by hand, saved, and followed until it can be found.

Comes in: services, the card or the gap that it is for, and what to do once it is found. Goes out: a stored card. What
was typed stays in the fields whatever happens.
"""

from collections.abc import Awaitable, Callable
from datetime import date

from nicegui import ui

from admin.components.reindex import how_far
from admin.components.status import StatusLine
from admin.permissions import editing
from core.answering.cards import LONGEST_QUESTION, REVIEW_AFTER
from core.bootstrap import Services
from core.domain.gaps import Card, Gap
from core.domain.knowledge import Progress
from core.errors import AssistantError
from core.storage.ids import now

FOUND = "It is found now: answers cite it from here on."
WAITS = "It is saved, and found once the index takes it: see the page Knowledge."


class CardForm:
    """Question, answer and day of review. `saved` is told of the card once that is indexed."""

    def __init__(
        self,
        services: Services,
        saved: Callable[[Card], Awaitable[None]],
        *,
        card: Card | None = None,
        gap: Gap | None = None,
    ) -> None:
        self._services = services
        self._saved = saved
        self._card = card
        self._gap_id = card.gap_id if card else gap.id if gap else ""
        review = card.review_on if card else now().date() + REVIEW_AFTER
        asked = " ".join(gap.title.split())[:LONGEST_QUESTION] if gap else ""
        with ui.element("div").classes("form card-form"):
            self._question = ui.input("Question", value=card.question if card else asked)
            self._text = ui.textarea("Answer, in Markdown", value=card.text if card else "")
            self._text.props("autogrow input-style='min-height: 9rem'")
            self._review = ui.input("To be reviewed on", value=review.isoformat()).props("type=date")
            for field, name in ((self._question, "question"), (self._text, "text"), (self._review, "review")):
                field.props("outlined stack-label").classes("field").mark(f"card-{name}")
        self._status = StatusLine()
        self._button = ui.button("Save", on_click=self.save).props("unelevated no-caps").mark("save-card")
        self._button.classes("first-action")

    @editing
    async def save(self) -> None:
        """Stores the card and has it indexed; a second time, changes it."""
        self._button.disable()
        try:
            cards, typed = self._services.cards, self._typed()
            if self._card is None:
                self._card = await cards.write(*typed, self._gap_id)
            else:
                self._card = await cards.change(self._card, *typed)
            run = await cards.index(self._card, self._tell)
            if await cards.is_found(self._card):
                self._status.succeed(FOUND)
            else:
                self._status.say(" ".join(filter(None, [WAITS, run.reason])))
            await self._saved(self._card)
        except AssistantError as error:
            self._status.fail(error.said)
        finally:
            self._button.enable()

    def _typed(self) -> tuple[str, str, date]:
        """Question, answer and the day of the review."""
        return str(self._question.value or ""), str(self._text.value or ""), _day(str(self._review.value or ""))

    async def _tell(self, progress: Progress) -> None:
        self._status.say(how_far(progress))


def _day(typed: str) -> date:
    """The day that was chosen; one that is none counts as passed, which the desk refuses in words."""
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return date.min
