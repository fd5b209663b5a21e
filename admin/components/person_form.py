"""The form that adds a person.

Comes in: services. Goes out: the person, and the password for the first login; or nothing.
"""

from typing import Any

from nicegui import ui

from admin.components.dialog import titled_dialog
from admin.components.status import StatusLine
from admin.permissions import owning
from core.bootstrap import Services
from core.domain.people import Role, User
from core.errors import AssistantError

ROLES: dict[Any, str] = {Role.VIEWER: "Viewer", Role.EDITOR: "Editor", Role.OWNER: "Owner"}


class PersonForm:
    """A dialog. An e-mail address can be given where there is an identity provider."""

    def __init__(self, services: Services) -> None:
        self._people = services.people
        with titled_dialog("Add a person", form=True) as self._dialog:
            with ui.element("div").classes("pair"):
                self._name = ui.input("Name", placeholder="what they log in with").classes("field").mark("person-name")
                self._name.props("outlined stack-label maxlength=64 autocapitalize=none")
                self._role = ui.select(ROLES, label="Role", value=Role.VIEWER).classes("field").mark("person-role")
                self._role.props("outlined stack-label options-dense")
            self._email = ui.input("E-mail at the identity provider").classes("field").mark("person-email")
            self._email.props("outlined stack-label maxlength=254 type=email")
            self._email.set_visibility(services.settings.oidc_issuer is not None)
            ui.label("Without an e-mail address they get a password for the first login.").classes("muted small")
            self._status = StatusLine()
            with ui.element("div").classes("dialog-foot"):
                ui.button("Cancel", on_click=self._dialog.close).props("flat no-caps")
                ui.button("Add", on_click=self.save).props("unelevated no-caps").mark("save-person")

    async def open(self) -> tuple[User, str] | None:
        """Shows the form until it is saved or left."""
        added: tuple[User, str] | None = await self._dialog
        if not self._dialog.is_deleted:
            self._dialog.delete()
        return added

    @owning
    async def save(self) -> None:
        """Stores the person and closes the form, or says what is wrong."""
        try:
            added = await self._people.add(
                self._name.value or "", Role(self._role.value), email=self._email.value or ""
            )
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._dialog.submit(added)
