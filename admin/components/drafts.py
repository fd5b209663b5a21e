"""Answers that wait for a decision: what was asked, what would be said, and the two decisions.

Comes in: services. Goes out: decisions, which the channel then carries out. Shown on the page of channels.
"""

from functools import partial

from nicegui import ui

from admin.components.moments import moment
from admin.components.places import place_name
from admin.components.prose import prose
from admin.components.status import StatusLine
from admin.permissions import editing, may
from admin.theme import section
from core.bootstrap import Services
from core.domain.channels import Draft
from core.domain.people import Role
from core.errors import AssistantError, UnknownTurn

LOOK_SECONDS = 5.0

DECIDED = "Somebody decided on this draft before."


class DraftList:
    """The drafts, kept up to date while somebody looks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._drafts: list[Draft] = []
        self._problems: list[str] = []

    async def show(self) -> None:
        """Builds all of it; nothing while no draft waits."""
        self._status = StatusLine()
        await self._listing()

    def watch(self) -> None:
        """Looks for news from now on. To be called last: a page opens once something on it waits for the browser."""
        ui.timer(LOOK_SECONDS, self._look)

    @editing
    async def decide(self, message_id: str, *, post: bool) -> None:
        """Has a draft posted, or discards it."""
        try:
            decided = await self._services.errands.decide(message_id, post=post)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            done = "It is posted where it was asked." if post else "It was discarded."
            self._status.succeed(done if decided else DECIDED)
        await self._listing.refresh()

    async def _look(self) -> None:
        drafts, problems = await self._services.aftercare.drafts(), await self._services.errands.problems()
        if (drafts, problems) != (self._drafts, self._problems):
            await self._listing.refresh()

    @ui.refreshable_method
    async def _listing(self) -> None:
        self._drafts = await self._services.aftercare.drafts()
        self._problems = await self._services.errands.problems()
        for problem in self._problems:
            ui.label(f"A draft could not be brought to its channel: {problem}").classes("reason problem")
        if not self._drafts:
            return
        with section("Drafts that wait for a decision"), ui.element("div").classes("rows"):
            for draft in self._drafts:
                await self._draft(draft)

    async def _draft(self, draft: Draft) -> None:
        try:
            told = await self._services.aftercare.told(draft.message_id)
        except UnknownTurn:  # deleted a moment ago
            return
        with ui.element("div").classes("entry"):
            ui.label(told.question.text).classes("row-title")
            with ui.element("div").classes("facts"):
                ui.label(place_name(told.question.session))
                if told.question.asked_at:
                    ui.label(moment(told.question.asked_at))
            prose(told.answer.text, {c.number: c.address for c in told.answer.citations})
            if may(Role.EDITOR):
                with ui.element("div").classes("actions"):
                    post = ui.button("Post", on_click=partial(self.decide, draft.message_id, post=True))
                    post.props("unelevated no-caps").classes("quiet").mark("post")
                    discard = ui.button("Discard", on_click=partial(self.decide, draft.message_id, post=False))
                    discard.props("flat no-caps").classes("quiet").mark("discard")
