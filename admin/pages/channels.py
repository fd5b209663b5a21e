"""How the assistant behaves in each channel of Slack and Discord: the defaults of a workspace, and what differs."""

from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from admin.components.drafts import DraftList
from admin.components.loading import load
from admin.components.status import StatusLine
from admin.permissions import editing, may
from admin.theme import empty, frame, heading, section
from core.answering.presence import CHAT_PLATFORMS, NAMES, shown
from core.bootstrap import Services
from core.domain.channels import Address, Speaks
from core.domain.conversation import Mode
from core.domain.people import Role, acting
from core.errors import AssistantError

EXPLAINED = {
    "speaks": "When it speaks: off, mention, threads (also in its threads), auto (also unasked, when sure), shadow",
    "mode": "Who answers: agent or crew",
    "sources": "Sources that it may use, by name, with commas between",
    "language": "Language of answers; empty for that of the question",
    "tone": "Tone, in a few words",
    "askers": "People who may ask, by id; empty for everybody",
    "bots": "Bots that are answered, by id",
    "sure": "How sure it must be to speak unasked, from 0 to 1",
    "maintainers": "Channel that drafts go to, by id",
    "helpers": "Group or person that “Need a human” calls, by id",
    "delete_answers": "Whether an answer goes when its question is deleted: yes or no",
}
CHOICES = {"speaks": [*Speaks], "mode": [*Mode], "delete_answers": ["yes", "no"]}


def add_pages(services: Services) -> None:
    """Adds `/channels`, and one address for each channel."""

    @ui.page("/channels")
    async def channels_page() -> None:
        with frame("Channels", "Channels"):
            heading("Channels", "What holds in each channel; what is not set there is as in its workspace.")
            await load(_all(services))

    @ui.page("/channels/settings")
    async def settings_page(platform: str = "", workspace: str = "", channel: str = "") -> None:
        address = Address(platform, workspace, channel)
        if platform not in CHAT_PLATFORMS or not workspace:
            with frame("Channels", "Channels"):
                ui.link("← All channels", "/channels").classes("back")
                ui.context.client.status_code = 404
                empty("No such channel", "Choose one in the list of all channels.")
            return
        with frame(_name(address), "Channels"):
            ui.link("← All channels", "/channels").classes("back")
            heading(_name(address), f"{platform.capitalize()}, workspace {workspace}")
            await load(SettingsForm(services, address).show())


async def _all(services: Services) -> None:
    drafts = DraftList(services)
    await drafts.show()
    places = await services.presence.places()
    if not places:
        empty("No channels yet", "They appear here once somebody has asked something in Slack or Discord.")
    with ui.element("div").classes("rows"):
        for place in places:
            await _place(services, place)
    drafts.watch()


async def _place(services: Services, address: Address) -> None:
    settings = shown(await services.presence.settings(address))
    own = await services.presence.own(address)
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            query = urlencode(
                {"platform": address.platform, "workspace": address.workspace, "channel": address.channel}
            )
            ui.link(_name(address), f"/channels/settings?{query}").classes("row-title")
            ui.label(settings["speaks"]).classes("badge")
        with ui.element("div").classes("facts"):
            ui.label(f"{address.platform.capitalize()} · {address.workspace}")
            ui.label(settings["mode"])
            if own:
                ui.label(f"{len(own)} set here")


def _name(address: Address) -> str:
    return f"Channel {address.channel}" if address.channel else "All channels of the workspace"


class SettingsForm:
    """The settings of one channel, or the defaults of its workspace."""

    def __init__(self, services: Services, address: Address) -> None:
        self._presence = services.presence
        self._address = address
        self._fields: dict[str, Any] = {}
        self._own: dict[str, str] = {}

    async def show(self) -> None:
        """Shows a field for each setting, with what holds while it is empty."""
        self._own = await self._presence.own(self._address)
        holding = shown(await self._presence.settings(self._address))
        section("Settings")
        with ui.element("div").classes("settings"):
            for name in NAMES:
                self._field(name, holding[name])
        self._status = StatusLine()
        if may(Role.EDITOR):
            ui.button("Save", on_click=self.save).props("unelevated no-caps").classes("alone").mark("save")

    @editing
    async def save(self) -> None:
        """Stores what was changed, field by field; what cannot be is told, and the rest is kept."""
        changed, refused = list[str](), list[str]()
        for name, field in self._fields.items():
            value = str(field.value or "").strip()
            if value == self._own.get(name, ""):
                continue
            try:
                await self._presence.change(self._address, name, value or None, acting())
                changed.append(name)
            except AssistantError as error:
                refused.append(error.said)
        self._own = await self._presence.own(self._address)
        if refused:
            self._status.fail(" ".join(refused))
        else:
            self._status.succeed(f"Saved: {', '.join(changed)}." if changed else "Nothing was changed.")

    def _field(self, name: str, holds: str) -> None:
        own = self._own.get(name, "")
        with ui.element("div").classes("explained"):
            if name in CHOICES:
                above = "as in the workspace" if self._address.channel else "as by default"
                options = {"": above if own else f"{above} ({holds})"}
                options |= {str(choice): str(choice) for choice in CHOICES[name]}
                self._fields[name] = ui.select(options, label=name, value=own).props("outlined stack-label")
            else:
                self._fields[name] = ui.input(name, value=own, placeholder=holds or "not set").props(
                    "outlined stack-label"
                )
            self._fields[name].classes("field").mark(f"setting-{name}").set_enabled(may(Role.EDITOR))
            ui.label(EXPLAINED[name]).classes("muted small")
