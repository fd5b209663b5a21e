"""The address that the browser shows: it says what is looked at, so that it can be shared and loaded again.

Comes in: an address as links have it, below the console's root. Called by pages when somebody chooses something.
"""

from nicegui import ui

from admin.guard import MOUNT


def show_address(address: str) -> None:
    """Puts an address into the browser's bar, in the place of the one there. Links add the root by themselves."""
    ui.navigate.history.replace(f"{MOUNT}{address}")
