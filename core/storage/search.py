"""The search over what was said: conditions for lists of sessions, and the messages in which its words stand.

Comes in: what somebody typed; its words are found whole. Goes out: conditions for SQLite (FTS5) and for Postgres
(tsvector). The migrations make the table `said` and its triggers keep it; the models do not know it. Used by
`core.storage.conversations`. Rare words are looked up, and the sessions that have them put in order. Common ones stand
nearly everywhere: there the sessions are gone through in their order, and each is asked whether it has them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain.history import words_of

RARE = 4_000
"""Messages in which words may stand to be rare."""

ON_SQLITE = {
    "hits": "SELECT count(*) FROM (SELECT 1 FROM said WHERE said MATCH :words LIMIT :most) AS hits",
    "rare": """sessions.id IN (SELECT session_id FROM said_sessions
        WHERE number IN (SELECT rowid >> 20 FROM said WHERE said MATCH :words))""",
    "common": """(SELECT 1 FROM said_sessions AS there CROSS JOIN said WHERE there.session_id = sessions.id
        AND said MATCH :words AND said.rowid BETWEEN there.number << 20 AND (there.number << 20) + 1048575 LIMIT 1)
        IS NOT NULL""",
    "found": """WITH found AS MATERIALIZED (
            SELECT session_id, (SELECT min(rowid) FROM said WHERE said MATCH :words
                AND rowid BETWEEN (number << 20) + 2 AND (number << 20) + 1048575) AS place
            FROM said_sessions WHERE session_id IN :sessions)
        SELECT found.session_id, messages.text FROM found JOIN messages ON messages.session_id = found.session_id
            AND messages.turn = (place & 1048575) >> 1
            AND messages.role = CASE place & 1 WHEN 1 THEN 'assistant' ELSE 'user' END""",
}
ON_POSTGRES = {
    "hits": """SELECT count(*) FROM
        (SELECT 1 FROM said WHERE words @@ to_tsquery('simple', :words) LIMIT :most) AS hits""",
    "rare": "sessions.id IN (SELECT session_id FROM said WHERE words @@ to_tsquery('simple', :words))",
    "common": """(SELECT 1 FROM said WHERE said.session_id = sessions.id
        AND words @@ to_tsquery('simple', :words) LIMIT 1) IS NOT NULL""",
    "found": """SELECT DISTINCT ON (said.session_id) said.session_id, messages.text
        FROM said JOIN messages ON messages.id = said.id
        WHERE said.session_id IN :sessions AND words @@ to_tsquery('simple', :words)
        ORDER BY said.session_id, messages.turn, messages.role DESC""",
}


def in_models(name: str | None, kind: str, _: Mapping[str, Any]) -> bool:
    """Whether the models are to know a table: all but those of this search. For Alembic's `include_name`."""
    return kind != "table" or not (name or "").startswith("said")


class Search:
    """A search in the words of one of the two databases. Whatever was typed, it can be run."""

    def __init__(self, typed: str, *, embedded: bool) -> None:
        words = words_of(typed)
        self.empty = not words
        """Whether nothing was typed that could have been said."""
        self._statements = ON_SQLITE if embedded else ON_POSTGRES
        self._words = " ".join(f'"{word}"' for word in words) if embedded else " & ".join(f"'{word}'" for word in words)

    async def condition(self, db: AsyncSession) -> TextClause:
        """The condition under which a session has all words in one of its messages, or in its heading."""
        if self.empty:
            return text("1 = 0")
        hits = await db.scalar(text(self._statements["hits"]), {"words": self._words, "most": RARE + 1})
        return text(self._statements["common" if (hits or 0) > RARE else "rare"]).bindparams(words=self._words)

    async def found(self, db: AsyncSession, sessions: Sequence[str]) -> dict[str, str]:
        """Of each of the sessions, the first message in which the words stand."""
        statement = text(self._statements["found"]).bindparams(bindparam("sessions", expanding=True))
        rows = await db.execute(statement, {"words": self._words, "sessions": list(sessions)})
        return dict[str, str](rows.tuples().all())
