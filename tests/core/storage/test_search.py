"""The search over what was said, on SQLite and on Postgres."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text

from core.domain.conversation import Answer, Question, SessionKey
from core.domain.history import SessionFilter
from core.settings import load_settings
from core.storage import search
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.migrate import migrate
from core.storage.sessions import Sessions
from core.storage.turns import Turns
from tests.serving import ROOT

Ask = Callable[..., Question]

HOSTILE = [
    '"', "'", "''", "*", "drift*", "^drift", "drift AND", "OR", "NOT drift", "NEAR(drift, 3)", "said:drift", "-drift",
    "(drift", "drift)", '"drift', "drift:*", "drift & ", "!drift", "a|b", "<->", "\\", "%", "_", "\x00", "😀", "²", "½",
    "; DROP TABLE said; --", ":words", "{drift}", "a" * 5_000, "drift " * 500,
]  # fmt: skip


async def found(conversations: Conversations, typed: str) -> set[str]:
    page = await conversations.page(SessionFilter(search=typed), 50)
    return {listed.session.key.channel for listed in page.items}


@pytest.mark.parametrize("rare", [search.RARE, 0], ids=["looked up", "gone through"])
async def test_words_are_found_in_all_their_forms_and_the_last_one_by_its_beginning(
    conversations: Conversations, turns: Turns, ask: Ask, monkeypatch: pytest.MonkeyPatch, rare: int
) -> None:
    monkeypatch.setattr(search, "RARE", rare)
    said = {
        "one": "Deployments of trained models",
        "two": "We are training a model for staging_eu2",
        "three": "Monitoring policies",
        "four": "Is the policy monitored by GPT4o?",
    }
    for name, asked in said.items():
        await turns.claim(ask(asked, SessionKey("x", "W", name, f"t{name}"), event_id=name))
    expected = {
        "deploy": {"one"},
        "trains model": {"one", "two"},
        "models train": {"one", "two"},
        "policy": {"three", "four"},
        "monitors policies": {"three", "four"},
        "deploym": {"one"},
        "monitori": {"three"},
        "deploym ": set(),
        "deploym models": set(),
        "of mod": {"one"},
        "is": {"four"},
        "mo": set(),
        "staging": {"two"},
        "stages": {"two"},
        "eu2": {"two"},
        "gpt": {"four"},
        "gpt4o": {"four"},
        "4o": set(),
    }
    assert {typed: await found(conversations, typed) for typed in expected} == expected


def test_both_databases_take_the_same_words_for_forms_of_one(postgres_url: str) -> None:
    """SQLite and Postgres each know Porter's rules. They differ for words of two letters, which have one form."""
    pages = [page.read_text().lower() for page in (ROOT / "data" / "knowledge").rglob("*.md")]
    words = sorted({word for page in pages for word in re.findall(r"[^\W_]{3,}", page)})
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE stems USING fts5(word, tokenize='porter unicode61 remove_diacritics 0')")
        db.executemany("INSERT INTO stems(rowid, word) VALUES (?, ?)", enumerate(words))
        db.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab(stems, instance)")
        on_sqlite = [stem for (stem,) in db.execute("SELECT term FROM vocabulary ORDER BY doc")]
    migrate(load_settings(database_url=postgres_url).sqlalchemy_url)
    with psycopg.connect(postgres_url) as server:
        query = (
            "SELECT (ts_lexize('said_stems', word))[1] FROM unnest(%s::text[]) WITH ORDINALITY AS w(word, n) ORDER BY n"
        )
        on_postgres = [stem for (stem,) in server.execute(query, [words])]
    assert len(words) > 4_000
    assert on_sqlite == on_postgres


async def test_words_are_found_whatever_stands_around_them(
    conversations: Conversations, turns: Turns, ask: Ask
) -> None:
    said = {
        "drift": "What is Drift?",
        "percent": "Why 100% of the traffic?",
        "underscore": "Where is log_model?",
        "path": "Is C:\\tmp/models.v2 or https://example.org/a/b.html fine?",
        "umlaut": "Übersicht — «naïve» 日本語",
    }
    for name, asked in said.items():
        await turns.claim(ask(asked, SessionKey("x", "W", name, f"t-{name}.0001"), event_id=name))
    await turns.complete("drift", Answer("This was answered late."))
    expected = {
        "drift": {"drift"},
        "DRIFT": {"drift"},
        "  drift ": {"drift"},
        "late answered": {"drift"},
        "drift late": set(),
        "t-drift": {"drift"},
        "t-drift.0001": {"drift"},
        "100%": {"percent"},
        "log_model": {"underscore"},
        "model": {"underscore", "path"},
        "C:\\tmp": {"path"},
        "models": {"underscore", "path"},
        "example.org": {"path"},
        "b.html": {"path"},
        "übersicht": {"umlaut"},
        "naïve": {"umlaut"},
        "日本語": {"umlaut"},
        "nothing of the kind": set(),
        "?!": set(),
        " ": set(said),
    }
    assert {typed: await found(conversations, typed) for typed in expected} == expected


@pytest.mark.parametrize("rare", [search.RARE, 0], ids=["looked up", "gone through"])
async def test_nothing_that_people_type_raises(
    conversations: Conversations, turns: Turns, ask: Ask, monkeypatch: pytest.MonkeyPatch, rare: int
) -> None:
    monkeypatch.setattr(search, "RARE", rare)
    await turns.claim(ask("What is drift?"))
    for typed in HOSTILE:
        page = await conversations.page(SessionFilter(search=typed), 5)
        assert len(page.items) <= 1
    assert len((await conversations.page(SessionFilter(search="is drift"), 5)).items) == 1


@pytest.mark.parametrize("rare", [search.RARE, 0], ids=["looked up", "gone through"])
async def test_hit_is_the_first_message_with_all_words(
    conversations: Conversations, turns: Turns, ask: Ask, monkeypatch: pytest.MonkeyPatch, rare: int
) -> None:
    monkeypatch.setattr(search, "RARE", rare)
    for number in range(12):
        await turns.claim(ask(f"Hello {number}"))
    await turns.complete("event of Hello 10", Answer("Canaries sing."))
    await turns.complete("event of Hello 11", Answer("Canaries sing again."))
    [listed] = (await conversations.page(SessionFilter(search="sing canaries"), 5)).items
    assert listed.hit == "Canaries sing."


async def test_session_found_by_its_heading_alone_has_no_hit(
    conversations: Conversations, turns: Turns, ask: Ask
) -> None:
    await turns.claim(ask("Hello", SessionKey("slack", "T1", "C0HELP", "1763.0001")))
    [listed] = (await conversations.page(SessionFilter(search="c0help"), 5)).items
    assert listed.hit == ""


async def test_what_was_taken_away_is_found_no_more(
    conversations: Conversations, sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("Hello"))
    await turns.claim(ask("zebra", event_id="z"))
    await turns.complete("z", Answer("giraffe"))
    await turns.supersede("z", ask("lion", event_id="l"))
    assert [await found(conversations, word) for word in ("zebra", "giraffe", "lion")] == [set(), set(), {"C1"}]

    await turns.complete("l", Answer("tiger"))
    await turns.withdraw("l")
    assert [await found(conversations, word) for word in ("lion", "tiger", "hello")] == [set(), set(), {"C1"}]

    await sessions.delete(thread)
    await turns.claim(ask("anew", event_id="a"))
    assert [await found(conversations, word) for word in ("hello", "anew")] == [set(), {"C1"}]


async def test_moved_session_is_found_at_its_new_address(
    conversations: Conversations, sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("Hello"))
    await sessions.move(thread, SessionKey("slack", "T1", "C9NEW", "7"))
    assert [await found(conversations, word) for word in ("C1", "c9new")] == [set(), {"C9NEW"}]


async def test_index_holds_what_the_messages_say(
    conversations: Conversations, sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey, database: Database
) -> None:
    """Deleting from a full-text table with words that are not in it would leave it damaged."""
    for word in ("one", "two"):
        await turns.claim(ask(word))
        await turns.complete(f"event of {word}", Answer(f"answer to {word}"))
    await turns.withdraw("event of one")
    await sessions.delete(thread)
    count = "SELECT count(*) FROM said"
    async with database.begin() as db:
        if database.embedded:
            await db.execute(text("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, said, row)"))
            count = "SELECT count(*) FROM vocabulary"
        assert await db.scalar(text(count)) == 0
    assert await found(conversations, "answer") == set()
