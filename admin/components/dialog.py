"""A dialog with a title, which is its name for those who hear it.

Comes in: the title, and what closes it. Goes out: the dialog; what is built in the block stands in it.
"""

from collections.abc import Generator
from contextlib import contextmanager

from nicegui import ui


@contextmanager
def titled_dialog(title: str, *, form: bool = False, stays: bool = False) -> Generator[ui.dialog]:
    """A dialog to be opened; `form` for one with fields, and one that `stays` is closed by its buttons alone."""
    behaviour = "persistent" if stays else "no-backdrop-dismiss" if form else ""
    with ui.dialog().props(behaviour) as dialog, ui.element("div").classes("dialog form" if form else "dialog"):
        dialog.props["aria-label"] = title
        ui.label(title).classes("section-title").props("role=heading aria-level=2")
        yield dialog
