"""What is shown instead of a page that does not exist, or that could not be built."""

from nicegui import app, ui

from admin.components.loading import broken
from admin.theme import empty, frame
from core.bootstrap import Services


def add_pages(_: Services) -> None:
    """Adds the page for all other addresses; it has to be the last one."""
    app.on_page_exception(broken_page)

    @ui.page("/{address:path}")
    def lost_page(address: str) -> None:
        with frame("No such page", ""):
            ui.context.client.status_code = 404
            empty("No such page", f"There is nothing at “{address}”. Choose a part of the console above.")


def broken_page(error: Exception) -> None:
    """Says what a person may know of an error; the rest is logged by NiceGUI."""
    with frame("This page cannot be shown", ""):
        broken(error)
