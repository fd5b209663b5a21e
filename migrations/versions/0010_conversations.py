"""Conversations can be searched and filtered: an index of all words that were said, and counts beside each session.

`said` holds the words of every message and of the heading of every session: a full-text table on SQLite, vectors with a
GIN index on Postgres. Triggers keep it, so that whatever is deleted is found no more. On SQLite `said` knows its rows
by number alone: that of the session (`said_sessions`), its turn, and who spoke. SQLite drops the triggers of a table
that is built anew: a migration that does so with `sessions` or `messages` has to create them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NUMBER = "(SELECT count(CASE WHEN {0} THEN 1 END) FROM messages AS m{1} WHERE m.session_id = sessions.id)"
FEEDBACK = " JOIN feedback AS f ON f.message_id = m.id"
COUNTS = {
    "agents": NUMBER.format("m.role = 'user' AND m.mode = 'agent'", ""),
    "crews": NUMBER.format("m.role = 'user' AND m.mode = 'crew'", ""),
    "uncovered": NUMBER.format("m.role = 'assistant' AND NOT m.covered", ""),
    "failed": NUMBER.format("m.status = 'failed'", ""),
    "helpful": NUMBER.format("f.verdict = 'helpful'", FEEDBACK),
    "unhelpful": NUMBER.format("f.verdict = 'not_helpful'", FEEDBACK),
    "escalated": NUMBER.format("true", " JOIN escalations AS e ON e.message_id = m.id"),
    "cost": "(SELECT coalesce(sum(m.cost), 0) FROM messages AS m WHERE m.session_id = sessions.id)",
}

HEADING = "{0}title || ' ' || {0}channel || ' ' || {0}thread"
SESSION = "(SELECT number << 20 FROM said_sessions WHERE session_id = {0}id)"
MESSAGE = (
    "(SELECT number << 20 FROM said_sessions WHERE session_id = {0}session_id) + {0}turn * 2 + ({0}role != 'user')"
)
LEARN = "INSERT INTO said(rowid, words) VALUES"
FORGET = "INSERT INTO said(said, rowid, words) VALUES"
VECTOR = r"to_tsvector('simple', regexp_replace(left({0}, 200000), '[!-/:-@\[-`{{-~]', ' ', 'g'))"
"""Words as people type them: what Postgres takes for paths, addresses and hosts is cut at every sign."""

PARTS = {
    "headings": HEADING.format(""),
    "session": SESSION.format("sessions."),
    "message": MESSAGE.format("messages."),
    "learn_session": f"{LEARN} ({SESSION.format('new.')}, {HEADING.format('new.')})",
    "forget_session": f"{FORGET} ('delete', {SESSION.format('old.')}, {HEADING.format('old.')})",
    "learn_message": f"{LEARN} ({MESSAGE.format('new.')}, new.text)",
    "forget_message": f"{FORGET} ('delete', {MESSAGE.format('old.')}, old.text)",
    "heading_vectors": VECTOR.format(HEADING.format("")),
    "heading_vector": VECTOR.format(HEADING.format("new.")),
    "text_vectors": VECTOR.format("text"),
    "text_vector": VECTOR.format("new.text"),
}

SQLITE = (
    "CREATE TABLE said_sessions (number INTEGER PRIMARY KEY, session_id VARCHAR(36) NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE said USING fts5(words, content='', columnsize=0, tokenize='unicode61 remove_diacritics 0')",
    "INSERT INTO said_sessions(session_id) SELECT id FROM sessions",
    "INSERT INTO said(rowid, words) SELECT {session}, {headings} FROM sessions",
    "INSERT INTO said(rowid, words) SELECT {message}, text FROM messages",
    """CREATE TRIGGER said_session_opened AFTER INSERT ON sessions BEGIN
        INSERT INTO said_sessions(session_id) VALUES (new.id); {learn_session}; END""",
    """CREATE TRIGGER said_session_renamed AFTER UPDATE OF title, channel, thread ON sessions BEGIN
        {forget_session}; {learn_session}; END""",
    """CREATE TRIGGER said_session_deleted AFTER DELETE ON sessions BEGIN
        {forget_session}; DELETE FROM said_sessions WHERE session_id = old.id; END""",
    "CREATE TRIGGER said_message_stored AFTER INSERT ON messages BEGIN {learn_message}; END",
    """CREATE TRIGGER said_message_changed AFTER UPDATE OF text ON messages BEGIN
        {forget_message}; {learn_message}; END""",
    "CREATE TRIGGER said_message_deleted AFTER DELETE ON messages BEGIN {forget_message}; END",
)

POSTGRES = (
    """CREATE TABLE said (id VARCHAR(36) PRIMARY KEY,
        session_id VARCHAR(36) NOT NULL REFERENCES sessions ON DELETE CASCADE, words TSVECTOR NOT NULL)""",
    "INSERT INTO said SELECT id, id, {heading_vectors} FROM sessions",
    "INSERT INTO said SELECT id, session_id, {text_vectors} FROM messages",
    "CREATE INDEX ix_said_words ON said USING gin (words)",
    "CREATE INDEX ix_said_session_id ON said (session_id)",
    """CREATE FUNCTION said_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO said VALUES (new.id, new.id, {heading_vector})
            ON CONFLICT (id) DO UPDATE SET words = excluded.words;
        RETURN NULL; END $$""",
    """CREATE FUNCTION said_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF tg_op = 'DELETE' THEN DELETE FROM said WHERE id = old.id; RETURN NULL; END IF;
        INSERT INTO said VALUES (new.id, new.session_id, {text_vector})
            ON CONFLICT (id) DO UPDATE SET words = excluded.words;
        RETURN NULL; END $$""",
    """CREATE TRIGGER said_session AFTER INSERT OR UPDATE OF title, channel, thread ON sessions
        FOR EACH ROW EXECUTE FUNCTION said_session()""",
    """CREATE TRIGGER said_message AFTER INSERT OR DELETE OR UPDATE OF text ON messages
        FOR EACH ROW EXECUTE FUNCTION said_message()""",
)

SQLITE_AWAY = (
    *(f"DROP TRIGGER said_session_{what}" for what in ("opened", "renamed", "deleted")),
    *(f"DROP TRIGGER said_message_{what}" for what in ("stored", "changed", "deleted")),
    "DROP TABLE said",
    "DROP TABLE said_sessions",
)
POSTGRES_AWAY = (
    "DROP TRIGGER said_session ON sessions",
    "DROP TRIGGER said_message ON messages",
    "DROP FUNCTION said_session",
    "DROP FUNCTION said_message",
    "DROP TABLE said",
)


def upgrade() -> None:
    for name in COUNTS:
        kind = sa.BigInteger() if name == "cost" else sa.Integer()
        op.add_column("sessions", sa.Column(name, kind, nullable=False, server_default="0"))
    op.execute(f"UPDATE sessions SET {', '.join(f'{name} = {count}' for name, count in COUNTS.items())}")  # noqa: S608
    op.drop_index("ix_sessions_updated_at", "sessions")
    op.create_index("ix_sessions_list", "sessions", ["updated_at", "id", "platform", "channel", *COUNTS])
    asked = sa.text("author <> ''")
    op.create_index(
        "ix_messages_author", "messages", ["author", "session_id"], sqlite_where=asked, postgresql_where=asked
    )
    _run(SQLITE, POSTGRES)


def downgrade() -> None:
    _run(SQLITE_AWAY, POSTGRES_AWAY)
    op.drop_index("ix_messages_author", "messages")
    op.drop_index("ix_sessions_list", "sessions")
    op.create_index("ix_sessions_updated_at", "sessions", ["updated_at"])
    for name in COUNTS:
        op.execute(f"ALTER TABLE sessions DROP COLUMN {name}")


def _run(on_sqlite: tuple[str, ...], on_postgres: tuple[str, ...]) -> None:
    connection = op.get_bind()
    for statement in on_sqlite if connection.dialect.name == "sqlite" else on_postgres:
        connection.exec_driver_sql(statement.format(**PARTS))
