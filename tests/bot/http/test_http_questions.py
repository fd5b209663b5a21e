"""Questions over HTTP: answers as JSON and as they are written, sessions, and everything that is refused."""

import asyncio
import json
from typing import Any

import pytest

from core.domain.conversation import SessionKey
from tests.emulators.language_model import Cut, Failure, Hang, ScriptedModel, Text

PUSH = "How do I push a model to Quillstore?"
WAITING_JOB = "Why does a Drumline job stay in the state waiting?"


async def test_answer_comes_with_its_sources(caller: Any) -> None:
    reply = await caller.post("/chat", json={"message": PUSH})
    answer = reply.json()

    assert reply.status_code == 200
    assert "quill push churn" in answer["response"]
    assert answer["covered"] is True
    assert (answer["mode"], answer["model"]) == ("agent", "extractive")
    cited = [source["number"] for source in answer["sources"]]
    assert cited
    assert all(f"[{number}]" in answer["response"] for number in cited)
    assert answer["sources"][0]["title"] == "Store models with Quillstore"
    assert answer["sources"][0]["address"].startswith("http://127.0.0.1:8000/admin/knowledge/quillstore.md")
    assert -1 <= answer["sources"][0]["score"] <= 1


async def test_crew_answers_with_its_sources(caller: Any) -> None:
    answer = (await caller.post("/crew-chat", json={"message": PUSH})).json()

    assert (answer["mode"], answer["covered"]) == ("crew", True)
    assert "quill push churn" in answer["response"]
    assert answer["sources"]


async def test_question_that_the_pages_do_not_cover_names_the_nearest(caller: Any) -> None:
    answer = (await caller.post("/chat", json={"message": "Who won the chess championship of 1972?"})).json()

    assert (answer["covered"], answer["response"]) == (False, "The knowledge base does not cover this.")
    assert answer["sources"]


@pytest.mark.parametrize("path", ["/chat", "/crew-chat"])
async def test_events_tell_the_answer_as_it_is_made(caller: Any, path: str) -> None:
    events = await caller.events(path, {"message": PUSH, "session_id": "mine"})
    names = [event.name for event in events]

    assert names[:3] == ["accepted", "searching", "passages"]
    assert names[-1] == "completed"
    assert names.count("completed") == 1
    assert events[0].data.keys() == {"turn_id", "session_id"}
    assert events[0].data["session_id"] == "mine"
    assert events[1].data == {"query": PUSH}
    assert events[2].data["sources"][0]["number"] == 1
    completed = events[-1].data
    assert completed["session_id"] == "mine"
    assert completed["sources"]
    if path == "/chat":
        assert "".join(e.data["text"] for e in events if e.name == "delta").strip() == completed["response"]
    else:
        assert {"who": "MLOps Technical Writer", "what": "writing the answer"} in [e.data for e in events]


async def test_events_survive_line_separators_in_a_question(caller: Any) -> None:
    strange = "How do I push\u2028a\u2029model to\r\nQuillstore?"
    events = await caller.events("/chat", {"message": strange})

    assert events[1].data["query"] == strange
    assert events[-1].name == "completed"


async def test_same_session_is_one_conversation(caller: Any) -> None:
    await caller.post("/chat", json={"message": WAITING_JOB, "session_id": "mine"})
    second = (await caller.post("/chat", json={"message": "and then?", "session_id": "mine"})).json()
    history = (await caller.get("/history/mine")).json()

    assert "Drumline" in second["response"]
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"] * 2
    assert [message["text"] for message in history["messages"][::2]] == [WAITING_JOB, "and then?"]
    assert [message["status"] for message in history["messages"]] == ["delivered"] * 4
    assert history["messages"][1]["sources"]
    assert (history["platform"], history["title"]) == ("http", WAITING_JOB)


async def test_new_session_is_made_up_and_can_be_gone_on_with(caller: Any) -> None:
    first = (await caller.post("/chat", json={"message": WAITING_JOB})).json()
    second = (await caller.post("/chat", json={"message": "and then?", "session_id": first["session_id"]})).json()

    assert second["session_id"] == first["session_id"]
    assert "Drumline" in second["response"]


async def test_session_id_that_history_tells_is_the_one_to_go_on_with(caller: Any) -> None:
    await caller.post("/chat", json={"message": PUSH, "session_id": "mine"})

    assert (await caller.get("/history/mine")).json()["session_id"] == "mine"


async def test_sessions_do_not_mix(caller: Any) -> None:
    await asyncio.gather(
        *(caller.post("/chat", json={"message": f"{PUSH} {name}", "session_id": name}) for name in "abc")
    )

    for name in "abc":
        history = (await caller.get(f"/history/{name}")).json()
        assert history["messages"][0]["text"] == f"{PUSH} {name}"
        assert len(history["messages"]) == 2


async def test_questions_of_one_session_at_once_are_all_answered(caller: Any) -> None:
    replies = await asyncio.gather(
        *(caller.post("/chat", json={"message": PUSH, "session_id": "mine"}) for _ in range(4))
    )

    assert [reply.status_code for reply in replies] == [200] * 4
    assert len((await caller.get("/history/mine")).json()["messages"]) == 8


async def test_deleted_session_is_gone(caller: Any) -> None:
    await caller.post("/chat", json={"message": PUSH, "session_id": "mine"})

    assert (await caller.delete("/history/mine")).json() == {"session_id": "mine", "messages": 2}
    assert (await caller.get("/history/mine")).status_code == 404
    assert (await caller.delete("/history/mine")).status_code == 404


async def test_unknown_session_is_named(caller: Any) -> None:
    reply = await caller.get("/history/nobody")

    assert reply.status_code == 404
    assert reply.json() == {"detail": "There is no session 'nobody'.", "retry": False}


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b'{"message": ""}', "message"),
    "blank": (b'{"message": "  \\n"}', "message"),
    "no message": (b"{}", "message"),
    "100 KB": (json.dumps({"message": "x" * 100_000}).encode(), "message"),
    "control character": (b'{"message": "ring \\u0007"}', "control character"),
    "nothing but NUL": (b'{"message": "\\u0000"}', "control character"),
    "half of a pair": (b'{"message": "\\ud83d"}', "message"),
    "not text": (b'{"message": 5}', "message"),
    "null": (b'{"message": null}', "message"),
    "extra field": (b'{"message": "hi", "sesion_id": "x"}', "sesion_id"),
    "session with spaces": (b'{"message": "hi", "session_id": "a b"}', "session_id"),
    "session with a slash": (b'{"message": "hi", "session_id": "a/b"}', "session_id"),
    "session with a line break": (b'{"message": "hi", "session_id": "a\\n"}', "session_id"),
    "empty session": (b'{"message": "hi", "session_id": ""}', "session_id"),
    "long session": (json.dumps({"message": "hi", "session_id": "a" * 129}).encode(), "session_id"),
    "not JSON": (b"{", "body"),
    "not UTF-8": (b"\xff\xfe", "body"),
    "no body": (b"", "body"),
    "list": (b"[]", "body"),
}


@pytest.mark.parametrize(("body", "named"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_refused_with_a_reason(caller: Any, body: bytes, named: str, accept: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": accept}
    reply = await caller.post("/chat", content=body, headers=headers)

    assert reply.status_code == 422, reply.text
    assert named in reply.json()["detail"]
    assert reply.json()["retry"] is False
    assert await caller.services.sessions.list() == []


async def test_json_that_is_too_deep_is_refused(caller: Any) -> None:
    reply = await caller.post("/chat", content=b"[" * 50_000, headers={"Content-Type": "application/json"})

    assert reply.status_code in {400, 422}


@pytest.mark.parametrize(
    "text",
    ["\U0001f600 what is drift?", "\u0645\u0627 drift", "line\none\ttwo", "'; DROP TABLE sessions; --", "x" * 8_000],
)
async def test_strange_but_harmless_texts_are_answered(caller: Any, text: str) -> None:
    reply = await caller.post("/chat", json={"message": text, "session_id": "mine"})

    assert reply.status_code == 200
    assert (await caller.get("/history/mine")).json()["messages"][0]["text"] == text


@pytest.mark.parametrize("path", ["/history/a%20b", "/history/%00", "/history/" + "a" * 200, "/history/%F0%9F%98%80"])
async def test_session_ids_in_paths_are_checked(caller: Any, path: str) -> None:
    reply = await caller.get(path)

    assert reply.status_code == 422
    assert "session_id" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/chat", 405), ("GET", "/nowhere", 404), ("PUT", "/health", 405)]
)
async def test_wrong_doors_are_told_in_the_same_form(caller: Any, method: str, path: str, status: int) -> None:
    reply = await caller.request(method, path)

    assert reply.status_code == status
    assert reply.json().keys() == {"detail", "retry"}


# the model


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(500), "The language model is down right now"),
        (Failure(429), "The language model is receiving too many questions"),
        (Failure(401, {"error": {"message": "no"}}), "The language model refused our key"),
    ],
)
async def test_model_that_gives_no_answer_is_quoted_for_with_the_reason(
    model_caller: Any, http_model: ScriptedModel, failure: Failure, reason: str
) -> None:
    http_model.script(failure)
    reply = await model_caller.post("/chat", json={"message": PUSH, "session_id": "mine"})
    asked, _ = (await model_caller.get("/history/mine")).json()["messages"]

    assert reply.status_code == 200
    first, *rest = reply.json()["response"].split("\n")
    assert first == f"{reason}, so this is quoted from the knowledge base:"
    assert "quill push churn ./model.bin --label candidate" in rest
    assert (reply.json()["model"], reply.json()["covered"]) == ("extractive", True)
    assert asked["status"] == "delivered"


async def test_failure_in_the_stream_is_its_last_event(model_caller: Any, http_model: ScriptedModel) -> None:
    http_model.script(Cut("To store a model in Quillstore, call"))
    events = await model_caller.events("/chat", {"message": PUSH, "session_id": "mine"})

    assert "delta" in [event.name for event in events]
    assert [event.name for event in events if event.name in {"completed", "error"}] == ["error"]
    assert events[-1].name == "error"
    assert events[-1].data == {
        "detail": "The language model stopped in the middle of its answer. Ask again in a moment.",
        "retry": True,
    }
    assert (await model_caller.get("/history/mine")).json()["messages"][0]["status"] == "failed"


async def test_failure_without_a_stream_is_a_status(model_caller: Any, http_model: ScriptedModel) -> None:
    http_model.script(Cut("To store a model in Quillstore, call"))
    reply = await model_caller.post("/chat", json={"message": PUSH})

    assert (reply.status_code, reply.json()["retry"]) == (503, True)
    assert reply.json()["detail"].startswith("The language model stopped in the middle")


async def test_text_of_the_model_is_streamed_with_checked_citations(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.script(Text("Use `quill push` [1][77].", chunk_size=4))
    events = await model_caller.events("/chat", {"message": PUSH})

    assert "".join(event.data["text"] for event in events if event.name == "delta") == "Use `quill push` [1][77]."
    assert events[-1].data["response"] == "Use `quill push` [1]."
    assert [source["number"] for source in events[-1].data["sources"]] == [1]


async def test_caller_who_leaves_in_the_middle_leaves_no_question_stuck(
    model_caller: Any, http_model: ScriptedModel
) -> None:
    http_model.script(Hang("To store a model, call"), Text("Use `quill push` [1]."))
    left = asyncio.Event()
    received: list[bytes] = []
    request = json.dumps({"message": PUSH, "session_id": "mine"}).encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "path": "/chat", "raw_path": b"/chat", "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"accept", b"text/event-stream"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    messages = iter([{"type": "http.request", "body": request, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        received.append(message.get("body", b""))
        if b"event: delta" in message.get("body", b""):
            left.set()

    async with asyncio.timeout(60):
        await model_caller.app(scope, receive, send)
        while (await model_caller.services.sessions.transcript(SessionKey.http("mine")))[0].status != "stopped":  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # until the status is written
        await http_model.wait_for(lambda m: m.abandoned == 1)
        again = await model_caller.post("/chat", json={"message": PUSH, "session_id": "mine"})

    assert b"event: accepted" in received[1]
    assert again.status_code == 200
