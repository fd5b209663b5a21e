"""The people who may log in: what each may do, and the ways to change it.

Comes in: services. Goes out: what was done, or why it was not, said above the list. For owners alone.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from nicegui import events, ui

from admin.components.confirm import confirm
from admin.components.moments import moment
from admin.components.once import show_once
from admin.components.person_form import ROLES, PersonForm
from admin.components.status import StatusLine
from admin.permissions import owning
from admin.theme import section
from core.bootstrap import Services
from core.domain.people import Role, User
from core.errors import AssistantError

FIRST_LOGIN = "It is for the first login: another one has to be chosen then. It is not shown again."


class PersonList:
    """Call `show` once in the page."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._people = services.people
        self._shown: list[User] = []

    async def show(self) -> None:
        """Builds all of it."""
        with section("People"):
            with ui.element("div").classes("section-foot"):
                ui.label("Viewers look and ask, editors change what is known and how it is answered.").classes("muted")
                ui.button("Add a person", icon="person_add", on_click=self.add).props("outline no-caps").mark("add")
            self._status = StatusLine()
            await self._listing()

    async def refresh_if_changed(self) -> None:
        """Shows people as they are now."""
        if await self._people.all() != self._shown and not self._status.gone:
            await self._listing.refresh()

    @ui.refreshable_method
    async def _listing(self) -> None:
        self._shown = await self._people.all()
        with ui.element("div").classes("rows"):
            for user in self._shown:
                self._person(user)

    def _person(self, user: User) -> None:
        with ui.element("div").classes("entry source-entry"):
            with ui.element("div").classes("source-text"):
                with ui.element("div").classes("source-name"):
                    ui.label(user.name).classes("row-title")
                    ui.label(user.role.value).classes("badge")
                    if user.disabled_at:
                        ui.label("disabled").classes("badge bad")
                    if user.temporary:
                        ui.label("has not chosen a password").classes("badge warn")
                with ui.element("div").classes("facts"):
                    ui.label(_way_in(user))
                    ui.label(f"last seen {moment(user.seen_at)}" if user.seen_at else "not seen yet")
            with ui.element("div").classes("actions"):
                self._actions(user)

    def _actions(self, user: User) -> None:
        if not user.built_in:
            role = ui.select(ROLES, value=user.role, on_change=partial(self.give_role, user))
            role.props('outlined dense options-dense aria-label="Role"').classes("role").mark(f"role-{user.name}")
            if user.by_password:
                _button("key", "Reset the password of", user, self.reset_password)
        _button("logout", "Log out everywhere", user, self.end_sessions)
        if user.disabled_at:
            _button("person", "Let in again", user, self.enable)
        else:
            _button("person_off", "Disable", user, self.disable)

    @owning
    async def add(self) -> None:
        """Asks for somebody new, and shows the password for the first login."""
        added = await PersonForm(self._services).open()
        if added is None:
            return
        user, password = added
        self._status.succeed(f"“{user.name}” was added.")
        await self._listing.refresh()
        if password:
            await show_once(f"Password of “{user.name}”", password, FIRST_LOGIN)

    @owning
    async def give_role(self, user: User, event: events.ValueChangeEventArguments[Any]) -> None:
        """Gives somebody the role that was chosen."""
        role = Role(event.value)
        await self._do(self._people.give_role(user.id, role), f"“{user.name}” is {role} from now on.")

    @owning
    async def reset_password(self, user: User) -> None:
        """Makes up another password for somebody, and shows it."""
        said = ["They are logged out everywhere and need the new password, which you are shown once."]
        if not await confirm(f"Reset the password of “{user.name}”?", said, "Reset"):
            return
        try:
            password = await self._people.reset_password(user.id)
        except AssistantError as error:
            self._status.fail(error.said)
            return
        await show_once(f"Password of “{user.name}”", password, FIRST_LOGIN)
        await self._listing.refresh()  # last, since it takes the button away that this was asked with

    @owning
    async def end_sessions(self, user: User) -> None:
        """Ends every session of somebody."""
        said = ["Every browser in which they are logged in has to log in again."]
        if await confirm(f"Log “{user.name}” out everywhere?", said, "Log out"):
            await self._do(self._people.end_sessions(user.id), f"“{user.name}” was logged out everywhere.")

    @owning
    async def disable(self, user: User) -> None:
        """Sends somebody away."""
        said = ["They are logged out at once and cannot log in. What they did stays on record."]
        if await confirm(f"Disable “{user.name}”?", said, "Disable"):
            await self._do(self._people.disable(user.id), f"“{user.name}” was disabled.")

    @owning
    async def enable(self, user: User) -> None:
        """Lets somebody in again."""
        await self._do(self._people.enable(user.id), f"“{user.name}” may log in again.")

    async def _do(self, deed: Awaitable[None], done: str) -> None:
        """Does it, and says how it went."""
        try:
            await deed
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed(done)
        if not self._status.gone:
            await self._listing.refresh()


def _way_in(user: User) -> str:
    if user.built_in:
        return "built in; logs in with the console's password"
    if user.subject:
        return f"by the identity provider{f' as {user.email}' if user.email else ''}"
    return f"expected from the identity provider as {user.email}" if user.email else "by password"


def _button(icon: str, what: str, user: User, do: Callable[[User], Awaitable[None]]) -> None:
    button = ui.button(icon=icon, on_click=partial(do, user)).classes("quiet").mark(f"{icon}-{user.name}")
    button.props["aria-label"] = f"{what}: {user.name}"
    button.props["title"] = what
    button.props("flat round")
