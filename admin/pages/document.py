"""One page of the knowledge base, as citations link to it: rendered, with an anchor at every heading.

Another view shows its passages, or its original beside it.
"""

from urllib.parse import quote

from nicegui import ui

from admin.components.document_views import View, original_view, passages_view, text_view, view_links, view_of
from admin.components.loading import load
from admin.components.moments import moment
from admin.components.prose import is_web_address
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.knowledge import Document, Page, PageStatus


def add_pages(services: Services) -> None:
    """Adds `/knowledge/{path}`."""

    @ui.page("/knowledge/{path:path}")
    async def document_page(path: str, view: str = "") -> None:
        document = await services.library.document(path)
        with frame(document.title if document else "No such page", "Knowledge"):
            ui.link("← All documents", "/knowledge").classes("back")
            if document is None:
                ui.context.client.status_code = 404
                empty("No such page", "It may have been moved or deleted since it was cited.")
                return
            await load(_show(services, document, view_of(view)))


async def _show(services: Services, document: Document, view: View) -> None:
    pages = await services.library.pages(document.source)
    page = next((page for page in pages if page.path == document.path), None)
    _head(document, page)
    view_links(document, view)
    if view is View.PASSAGES:
        await passages_view(services, document)
    elif view is View.ORIGINAL:
        await original_view(services, document, page)
    else:
        text_view(document)


def _head(document: Document, page: Page | None) -> None:
    heading(document.title)
    with ui.element("div").classes("facts"):
        ui.label(document.product).classes("product")
        if document.source:
            ui.link(f"Source {document.source}", f"/sources/{quote(document.source)}")
        if document.language:
            ui.label(f"language {document.language}")
        if page and page.checked_at:
            ui.label(f"looked at {moment(page.checked_at)}")
        if document.reference and is_web_address(document.reference):
            ui.link("Reference ↗", document.reference, new_tab=True)
    if document.address.startswith(("http://", "https://")):
        ui.link(f"{document.address} ↗", document.address, new_tab=True).classes("address")
    else:
        ui.label(document.path).classes("address")
    if page and page.status is not PageStatus.LIVE:
        _trouble(page)


def _trouble(page: Page) -> None:
    with ui.element("div").classes("failed"):
        gone = page.status is PageStatus.GONE
        ui.label("Gone at its source" if gone else "Not read lately").classes("badge warn")
        ui.label(f"{page.reason} What is shown is the last copy.")
