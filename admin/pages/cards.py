"""Answers that people wrote by hand: the list, those due for review first, and each with its page, which is cited."""

from datetime import date
from urllib.parse import urlencode

from nicegui import ui

from admin.addresses import show_address
from admin.components.card_form import CardForm
from admin.components.confirm import confirm
from admin.components.loading import load
from admin.components.moments import moment
from admin.components.prose import prose
from admin.components.status import StatusLine
from admin.permissions import editing, may
from admin.theme import empty, frame, heading, section
from core.bootstrap import Services
from core.domain.gaps import Card
from core.domain.people import Role
from core.errors import AssistantError, UnknownCard
from core.storage.ids import now

PAGE = 25
"""Cards shown at once."""


def add_pages(services: Services) -> None:
    """Adds `/cards`, `/cards/new` and `/cards/{id}`."""

    @ui.page("/cards")
    async def cards_page(after: str = "", id: str = "") -> None:  # noqa: A002 - as it stands in the address
        with frame("Cards", "Cards"):
            ui.link("← Gaps", "/gaps").classes("back")
            heading("Cards", "Answers that were written by hand. What is due to be looked at again comes first.")
            ui.link("Write a card", "/cards/new").classes("back")
            await load(_list(services, _place(after, id)))

    @ui.page("/cards/new")
    async def new_page() -> None:
        with frame("A new card", "Cards"):
            ui.link("← All cards", "/cards").classes("back")
            heading("A new card", "It is indexed at once and then cited like a page.")

            async def saved(card: Card) -> None:
                show_address(f"/cards/{card.id}")

            CardForm(services, saved)

    @ui.page("/cards/{card_id}")
    async def card_page(card_id: str) -> None:
        with frame("Card", "Cards"):
            ui.link("← All cards", "/cards").classes("back")
            try:
                card = await services.cards.get(card_id)
            except UnknownCard:
                ui.context.client.status_code = 404
                empty("No such card", "It may have been removed since it was cited.")
                return
            ui.page_title(f"{card.question} · MLOps Assistant")
            await load(CardView(services, card).show())


class CardView:
    """One card as it is cited, and below it what can be done to it."""

    def __init__(self, services: Services, card: Card) -> None:
        self._services = services
        self._card = card

    async def show(self) -> None:
        """Builds all of it."""
        await self._shown()
        if may(Role.EDITOR):
            with section("Change it"):
                CardForm(self._services, self._changed, card=self._card)
                self._status = StatusLine()
                remove = ui.button("Remove", icon="delete", on_click=self.remove).classes("quiet first-action")
                remove.props("flat no-caps").mark("remove-card")

    @editing
    async def remove(self) -> None:
        """Removes the card, once that was confirmed."""
        sentences = ["It leaves the index at once and is not cited any more.", "Answers that cited it keep its words."]
        if not await confirm("Remove this card?", sentences, "Remove"):
            return
        try:
            await self._services.cards.remove(self._card.id)
            await self._services.cards.index(self._card, _quietly)
        except AssistantError as error:
            self._status.fail(error.said)
            return
        ui.navigate.to("/cards")

    async def _changed(self, card: Card) -> None:
        self._card = card
        await self._shown.refresh()

    @ui.refreshable_method
    async def _shown(self) -> None:
        card = self._card
        heading(card.question)
        with ui.element("div").classes("facts"):
            ui.label(f"written by {card.author}")
            if card.changed_at:
                ui.label(moment(card.changed_at))
            ui.label(review_said(card))
            if card.gap_id:
                ui.link("The gap that it answers", f"/gaps/{card.gap_id}")
        if not await self._services.cards.is_found(card):
            ui.label("Not in the live index").classes("badge warn")
        prose(card.text, anchors=True).classes("document")


async def _quietly(_: object) -> None:
    """Tells nobody how far it is: the page is left at the end."""


def review_said(card: Card) -> str:
    """When a card is to be looked at again."""
    due = card.review_on <= now().date()
    return f"{'due for review since' if due else 'to be reviewed on'} {card.review_on:%d %b %Y}"


async def _list(services: Services, after: tuple[date, str] | None) -> None:
    found = await services.cards.page(PAGE + 1, after)
    cards = found[:PAGE]
    if not cards:
        empty("No card", "Open a gap and press “Write the answer”, or write a card of your own.")
        return
    with ui.element("div").classes("rows"):
        for card in cards:
            with ui.link(target=f"/cards/{card.id}").classes("row-link"):
                ui.label(card.question).classes("row-title")
                with ui.element("div").classes("facts"):
                    ui.label(review_said(card))
                    ui.label(f"by {card.author}")
    if len(found) > PAGE:
        last = cards[-1]
        query = urlencode({"after": last.review_on.isoformat(), "id": last.id})
        ui.link("Further cards →", f"/cards?{query}").classes("more")


def _place(after: str, card_id: str) -> tuple[date, str] | None:
    try:
        return (date.fromisoformat(after), card_id) if after else None
    except ValueError:
        return None
