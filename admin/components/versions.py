"""The index versions: stage, how well each finds, and the ways to another one as the live one.

Comes in: services, and what to do when something else became live. Goes out: what was done, or why it was not, said
above the list. Whatever others will notice is asked for first.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from nicegui import ui

from admin.components.confirm import confirm
from admin.components.moments import count, moment, span
from admin.components.reindex import changed_pages
from admin.components.scores import scores_view
from admin.components.status import StatusLine
from admin.permissions import editing, may
from admin.theme import section
from core.bootstrap import Services
from core.domain.knowledge import IndexVersion, Stage
from core.domain.people import Role
from core.errors import AssistantError
from core.storage.versions import Evaluation

BADGES = {Stage.PRODUCTION: "good", Stage.STAGING: "warn"}

RETURNS = "What is taken back returns only when the page changes at its source."

UNMEASURED = "There was nothing to measure: no golden question is about a page of this version."


class VersionList:
    """Call `show` once in the page, and `refresh` when a refresh ended."""

    def __init__(self, services: Services, moved: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._moved = moved

    async def show(self) -> None:
        """Builds all of it."""
        with section("Index versions"):
            with ui.element("div").classes("section-foot"):
                ui.label("Every version that is kept; one of them answers.").classes("muted")
                if may(Role.EDITOR):
                    undo = ui.button("Undo the last change", icon="undo", on_click=self._undo)
                    undo.props("outline no-caps").classes("quiet")
            self._status = StatusLine()
            await self._listing()

    async def refresh(self) -> None:
        """Shows the versions as they are now."""
        await self._listing.refresh()

    @ui.refreshable_method
    async def _listing(self) -> None:
        versions = await self._services.versions.all()
        evaluations = {version.id: await self._services.versions.evaluation(version.id) for version in versions}
        built = {version.id: await self._services.versions.configuration(version.id) for version in versions}
        live = next((version for version in versions if version.stage is Stage.PRODUCTION), None)
        if not versions:
            ui.label("None has been built yet.").classes("muted")
            return
        with ui.element("div").classes("rows"):
            for version in sorted(versions, key=lambda each: each.stage is not Stage.PRODUCTION):
                self._version(version, built[version.id], evaluations, live)

    def _version(
        self,
        version: IndexVersion,
        configuration: dict[str, Any],
        evaluations: dict[str, Evaluation | None],
        live: IndexVersion | None,
    ) -> None:
        with ui.element("div").classes("entry version"):
            with ui.element("div").classes("row-head"):
                ui.label(name_of(version)).classes("row-title")
                ui.label(version.stage.value).classes(f"badge {BADGES.get(version.stage, '')}")
            with ui.element("div").classes("facts"):
                ui.label(moment(version.created_at))
                ui.label(f"{count(version.passages, 'passage')} of {count(version.documents, 'document')}")
                ui.label(f"built in {span(version.seconds * 1000)}")
                if version.revision:
                    ui.label(f"revision {version.revision}")
            if version.reason:
                ui.label(version.reason).classes("reason")
            scores_view(version, evaluations[version.id])
            configuration_view(configuration)
            with ui.element("div").classes("actions"):
                if may(Role.EDITOR):
                    self._actions(version, live)
                if live and live.id != version.id and evaluations[live.id] and evaluations[version.id]:
                    ui.link("Compare with the live version", f"/versions/{live.id}/{version.id}").classes("action")

    def _actions(self, version: IndexVersion, live: IndexVersion | None) -> None:
        if version.stage is Stage.STAGING:
            ui.button("Promote", icon="publish", on_click=partial(self._promote, version, live)).props(
                "outline no-caps"
            ).classes("quiet")
        if version.stage is Stage.ARCHIVED:
            ui.button("Roll back to this", icon="history", on_click=partial(self._go_back, version, live)).props(
                "outline no-caps"
            ).classes("quiet")
        evaluate = ui.button("Evaluate", icon="speed").props("flat no-caps").classes("quiet")
        evaluate.on_click(partial(self._evaluate, version, evaluate))

    @editing
    async def _promote(self, version: IndexVersion, live: IndexVersion | None) -> None:
        said = [f"{name_of(version)} answers from now on, with {count(version.documents, 'document')}."]
        if version.reason:
            said.append(f"It was held back. {version.reason}")
        if live:
            said.append(f"{name_of(live)} is archived; you can roll back to it.")
        if await confirm("Promote this version?", said, "Promote"):
            await self._move(lambda: self._services.refresher.promote(version.id))

    @editing
    async def _go_back(self, version: IndexVersion, live: IndexVersion | None) -> None:
        pages = count(version.documents, "page")
        said = [
            f"{name_of(version)} of {moment(version.created_at)} answers again.",
            f"Its {pages} say again what they said in it; others leave.",
        ]
        if live:
            said.append(f"{name_of(live)} is archived. Its configuration is not promoted by itself any more.")
        if await confirm("Roll back to this version?", [*said, RETURNS], "Roll back"):
            await self._move(lambda: self._services.refresher.roll_back(version.id))

    @editing
    async def _undo(self) -> None:
        try:
            said = await self._what_undo_does()
        except AssistantError as error:
            self._status.fail(error.said)
            return
        if await confirm("Undo the last change?", [*said, RETURNS], "Undo"):
            await self._move(self._services.refresher.roll_back)

    async def _what_undo_does(self) -> list[str]:
        change, _ = await self._services.versions.last_change()
        what = f"The change of {moment(change.created_at)} is taken back: {changed_pages(change)}."
        if change.in_place or change.before_id is None:
            return [what]
        before = await self._services.versions.get(change.before_id)
        return [what, f"{name_of(before)} answers again, with {count(before.documents, 'document')}."]

    async def _move(self, move: Callable[[], Awaitable[IndexVersion]]) -> None:
        self._status.say("One moment …")
        try:
            live = await move()
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed(f"Done. {name_of(live)} is live, with {count(live.documents, 'document')}.")
        if not self._status.gone:
            await self._moved()

    @editing
    async def _evaluate(self, version: IndexVersion, button: ui.button) -> None:
        button.props("loading")
        self._status.say(f"Asking {name_of(version)} the golden questions …")
        try:
            outcomes = await self._services.evaluator.evaluate(version)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            right = sum(outcome.right for outcome in outcomes)
            said = f"{name_of(version)} answered or refused {right} of {count(len(outcomes), 'question')} rightly."
            self._status.succeed(said if outcomes else UNMEASURED)
        if not self._status.gone:
            await self.refresh()


def configuration_view(configuration: Mapping[str, Any]) -> None:
    """What a version was built with, folded away."""
    with ui.expansion("Configuration").classes("pages").props("dense"), ui.element("div").classes("facts"):
        for name, value in configuration.items():
            ui.label(f"{name.replace('_', ' ')}: {value}")


def name_of(version: IndexVersion) -> str:
    """How a version is called in sentences."""
    return f"Version {version.id[-8:]}"
