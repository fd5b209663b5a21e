"""Shows a secret that nobody can be told again: a password for the first login, a key.

Comes in: the secret and what it is for. Goes out: nothing; it is gone once the dialog is closed.
"""

from nicegui import ui

from admin.components.dialog import titled_dialog


async def show_once(title: str, secret: str, advice: str) -> None:
    """Opens the dialog and waits until it is closed by its button."""
    with titled_dialog(title, stays=True) as dialog:
        ui.label(secret).classes("secret").mark("secret")
        ui.label(advice)
        with ui.element("div").classes("dialog-foot"):
            copy = ui.button("Copy", icon="content_copy", on_click=lambda: ui.clipboard.write(secret))
            copy.props("outline no-caps").classes("quiet first")
            ui.button("I have kept it", on_click=dialog.close).props("unelevated no-caps autofocus").mark("kept")
    await dialog
    if not dialog.is_deleted:
        dialog.delete()
