"""Turns over HTTP: how one waits in line, is stopped, and is the same question again."""

import asyncio
from typing import Any

import pytest

from core.answering.turns.line import Line
from core.domain.conversation import Mode
from tests.emulators.language_model import Cut, Hang, ScriptedModel, Text

PUSH = "How do I push a model to Quillstore?"
BEGINNING = "To store a model in Quillstore, call"
ANSWER = "To store a model in Quillstore, call `quill push` [1]."
KEY = {"Idempotency-Key": "mine-1"}
EVENTS = {"Accept": "text/event-stream"}


async def posted(caller: Any, key: str, **body: Any) -> Any:
    return await caller.post("/chat", json={"message": PUSH, **body}, headers={"Idempotency-Key": key})


# the line


async def test_events_tell_the_place_in_line_before_the_search(model_caller: Any, http_model: ScriptedModel) -> None:
    line = Line(places=1, room=10)
    model_caller.services.answering._runner._lines[Mode.AGENT] = line
    http_model.script(Hang(), Text(ANSWER))
    first = asyncio.create_task(posted(model_caller, "first"))
    await http_model.wait_for(lambda m: m.requests)
    second = asyncio.create_task(model_caller.events("/chat", {"message": PUSH}))
    await waiting(line, 1)

    assert (await model_caller.delete("/chat/first")).json() == {"turn_id": "first", "stopped": True}
    events = await second

    assert [event.name for event in events][:4] == ["accepted", "queued", "searching", "passages"]
    assert events[1].data == {"position": 1}
    assert events[-1].data["response"] == ANSWER
    assert (await first).status_code == 409


async def test_question_beyond_the_room_of_the_line_is_refused_and_not_kept(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    line = Line(places=1, room=1)
    model_caller.services.answering._runner._lines[Mode.AGENT] = line
    http_model.script(Hang())
    waiting_ones = [asyncio.create_task(posted(model_caller, key, session_id=key)) for key in ("first", "second")]
    await waiting(line, 1)

    replies = [await model_caller.post("/chat", json={"message": PUSH}, headers=accept) for accept in ({}, EVENTS)]

    for reply in replies:
        assert (reply.status_code, reply.json()["retry"]) == (503, True)
        assert "questions are waiting already" in reply.json()["detail"]
    assert len(await model_caller.services.sessions.list()) == 2
    for key in ("first", "second"):
        await model_caller.delete(f"/chat/{key}")
    assert [reply.status_code for reply in await asyncio.gather(*waiting_ones)] == [409, 409]


async def waiting(line: Line, count: int) -> None:
    """Until so many wait in line."""
    while len(line) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # nothing to be told by


# stopping


async def test_stopped_answer_ends_its_stream_and_the_call_of_its_model(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.script(Hang(BEGINNING))
    asked = asyncio.create_task(model_caller.events("/chat", {"message": PUSH, "session_id": "mine"}, KEY))
    await http_model.wait_for(lambda m: m.requests)

    stopped = await model_caller.delete("/chat/mine-1")
    await http_model.wait_for(lambda m: m.abandoned == 1)
    events = await asked

    assert (stopped.status_code, stopped.json()) == (200, {"turn_id": "mine-1", "stopped": True})
    assert events[0].data == {"turn_id": "mine-1", "session_id": "mine"}
    assert events[-1].name == "error"
    assert events[-1].data == {"detail": "Stopped, as you wished.", "retry": False}
    [message] = (await model_caller.get("/history/mine")).json()["messages"]
    assert message["status"] == "stopped"


async def test_stopped_answer_without_a_stream_is_a_conflict(model_caller: Any, http_model: ScriptedModel) -> None:
    http_model.script(Hang())
    asked = asyncio.create_task(posted(model_caller, "mine-1"))
    await http_model.wait_for(lambda m: m.requests)

    await model_caller.delete("/chat/mine-1")
    reply = await asked

    assert (reply.status_code, reply.json()) == (409, {"detail": "Stopped, as you wished.", "retry": False})
    assert (await posted(model_caller, "mine-1")).status_code == 409, "the same question again"


@pytest.mark.parametrize("path", ["/chat", "/crew-chat"])
async def test_answer_that_has_ended_is_not_stopped(caller: Any, path: str) -> None:
    events = await caller.events(path, {"message": PUSH, "session_id": "mine"})
    turn_id = events[0].data["turn_id"]

    stopped = await caller.delete(f"/chat/{turn_id}")

    assert (stopped.status_code, stopped.json()) == (200, {"turn_id": turn_id, "stopped": False})
    assert [m["status"] for m in (await caller.get("/history/mine")).json()["messages"]] == ["delivered"] * 2


async def test_second_stop_says_that_there_was_nothing_to_stop(model_caller: Any, http_model: ScriptedModel) -> None:
    http_model.script(Hang())
    asked = asyncio.create_task(posted(model_caller, "mine-1"))
    await http_model.wait_for(lambda m: m.requests)

    stopped = [(await model_caller.delete("/chat/mine-1")).json()["stopped"] for _ in range(2)]
    await asked

    assert stopped == [True, False]


async def test_unknown_turn_is_not_found(caller: Any) -> None:
    reply = await caller.delete("/chat/nobody")

    assert (reply.status_code, reply.json()) == (404, {"detail": "There is no such question.", "retry": False})


async def test_question_of_another_channel_cannot_be_stopped_here(model_caller: Any, http_model: ScriptedModel) -> None:
    reply = await model_caller.delete("/chat/slack:T1:C1:1.0")

    assert reply.status_code == 404
    assert http_model.requests == []


@pytest.mark.parametrize("turn_id", ["a%20b", "a" * 101, "%00"])
async def test_turn_ids_in_paths_are_checked(caller: Any, turn_id: str) -> None:
    reply = await caller.delete(f"/chat/{turn_id}")

    assert reply.status_code == 422
    assert "turn_id" in reply.json()["detail"]


async def test_deleting_a_session_stops_what_is_being_answered_in_it(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.script(Hang())
    asked = asyncio.create_task(posted(model_caller, "mine-1", session_id="mine"))
    await http_model.wait_for(lambda m: m.requests)

    assert (await model_caller.delete("/history/mine")).json()["messages"] == 1
    await http_model.wait_for(lambda m: m.abandoned == 1)

    assert (await asked).status_code == 409
    assert (await model_caller.get("/history/mine")).status_code == 404


# the same question again


async def test_same_key_is_the_same_question_and_gets_the_same_answer(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.script(Text(ANSWER))
    first = await posted(model_caller, "mine-1")
    second = await posted(model_caller, "mine-1")
    streamed = await model_caller.events("/chat", {"message": PUSH}, KEY)

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() == streamed[-1].data
    assert [event.name for event in streamed] == ["accepted", "completed"]
    assert first.json()["session_id"] == "mine-1"
    assert len(http_model.requests) == 1
    assert len((await model_caller.get("/history/mine-1")).json()["messages"]) == 2


async def test_twenty_requests_at_once_with_one_key_are_one_question(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.respond_with(lambda _: Text(ANSWER))
    replies = await asyncio.gather(*(posted(model_caller, "mine-1", session_id="mine") for _ in range(20)))

    assert [reply.status_code for reply in replies] == [200] * 20
    assert all(reply.json() == replies[0].json() for reply in replies)
    assert replies[0].json()["response"] == ANSWER
    assert len(http_model.requests) == 1
    assert len((await model_caller.get("/history/mine")).json()["messages"]) == 2


async def test_request_that_comes_again_while_the_answer_is_made_follows_it(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.script(Hang(BEGINNING))
    first = asyncio.create_task(model_caller.events("/chat", {"message": PUSH}, KEY))
    await http_model.wait_for(lambda m: m.requests)
    second = asyncio.create_task(model_caller.events("/chat", {"message": PUSH}, KEY))
    live = model_caller.services.answering._live.get
    while not (turn := live("http:mine-1")) or not any("text" in vars(e) for e in turn._events):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # nothing to be told by

    await model_caller.delete("/chat/mine-1")

    followed, leading = await second, await first
    assert followed == leading
    assert "delta" in [event.name for event in followed]
    assert len(http_model.requests) == 1


@pytest.mark.parametrize("accept", [{}, EVENTS])
@pytest.mark.parametrize(("path", "text"), [("/chat", "Another question?"), ("/crew-chat", PUSH)])
async def test_other_question_under_a_key_is_refused(caller: Any, accept: dict[str, str], path: str, text: str) -> None:
    await posted(caller, "mine-1")
    reply = await caller.post(path, json={"message": text}, headers=KEY | accept)

    assert reply.status_code == 422
    assert reply.json() == {
        "detail": "Another question was asked under this key before. Use a new key for a new question.",
        "retry": False,
    }
    assert len((await caller.get("/history/mine-1")).json()["messages"]) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 101, "a/b"])
async def test_key_that_cannot_be_one_is_refused(caller: Any, key: str) -> None:
    reply = await posted(caller, key)

    assert reply.status_code == 422
    assert "dempotency" in reply.json()["detail"]
    assert await caller.services.sessions.list() == []


async def test_answer_that_failed_fails_again_under_its_key(model_caller: Any, http_model: ScriptedModel) -> None:
    http_model.script(Cut(BEGINNING))
    first, second = [await posted(model_caller, "mine-1") for _ in range(2)]

    assert first.status_code == second.status_code == 503
    assert first.json()["detail"] == second.json()["detail"]
    assert len(http_model.requests) == 1
