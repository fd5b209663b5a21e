"""One conversation from beginning to end, each answer with its sources, tools and times."""

from nicegui import ui

from admin.components.answer import answer_view, question_view
from admin.components.golden import golden_button
from admin.components.moments import count, moment
from admin.pages.sessions import place
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.conversation import Message, Session, Status

UNFINISHED = {Status.PENDING: "Waiting", Status.ANSWERED: "Being delivered", Status.STOPPED: "Stopped"}


def add_pages(services: Services) -> None:
    """Adds `/sessions/{id}`."""

    @ui.page("/sessions/{session_id}")
    async def transcript_page(session_id: str) -> None:
        session = await services.sessions.find(session_id)
        with frame(session.title if session else "No such session", "Sessions"):
            ui.link("← All sessions", "/sessions").classes("back")
            if session is None:
                ui.context.client.status_code = 404
                empty("No such session", "It may have been deleted. Go back to the list of all sessions.")
                return
            _head(session)
            with ui.element("div").classes("transcript"):
                for message in (transcript := await services.sessions.transcript(session.key)):
                    _message(message, services.settings.address)
                    golden_button(services, message, transcript)


def _head(session: Session) -> None:
    heading(session.title or "Untitled")
    with ui.element("div").classes("facts"):
        ui.label(place(session.key))
        ui.label(count(session.messages, "message"))
        ui.label(f"started {moment(session.created_at)}")
        ui.label(f"thread {session.key.thread}").classes("address")


def _message(message: Message, origin: str) -> None:
    with ui.element("article").classes("turn").props(f"data-role={message.role}"):
        with ui.element("div").classes("turn-head"):
            ui.label((message.author or "Question") if message.answer is None else "Assistant").classes("who")
            ui.label(moment(message.created_at)).classes("when")
        if message.answer is None:
            question_view(message.text)
            _fate(message)
        else:
            answer_view(message.answer, origin)


def _fate(message: Message) -> None:
    if message.status is Status.FAILED:
        with ui.element("div").classes("failed"):
            ui.label("Failed").classes("badge bad")
            ui.label(message.note or "This question got no answer.")
    elif message.status in UNFINISHED:
        ui.label(UNFINISHED[message.status]).classes("badge")
