"""The keys with which programs use the HTTP service: made, shown once, revoked.

Comes in: services. Goes out: what was done, said above the list. For owners alone.
"""

from functools import partial
from typing import Any

from nicegui import ui

from admin.components.confirm import confirm
from admin.components.dialog import titled_dialog
from admin.components.moments import moment
from admin.components.once import show_once
from admin.components.status import StatusLine
from admin.permissions import owning
from admin.theme import empty, section
from core.domain.people import ApiKey, KeyScope
from core.errors import AssistantError
from core.operations.keys import Keys
from core.storage.ids import now

SCOPES = {
    KeyScope.ASK: "ask: questions to the agent and the crew",
    KeyScope.READ: "read: conversations, search, sources, index",
    KeyScope.MANAGE: "manage: change sources and index, delete conversations",
    KeyScope.METRICS: "metrics: figures for a Prometheus",
}

DAYS: dict[Any, str] = {30: "30 days", 90: "90 days", 365: "a year", 0: "until it is revoked"}

KEPT = "Send it as `Authorization: Bearer …`. Only its hash is stored: it is not shown again."


class KeyList:
    """Call `show` once in the page."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._shown: list[ApiKey] = []

    async def show(self) -> None:
        """Builds all of it."""
        with section("Keys"):
            with ui.element("div").classes("section-foot"):
                ui.label("For programs that use the HTTP service.").classes("muted")
                ui.button("Make a key", icon="add", on_click=self.make).props("outline no-caps").mark("make")
            self._status = StatusLine()
            await self._listing()

    async def refresh_if_changed(self) -> None:
        """Shows the keys as they are now."""
        if await self._keys.all() != self._shown and not self._status.gone:
            await self._listing.refresh()

    @ui.refreshable_method
    async def _listing(self) -> None:
        self._shown = await self._keys.all()
        if not self._shown:
            empty("No key yet", "Make one for each program, so that it can be revoked alone.")
            return
        with ui.element("div").classes("rows"):
            for key in self._shown:
                self._key(key)

    def _key(self, key: ApiKey) -> None:
        with ui.element("div").classes("entry source-entry"):
            with ui.element("div").classes("source-text"):
                with ui.element("div").classes("source-name"):
                    ui.label(key.name).classes("row-title")
                    for scope in sorted(key.scopes):
                        ui.label(scope.value).classes("badge")
                    if not key.valid(now()):
                        ui.label("revoked" if key.revoked_at else "expired").classes("badge bad")
                with ui.element("div").classes("facts"):
                    ui.label(f"{key.prefix}…").classes("address")
                    ui.label(f"made {moment(key.created_at)}")
                    ui.label(f"ends {moment(key.expires_at)}" if key.expires_at else "does not expire")
                    ui.label(f"last used {moment(key.used_at)}" if key.used_at else "not used yet")
            if key.revoked_at is None:
                with ui.element("div").classes("actions"):
                    revoke = ui.button("Revoke", on_click=partial(self.revoke, key)).props("outline no-caps")
                    revoke.classes("quiet").mark(f"revoke-{key.name}").props["aria-label"] = f"Revoke {key.name}"

    @owning
    async def make(self) -> None:
        """Asks for a new key, and shows it."""
        made: tuple[ApiKey, str] | None = await KeyForm(self._keys).open()
        if made:
            self._status.succeed(f"The key “{made[0].name}” was made.")
            await self._listing.refresh()
            await show_once(f"The key “{made[0].name}”", made[1], KEPT)

    @owning
    async def revoke(self, key: ApiKey) -> None:
        """Ends a key."""
        if not await confirm(
            f"Revoke “{key.name}”?", ["Programs that use it are refused at once, for good."], "Revoke"
        ):
            return
        try:
            await self._keys.revoke(key.id)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed(f"The key “{key.name}” was revoked.")
        await self._listing.refresh()


class KeyForm:
    """A dialog that makes a key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        with titled_dialog("Make a key", form=True) as self._dialog:
            with ui.element("div").classes("pair"):
                self._name = ui.input("Name", placeholder="the program that uses it").classes("field").mark("key-name")
                self._name.props("outlined stack-label maxlength=64")
                self._days = ui.select(DAYS, label="It is taken for", value=90).classes("field").mark("key-days")
                self._days.props("outlined stack-label options-dense")
            self._scopes = {
                scope: ui.checkbox(words, value=scope is KeyScope.ASK).props("dense").mark(f"scope-{scope}")
                for scope, words in SCOPES.items()
            }
            self._status = StatusLine()
            with ui.element("div").classes("dialog-foot"):
                ui.button("Cancel", on_click=self._dialog.close).props("flat no-caps")
                ui.button("Make", on_click=self.save).props("unelevated no-caps").mark("save-key")

    async def open(self) -> tuple[ApiKey, str] | None:
        """Shows the form until the key is made or the form is left."""
        made: tuple[ApiKey, str] | None = await self._dialog
        if not self._dialog.is_deleted:
            self._dialog.delete()
        return made

    @owning
    async def save(self) -> None:
        """Makes the key and closes the form, or says what is wrong."""
        scopes = [scope for scope, box in self._scopes.items() if box.value]
        try:
            made = await self._keys.make(self._name.value or "", scopes, int(self._days.value) or None)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._dialog.submit(made)
