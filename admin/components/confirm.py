"""Asks before something is done that others will notice.

Comes in: what will happen, in sentences, and the word for doing it. Goes out: whether to do it. Called by handlers that
are guarded: whoever lost the right to do it meanwhile is told so, and it is not done.
"""

from collections.abc import Sequence

from nicegui import ui

from admin.components.dialog import titled_dialog
from admin.permissions import still_may


async def confirm(title: str, sentences: Sequence[str], action: str) -> bool:
    """Opens a dialog and waits for the answer; closing it in any other way is a no."""
    with titled_dialog(title) as dialog:
        for sentence in sentences:
            ui.label(sentence)
        with ui.element("div").classes("dialog-foot"):
            ui.button("Cancel", on_click=lambda: dialog.submit(result=False)).props("flat no-caps").mark("decline")
            agree = ui.button(action, on_click=lambda: dialog.submit(result=True))
            agree.props("unelevated no-caps autofocus").mark("agree")
    agreed = await dialog
    if not dialog.is_deleted:
        dialog.delete()
    return bool(agreed) and await still_may()
