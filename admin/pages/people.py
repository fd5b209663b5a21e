"""Who may log in to the console and which programs may use the service. For owners alone."""

from nicegui import ui

from admin.components.api_keys import KeyList
from admin.components.loading import load
from admin.components.persons import PersonList
from admin.permissions import may
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.people import Role

EVERY = 10.0
"""Seconds between two looks for what others changed."""


def add_pages(services: Services) -> None:
    """Adds `/people`."""

    @ui.page("/people")
    async def people_page() -> None:
        with frame("People and keys", "People"):
            heading("People and keys", "Who may log in here, and which programs may use the service.")
            if refused():
                return
            ui.link("What was changed, and by whom", "/people/changes").classes("back")
            await load(_all(services))


async def _all(services: Services) -> None:
    people, keys = PersonList(services), KeyList(services.keys)
    await people.show()
    await keys.show()
    ui.timer(EVERY, people.refresh_if_changed, immediate=False)
    ui.timer(EVERY, keys.refresh_if_changed, immediate=False)


def refused() -> bool:
    """Whether the person may not see this page; they are told so."""
    if may(Role.OWNER):
        return False
    ui.context.client.status_code = 403
    empty("For owners", "People, keys and the record of changes are shown to owners of this console alone.")
    return True
