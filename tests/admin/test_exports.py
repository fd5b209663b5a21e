"""Conversations as files: what is in them, that spreadsheets run nothing of it, and who may have them."""

import csv
import io
import json

import pytest
from nicegui.testing import User

from admin import exports
from core.bootstrap import Services
from core.domain.channels import Verdict
from core.domain.conversation import Answer, Citation, Question, SessionKey

FORMULA = '=HYPERLINK("http://evil.example","click")'


async def hold(services: Services, number: int, text: str = "How?") -> None:
    key = SessionKey("slack", "T1", f"C{number % 2}", f"{number}.0")
    await services.turns.claim(Question(key, f"{text} {number}", f"e{number}", "Ada"))
    cited = Citation(1, "p", "Pages", (), "http://host/a", 0.9, "quote")
    message_id = await services.turns.complete(f"e{number}", Answer("So [1].\n\nAnd so.", citations=(cited,)))
    await services.aftercare.judge(message_id or "", "U7", Verdict.HELPFUL, comment="+1")


async def test_json_lines_hold_every_session_that_is_wanted(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    for number in range(10):
        await hold(console_services, number)

    reply = await owner.http_client.get("/exports/sessions.jsonl?channel=C1")

    held = [json.loads(line) for line in reply.text.splitlines()]
    assert reply.headers["content-disposition"] == 'attachment; filename="sessions.jsonl"'
    assert [session["thread"] for session in held] == ["9.0", "7.0", "5.0", "3.0", "1.0"]
    asked, answered = held[0]["messages"]
    assert (asked["text"], asked["author"]) == ("How? 9", "Ada")
    assert (answered["sources"], answered["feedback"][0]["comment"]) == (["http://host/a"], "+1")


async def test_cells_of_csv_are_no_formulas(owner: User, console_services: Services) -> None:
    await hold(console_services, 1, FORMULA)

    reply = await owner.http_client.get("/exports/sessions.csv")

    asked, answered = csv.DictReader(io.StringIO(reply.text))
    assert asked["text"] == f"'{FORMULA} 1"
    assert (answered["role"], answered["text"], answered["feedback"]) == (
        "assistant",
        "So [1].\n\nAnd so.",
        "U7 helpful +1",
    )


async def test_one_session_is_exported_as_markdown(owner: User, console_services: Services) -> None:
    for number in range(2):
        await hold(console_services, number)
    session = (await console_services.sessions.list())[0]

    reply = await owner.http_client.get(f"/exports/session/{session.id}.md")

    assert reply.text.startswith("# How? 1\n\nSlack · T1 / C1, thread 1.0\n\n**Ada**, ")
    assert "> How? 1" in reply.text
    assert "> So [1].\n> \n> And so.\n\n1. Pages: http://host/a" in reply.text
    assert "How? 0" not in reply.text


async def test_unknown_sessions_and_kinds_are_not_found(owner: User) -> None:
    for path in ("/exports/session/unknown.md", "/exports/sessions.exe"):
        assert (await owner.http_client.get(path)).status_code == 404


async def test_nothing_is_exported_without_a_login(visitor: User, console_services: Services) -> None:
    await hold(console_services, 1)
    reply = await visitor.http_client.get("/exports/sessions.jsonl")
    assert reply.status_code == 303
    assert "How?" not in reply.text


async def test_empty_list_exports_its_columns_alone(owner: User) -> None:
    reply = await owner.http_client.get("/exports/sessions.csv")
    assert reply.text.startswith("session,platform,")
    assert len(reply.text.splitlines()) == 1
