"""What belongs to the person who looks: their password, and the browsers in which they are logged in."""

from nicegui import ui

from admin.components.confirm import confirm
from admin.components.status import StatusLine
from admin.guard import LOGIN, MOUNT
from admin.login import CHANGED, CHANGED_MARK
from admin.permissions import asking, person
from admin.theme import frame, heading, section
from core.bootstrap import Services
from core.domain.people import User
from core.errors import AssistantError
from core.operations.passwords import SHORTEST
from core.operations.people import People


def add_pages(services: Services) -> None:
    """Adds `/account`."""

    @ui.page("/account")
    async def account_page() -> None:
        who = person()
        user = await services.people.find(who.id) if who else None
        if user is None:
            return
        with frame("Your account", ""):
            heading(user.name, f"You are {user.role} of this console.")
            if user.temporary:
                ui.label("Choose a password of your own first; then the console opens.").classes("pending")
            Account(services.people, user).show()


class Account:
    """Password and sessions of one person."""

    def __init__(self, people: People, user: User) -> None:
        self._people = people
        self._user = user

    def show(self) -> None:
        """Builds all of it."""
        with section("Password"):
            if self._user.built_in:
                ui.label("It is the console's: set ADMIN_PASSWORD and start again.").classes("muted")
            elif self._user.by_password:
                self._form()
            else:
                ui.label("You log in by the identity provider; your password is there.").classes("muted")
        with section("Sessions"):
            ui.label("A session ends after 7 days, or after 12 hours in which nothing is done.").classes("muted")
            leave = ui.button("Log out everywhere", icon="logout", on_click=self.end_sessions)
            leave.props("outline no-caps").classes("alone").mark("everywhere")

    def _form(self) -> None:
        with ui.element("div").classes("form-column"):
            self._old = _secret("Password of now", "current-password")
            self._new = _secret(f"New password, {SHORTEST} characters or more", "new-password")
            self._again = _secret("New password once more", "new-password")
            self._status = StatusLine()
            ui.button("Change it", on_click=self.change).props("unelevated no-caps").classes("alone").mark("change")

    @asking
    async def change(self) -> None:
        """Stores the new password; every session ends, this one too."""
        new = self._new.value or ""
        if new != (self._again.value or ""):
            self._status.fail("The new password was not typed twice alike; the old one was kept.")
            return
        try:
            await self._people.change_password(self._user.id, self._old.value or "", new)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed(CHANGED)
            _to_login(f"?{CHANGED_MARK}")

    @asking
    async def end_sessions(self) -> None:
        """Ends every session of the person, this one too."""
        if await confirm("Log out everywhere?", ["Every browser has to log in again, this one too."], "Log out"):
            await self._people.end_sessions(self._user.id)
            _to_login()


def _secret(label: str, purpose: str) -> ui.input:
    field = ui.input(label, password=True).classes("field").mark(purpose)
    return field.props(f"outlined stack-label autocomplete={purpose}")


def _to_login(query: str = "") -> None:
    ui.navigate.to(LOGIN.removeprefix(MOUNT) + query)
