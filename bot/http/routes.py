"""The endpoints of questions and sessions. Each turns a request into a call of the core."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from bot.http.access import ASK, MANAGE, PROBLEMS, READ, Core
from bot.http.replay_schemas import ReplayReply
from bot.http.schemas import (
    ChatReply,
    ChatRequest,
    Deleted,
    History,
    MessageId,
    Problem,
    SessionId,
    Stopped,
    TurnId,
    Welcome,
    event_of,
)
from bot.http.sse import EVENT_STREAM, STREAMED, Accept, answer_events
from core.bootstrap import Services
from core.domain.conversation import Mode, Question, Session, SessionKey
from core.domain.events import AnswerEvent, Completed
from core.errors import AssistantError, UnknownSession
from core.storage.ids import new_id
from core.version import VERSION

open_routes = APIRouter(tags=["service"])
Key = Annotated[TurnId | None, Header()]

routes = APIRouter(responses=PROBLEMS)


@open_routes.get("/")
async def welcome(services: Core) -> Welcome:
    """What this is and where to go."""
    return Welcome(
        name="MLOps Assistant",
        version=VERSION,
        docs="/docs",
        console=f"{services.settings.address}/admin",
        health="/health",
    )


@routes.post("/chat", dependencies=[ASK], tags=["questions"], response_model=ChatReply, responses=STREAMED)
async def chat(
    body: ChatRequest, services: Core, accept: Accept = "", idempotency_key: Key = None
) -> ChatReply | StreamingResponse:
    """Asks the agent. With `Accept: text/event-stream`, the answer comes as it is written.

    The same `Idempotency-Key` is the same question: it is answered once, however often it is sent.
    """
    return await _ask(services, body, Mode.AGENT, accept, idempotency_key)


@routes.post("/crew-chat", dependencies=[ASK], tags=["questions"], response_model=ChatReply, responses=STREAMED)
async def crew_chat(
    body: ChatRequest, services: Core, accept: Accept = "", idempotency_key: Key = None
) -> ChatReply | StreamingResponse:
    """Asks the crew: a researcher and a writer. Slower and more thorough; streams its steps likewise."""
    return await _ask(services, body, Mode.CREW, accept, idempotency_key)


@routes.delete("/chat/{turn_id}", dependencies=[ASK], tags=["questions"], responses={404: {"model": Problem}})
async def stop_answer(turn_id: TurnId, services: Core) -> Stopped:
    """Stops an answer, of the agent or the crew, with its model's call. Its id is in the event `accepted`."""
    return Stopped(turn_id=turn_id, stopped=await services.answering.stop(event_of(turn_id)))


@routes.post(
    "/messages/{message_id}/replay", dependencies=[ASK, READ], tags=["questions"], responses={404: {"model": Problem}}
)
async def replay(message_id: MessageId, services: Core) -> ReplayReply:
    """Answers the question of a message again, as it would be answered now, and tells what differs."""
    return ReplayReply.of(await services.replayer.replay(message_id))


@routes.get("/history/{session_id}", dependencies=[READ], tags=["sessions"], responses={404: {"model": Problem}})
async def history(session_id: SessionId, services: Core) -> History:
    """The transcript of a session, with sources."""
    session = await _session(services, session_id)
    return History.of(session, await services.sessions.transcript(session.key))


@routes.delete("/history/{session_id}", dependencies=[MANAGE], tags=["sessions"], responses={404: {"model": Problem}})
async def delete_history(session_id: SessionId, services: Core) -> Deleted:
    """Deletes a session with everything in it."""
    session = await _session(services, session_id)
    return Deleted(session_id=session_id, messages=await services.answering.forget(session.key))


async def _ask(
    services: Services, body: ChatRequest, mode: Mode, accept: str, key: str | None
) -> ChatReply | StreamingResponse:
    turn_id = key or new_id()
    session_id = body.session_id or turn_id
    question = Question(SessionKey.http(session_id), body.message, event_of(turn_id), mode=mode)
    events = services.answering.ask(question)
    if EVENT_STREAM in accept:
        return answer_events(await anext(events), events, session_id)
    return ChatReply.of((await _completed(events)).answer, session_id)


async def _completed(events: AsyncIterator[AnswerEvent]) -> Completed:
    async for event in events:
        if isinstance(event, Completed):
            return event
    raise AssistantError("The answer ended before it was complete. Ask again.")


async def _session(services: Services, session_id: str) -> Session:
    session = await services.sessions.find(session_id)
    if session is None:
        raise UnknownSession(f"There is no session {session_id!r}.")
    return session
