"""The numbered sources of an answer.

Comes in: citations, whose addresses may be absolute. Goes out: a list with title, heading, score and quote.
Addresses of this console become paths, so that they work under whatever name the console was opened.
"""

from collections.abc import Sequence

from nicegui import ui

from admin.components.prose import is_web_address
from admin.guard import MOUNT
from core.domain.conversation import Answer, Citation


def source_links(citations: Sequence[Citation], origin: str) -> dict[int, str]:
    """Where each [n] leads; `origin` is the address of this service."""
    return {citation.number: local_address(citation.address, origin) for citation in citations}


def local_address(address: str, origin: str) -> str:
    """An address without the part that is this service."""
    return address.removeprefix(origin) if address.startswith(f"{origin}/") else address


def sources_list(answer: Answer, origin: str) -> None:
    """The sources of an answer; nothing when it has none."""
    if not answer.citations:
        return
    with ui.element("section").classes("sources"):
        ui.label("Sources" if answer.covered else "Nearest pages").classes("overline")
        with ui.element("ol"):
            for citation in answer.citations:
                _source(citation, local_address(citation.address, origin))


def _source(citation: Citation, address: str) -> None:
    with ui.element("li"):
        ui.label(str(citation.number)).classes("number")
        with ui.element("div").classes("source"):
            with ui.element("div").classes("source-head"):
                _title(citation, address)
                ui.label(f"{citation.score:.2f}").classes("score").props(
                    'title="How likely it is, 0 to 1, that this passage is about the question"'
                )
            if citation.quote:
                ui.label(" ".join(citation.quote.split())).classes("quote")


def _title(citation: Citation, address: str) -> None:
    if not is_web_address(address):
        ui.label(citation.label)
    elif address.startswith(f"{MOUNT}/"):
        ui.link(citation.label, address.removeprefix(MOUNT))
    else:
        ui.link(citation.label, address, new_tab=True)
