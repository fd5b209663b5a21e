"""The search over what was said: conditions for lists of sessions, and the messages in which its words stand.

Comes in: what somebody typed. Goes out: conditions for SQLite (FTS5) and for Postgres (tsvector), under which a message
has all words in any of their forms, or just as they were typed, the last one perhaps not to its end. The migrations
make the tables `said*` and the triggers that keep them; the models do not know them. Used by
`core.storage.conversations`. Rare words are looked up, and the sessions that have them put in order. Common ones stand
nearly everywhere: there the sessions are gone through in their order, and each is asked whether it has them.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain.history import is_open, words_of

RARE = 4_000
"""Messages in which words may stand to be rare."""

SHORT = 2
"""Letters of words that have one form."""

ON_SQLITE = {
    "hits": """SELECT count(*) FROM (SELECT 1 FROM (SELECT rowid FROM said WHERE said MATCH :typed
        UNION ALL SELECT rowid FROM said_stems WHERE said_stems MATCH :words) AS there LIMIT :most) AS hits""",
    "rare": """sessions.id IN (SELECT session_id FROM said_sessions
        WHERE number IN (SELECT rowid >> 20 FROM said WHERE said MATCH :typed
            UNION SELECT rowid >> 20 FROM said_stems WHERE said_stems MATCH :words))""",
    "common": """(SELECT 1 FROM said_sessions AS there CROSS JOIN said WHERE there.session_id = sessions.id
            AND said MATCH :typed AND said.rowid BETWEEN there.number << 20 AND (there.number << 20) + 1048575 LIMIT 1)
        IS NOT NULL
        OR (SELECT 1 FROM said_sessions AS there CROSS JOIN said_stems WHERE there.session_id = sessions.id
            AND said_stems MATCH :words
            AND said_stems.rowid BETWEEN there.number << 20 AND (there.number << 20) + 1048575 LIMIT 1)
        IS NOT NULL""",
    "found": """WITH found AS MATERIALIZED (
            SELECT session_id, (SELECT min(place) FROM (
                SELECT min(rowid) AS place FROM said WHERE said MATCH :typed
                    AND rowid BETWEEN (number << 20) + 2 AND (number << 20) + 1048575
                UNION ALL SELECT min(rowid) FROM said_stems WHERE said_stems MATCH :words
                    AND rowid BETWEEN (number << 20) + 2 AND (number << 20) + 1048575)) AS place
            FROM said_sessions WHERE session_id IN :sessions)
        SELECT found.session_id, messages.text FROM found JOIN messages ON messages.session_id = found.session_id
            AND messages.turn = (place & 1048575) >> 1
            AND messages.role = CASE place & 1 WHEN 1 THEN 'assistant' ELSE 'user' END""",
}
WANTED = "(to_tsquery('simple', :typed) || (to_tsquery('simple', :short) && to_tsquery('said', :words)))"
ON_POSTGRES = {
    "hits": "SELECT said_hits({wanted}, :most)",
    "rare": "sessions.id = ANY (ARRAY(SELECT session_id FROM said WHERE words @@ {wanted}))",
    "common": "(SELECT 1 FROM said WHERE said.session_id = sessions.id AND words @@ {wanted} LIMIT 1) IS NOT NULL",
    "found": """WITH said_there AS MATERIALIZED (SELECT id, session_id, words FROM said WHERE session_id IN :sessions)
        SELECT DISTINCT ON (there.session_id) there.session_id, messages.text
        FROM said_there AS there JOIN messages ON messages.id = there.id
        WHERE words @@ {wanted}
        ORDER BY there.session_id, messages.turn, messages.role DESC""",
}


def in_models(name: str | None, kind: str, _: Any) -> bool:
    """Whether the models are to know a table: all but those of this search. For Alembic's `include_name`."""
    return kind != "table" or not (name or "").startswith("said")


class Search:
    """A search in the words of one of the two databases. Whatever was typed, it can be run."""

    def __init__(self, typed: str, *, embedded: bool) -> None:
        words = words_of(typed)
        self.empty = not words
        """Whether nothing was typed that could have been said."""
        statements = ON_SQLITE if embedded else ON_POSTGRES
        self._statements = {name: statement.format(wanted=WANTED) for name, statement in statements.items()}
        open_end = is_open(typed)
        if embedded:
            said = " ".join(f'"{word}"' for word in words)
            self._wanted = {"typed": f"{said} *" if open_end else said, "words": said}
        else:  # A is how it was said, B its stem; the stems of words of two letters are not SQLite's
            said = " & ".join(f"'{word}':A" for word in words)
            short = " & ".join(f"'{word}':A" for word in words if len(word) <= SHORT)
            stems = " & ".join(f"'{word}':B" for word in words if len(word) > SHORT)
            self._wanted = {"typed": f"{said}*" if open_end else said, "short": short, "words": stems}

    async def condition(self, db: AsyncSession) -> TextClause:
        """The condition under which a session has all words in one of its messages, or in its heading."""
        if self.empty:
            return text("1 = 0")
        hits = await db.scalar(text(self._statements["hits"]), {**self._wanted, "most": RARE + 1})
        found = self._statements["common" if (hits or 0) > RARE else "rare"]
        return text(f"({found})").bindparams(**self._wanted)

    async def found(self, db: AsyncSession, sessions: Sequence[str]) -> dict[str, str]:
        """Of each of the sessions, the first message in which the words stand."""
        statement = text(self._statements["found"]).bindparams(bindparam("sessions", expanding=True))
        rows = await db.execute(statement, {**self._wanted, "sessions": list(sessions)})
        return dict[str, str](rows.tuples().all())
