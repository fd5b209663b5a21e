"""One conversation, its latest turns first shown whole: answers with all that they were made of, and what to do."""

from nicegui import ui

from admin.components.answer import answer_view, question_view
from admin.components.confirm import confirm
from admin.components.erase_person import ErasePerson
from admin.components.golden import GoldenMaker
from admin.components.loading import load
from admin.components.moments import count, moment
from admin.components.places import place_name, platform_name, thread_address
from admin.components.replayed import ReplayButton
from admin.components.status import StatusLine
from admin.components.trace import feedback_view, trace_view
from admin.exports import FORMATS, SESSION_EXPORT
from admin.permissions import may, owning
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.conversation import Answer, Session, Status
from core.domain.history import Line
from core.domain.people import Role
from core.errors import AssistantError

TURNS = 30
"""Turns shown at once."""

LAST_TURN = 2**31 - 1
"""No session has so many; addresses that ask for more mean all."""

EVERY = 3.0
"""Seconds after which the conversation is looked at again, while somebody does."""

UNFINISHED = {Status.PENDING: "Waiting", Status.ANSWERED: "Being delivered", Status.STOPPED: "Stopped"}


def add_pages(services: Services) -> None:
    """Adds `/sessions/{id}`."""

    @ui.page("/sessions/{session_id}")
    async def transcript_page(session_id: str, before: int | None = None) -> None:
        session = await services.sessions.find(session_id)
        with frame(session.title if session else "No such session", "Sessions"):
            ui.link("← All sessions", "/sessions").classes("back")
            if session is None:
                ui.context.client.status_code = 404
                empty("No such session", "It may have been deleted. Go back to the list of all sessions.")
                return
            await load(Transcript(services, session, before).show())


class Transcript:
    """A conversation, or the turns of it before one."""

    def __init__(self, services: Services, session: Session, before: int | None) -> None:
        self._services = services
        self._session = session
        self._before = None if before is None else max(0, min(before, LAST_TURN))
        self._state: tuple[object, ...] = ()

    async def show(self) -> None:
        """Builds all of it."""
        with ui.element("div").classes("stack") as self._whole:
            self._head()
            self._status = StatusLine()
            self._state = await self._services.transcripts.state(self._session.id)
            await self._lines()
            ui.timer(EVERY, self._look_again)

    def _head(self) -> None:
        session = self._session
        heading(session.title or "Untitled")
        with ui.element("div").classes("facts"):
            ui.label(place_name(session.key))
            ui.label(count(session.messages, "message"))
            ui.label(f"started {moment(session.created_at)}")
            ui.label(f"thread {session.key.thread}").classes("address")
        with ui.element("div").classes("actions"):
            address = thread_address(session.key)
            if address:
                ui.link(f"Open in {platform_name(session.key)}", address, new_tab=True).classes("action")
            for kind, form in FORMATS.items():
                ui.link(form.name, f"{SESSION_EXPORT}/{session.id}.{kind}").classes("action").props("download")
            delete = ui.button("Delete", icon="delete", on_click=self._delete).mark("delete-session")
            delete.props("flat no-caps").classes("quiet").set_visibility(may(Role.OWNER))

    @ui.refreshable_method
    async def _lines(self) -> None:
        lines = await self._services.transcripts.latest(self._session.id, TURNS, before=self._before)
        if not lines:
            empty("Nothing is said here", "What was said was deleted, or there is nothing before this turn.")
            return
        if lines[0].message.turn > 1:
            earlier = f"/sessions/{self._session.id}?before={lines[0].message.turn}"
            ui.link("Earlier turns", earlier).classes("back")
        answers = {line.message.turn: line.message.answer for line in lines if line.message.answer}
        with ui.element("div").classes("transcript"):
            for line in lines:
                self._line(line, answers.get(line.message.turn))
        if self._before is not None:
            ui.link("Latest turns", f"/sessions/{self._session.id}").classes("back")

    def _line(self, line: Line, answer: Answer | None) -> None:
        message = line.message
        with ui.element("article").classes("turn").props(f"data-role={message.role}"):
            with ui.element("div").classes("turn-head"):
                ui.label((message.author or "Question") if message.answer is None else "Assistant").classes("who")
                ui.label(moment(message.created_at)).classes("when")
            if message.answer is None:
                self._question(line, answer)
            else:
                answer_view(message.answer, self._services.settings.address)
                trace_view(line)
                feedback_view(line)
                replay = ReplayButton(self._services, message.id)
                with ui.element("div").classes("actions"):
                    replay.show()
                replay.show_outcome()

    def _question(self, line: Line, answer: Answer | None) -> None:
        message = line.message
        question_view(message.text)
        for name in line.attachments:
            with ui.element("div").classes("attached"):
                ui.icon("attach_file")
                ui.label(name)
        if message.status is Status.FAILED:
            with ui.element("div").classes("failed"):
                ui.label("Failed").classes("badge bad")
                ui.label(message.note or "This question got no answer.")
        elif message.status in UNFINISHED:
            ui.label(UNFINISHED[message.status]).classes("badge")
        with ui.element("div").classes("actions"):
            GoldenMaker(self._services, message.text, answer).show()
            if message.author:
                platform = self._session.key.platform
                ErasePerson(self._services, platform, message.author, self._erased, self._status).show()

    async def _look_again(self) -> None:
        state = await self._services.transcripts.state(self._session.id)
        if state != self._state:
            self._state = state
            await self._lines.refresh()

    async def _erased(self, told: str) -> None:
        if await self._services.sessions.find(self._session.id) is None:
            self._gone(told)
        else:
            self._status.succeed(told)
            await self._look_again()

    @owning
    async def _delete(self) -> None:
        session = self._session
        messages = count(session.messages, "message")
        sentences = [
            f"“{session.title or 'Untitled'}” goes, with {messages} and all that was kept beside them.",
            "This cannot be undone. What stands in the channel itself stays there; a new question begins anew.",
        ]
        if not await confirm("Delete this session?", sentences, "Delete"):
            return
        try:
            await self._services.erasure.forget(session)
        except AssistantError as error:
            self._status.fail(error.said)
            return
        self._gone(f"“{session.title or 'Untitled'}” was deleted, with {messages}.")

    def _gone(self, told: str) -> None:
        """In the place of the conversation, what went with it."""
        self._whole.clear()
        with self._whole:
            StatusLine().succeed(told)
            empty("This session is gone", "What stands in the channel itself stays there; a new question begins anew.")
