"""A session in the list: title, place, what stands out, and where the search found its words."""

from nicegui import ui

from admin.components.moments import count, dollars, moment
from admin.components.places import place_name
from core.domain.history import Listed, excerpt


def session_row(listed: Listed, search: str) -> None:
    """A row that opens the session."""
    session = listed.session
    with ui.link(target=f"/sessions/{session.id}").classes("row-link"):
        ui.label(session.title or "Untitled").classes("row-title")
        if listed.hit and " ".join(listed.hit.split()) != session.title:
            _excerpt(listed.hit, search)
        with ui.element("div").classes("facts"):
            ui.label(place_name(session.key))
            ui.label(count(session.messages, "message"))
            ui.label(moment(session.updated_at))
            if listed.cost:
                ui.label(dollars(listed.cost))
        _badges(listed)


def _badges(listed: Listed) -> None:
    badges = (
        (listed.failed, "failed", "bad"),
        (listed.uncovered, "not covered", "warn"),
        (listed.escalated, "asked for a human", "warn"),
        (listed.helpful, "helpful", "good"),
        (listed.unhelpful, "not helpful", "bad"),
    )
    if not any(number for number, _, _ in badges):
        return
    with ui.element("div").classes("badges"):
        for number, word, kind in badges:
            if number:
                ui.label(word if number == 1 else f"{number} {word}").classes(f"badge {kind}")


def _excerpt(text: str, search: str) -> None:
    with ui.element("div").classes("excerpt"):
        for piece, hit in excerpt(text, search):
            ui.label(piece).classes("hit" if hit else "")
