"""The ways to look at a document: as it was read, cut into passages, and beside its original.

Comes in: the document and what is known of its page. Goes out: one of the views. Called by the document's page.
"""

from enum import StrEnum
from urllib.parse import quote

from nicegui import ui

from admin.components.moments import count
from admin.components.prose import prose
from admin.components.stock import size
from admin.theme import empty
from core.bootstrap import Services
from core.domain.knowledge import Document, Page, Passage
from core.errors import AssistantError
from core.knowledge.gathering.original import Original


class View(StrEnum):
    """As it stands in the address."""

    TEXT = "text"
    PASSAGES = "passages"
    ORIGINAL = "original"


WORDS = {View.TEXT: "Text", View.PASSAGES: "Passages", View.ORIGINAL: "Beside the original"}


def view_of(name: str) -> View:
    """The view of that name; the text for a name that there is not."""
    return View(name) if name in set(View) else View.TEXT


def view_links(document: Document, chosen: View) -> None:
    """Links to all views."""
    with ui.element("nav").classes("tabs").props('aria-label="Views of this page"'):
        for view, words in WORDS.items():
            link = ui.link(words, f"/knowledge/{quote(document.path)}?view={view}")
            if view is chosen:
                link.props("aria-current=page")


def text_view(document: Document) -> None:
    """What answers are made of."""
    prose(without_title(document), anchors=True).classes("document")


async def passages_view(services: Services, document: Document) -> None:
    """The pieces that can be found, in reading order."""
    try:
        passages = await services.retriever.passages_of(document.path)
    except AssistantError as error:
        ui.label(error.said).classes("problem")
        return
    if not passages:
        empty("Not indexed", "Re-index: only pages of the live version have passages.")
        return
    ui.label(f"{count(len(passages), 'passage')} in the live index.").classes("muted")
    with ui.element("div").classes("rows"):
        for number, passage in enumerate(passages, 1):
            _passage(number, passage)


async def original_view(services: Services, document: Document, page: Page | None) -> None:
    """What was read, and what its source gives now, side by side where there is room."""
    with ui.element("div").classes("beside"):
        with ui.element("div").classes("side"):
            ui.label("As it was read").classes("overline")
            text_view(document)
        with ui.element("div").classes("side") as side:
            ui.label("At its source").classes("overline")
            waiting = ui.label("Fetching …").classes("muted").props("role=status")
    if page is None:
        waiting.set_text("Its source does not list it any more.")
        return

    async def fetch() -> None:
        try:
            original = await services.curator.original(document.source, page)
        except AssistantError as error:
            waiting.set_text(error.said)
            return
        if not waiting.is_deleted:
            waiting.delete()
            with side:
                _original(original)

    ui.timer(0, fetch, once=True)


def _passage(number: int, passage: Passage) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("facts"):
            ui.label(f"{number}")
            ui.label(" — ".join(passage.heading_path) or passage.title)
            ui.label(passage.id[:12]).classes("address")
        ui.label(passage.text).classes("verbatim")


def _original(original: Original) -> None:
    ui.label(size(original.size)).classes("muted small")
    if not original.text:
        ui.label("This kind of file cannot be shown here; open it at its source.").classes("muted")
    elif original.html:
        shown = ui.element("iframe").classes("original").props('title="The page at its source"').mark("original")
        # In a sandbox that allows nothing no script runs, and this site's policy loads nothing.
        shown.props.update(sandbox="", srcdoc=original.text)
    else:
        ui.label(original.text).classes("verbatim result").props("tabindex=0")


def without_title(document: Document) -> str:
    """The text without the heading that only repeats the title."""
    first, _, rest = document.text.lstrip().partition("\n")
    return rest if first.strip() == f"# {document.title}" else document.text
