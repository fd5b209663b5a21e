"""The button that removes everything of a person, after it said what that is.

Comes in: a platform, a person's id there, and what to do afterwards with the sentence on what went. Only owners may.
"""

from collections.abc import Awaitable, Callable

from nicegui import ui

from admin.components.confirm import confirm
from admin.components.moments import count
from admin.components.places import PLATFORMS
from admin.components.status import StatusLine
from admin.permissions import may, owning
from core.bootstrap import Services
from core.domain.history import Erased
from core.domain.people import Role
from core.errors import AssistantError


class ErasePerson:
    """Call `show` where the button is to stand."""

    def __init__(
        self,
        services: Services,
        platform: str,
        person: str,
        erased: Callable[[str], Awaitable[None]],
        status: StatusLine,
    ) -> None:
        self._services = services
        self._platform = platform
        self._person = person
        self._erased = erased
        self._status = status

    def show(self) -> None:
        """The button, to owners."""
        button = ui.button(f"Erase everything of {self._person}", icon="person_remove", on_click=self._erase)
        button.props("flat no-caps").classes("quiet").mark("erase-person").set_visibility(may(Role.OWNER))

    @owning
    async def _erase(self) -> None:
        try:
            held = await self._services.erasure.held(self._platform, self._person)
            on = PLATFORMS.get(self._platform, self._platform)
            sentences = [
                f"What {self._person} asked and clicked on {on} goes: {said(held)}.",
                "Sessions in which others asked too stay, without what this person asked and the answers to it.",
                "This cannot be undone. What stands in the channels themselves stays there.",
            ]
            if not await confirm("Erase everything of this person?", sentences, "Erase"):
                return
            gone = await self._services.erasure.erase(self._platform, self._person)
        except AssistantError as error:
            self._status.fail(error.said)
            return
        await self._erased(f"Erased of {self._person}: {said(gone)}.")


def said(erased: Erased) -> str:
    """How much that is."""
    parts = (
        (erased.sessions, "whole session"),
        (erased.messages, "message"),
        (erased.verdicts, "verdict"),
        (erased.escalations, "escalation"),
    )
    return ", ".join(count(number, noun) for number, noun in parts if number) or "nothing"
