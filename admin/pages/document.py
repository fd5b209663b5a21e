"""One page of the knowledge base, as citations link to it: rendered, with an anchor at every heading."""

from nicegui import ui

from admin.components.prose import is_web_address, prose
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.knowledge import Document


def add_pages(services: Services) -> None:
    """Adds `/knowledge/{path}`."""

    @ui.page("/knowledge/{path:path}")
    async def document_page(path: str) -> None:
        document = await services.library.document(path)
        with frame(document.title if document else "No such page", "Knowledge"):
            ui.link("← All documents", "/knowledge").classes("back")
            if document is None:
                ui.context.client.status_code = 404
                empty("No such page", "It may have been moved or deleted since it was cited.")
                return
            _show(document)


def _show(document: Document) -> None:
    heading(document.title)
    with ui.element("div").classes("facts"):
        ui.label(document.product).classes("product")
        ui.label(document.path).classes("address")
        if document.reference and is_web_address(document.reference):
            ui.link("Reference ↗", document.reference, new_tab=True)
    prose(without_title(document), anchors=True).classes("document")


def without_title(document: Document) -> str:
    """The text without the heading that only repeats the title."""
    first, _, rest = document.text.lstrip().partition("\n")
    return rest if first.strip() == f"# {document.title}" else document.text
