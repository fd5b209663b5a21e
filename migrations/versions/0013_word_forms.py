"""The search finds words in all their forms, and by their beginning.

Beside each word as it was said stands its stem, by Porter's rules in both databases, so that they find the same: on
SQLite in a table of its own, on Postgres in the same vector, where A marks what was said and B the stems. SQLite keeps
the first letters of words too; Postgres finds beginnings in the index that it has. The words of all messages are read
anew, which takes a minute for a million of them.
"""

# ruff: noqa: S608 - statements are put together of the constants below

from collections.abc import Callable

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

HEADING = "{0}title || ' ' || {0}channel || ' ' || {0}thread"
SESSION = "(SELECT number << 20 FROM said_sessions WHERE session_id = {0}id)"
MESSAGE = (
    "(SELECT number << 20 FROM said_sessions WHERE session_id = {0}session_id) + {0}turn * 2 + ({0}role != 'user')"
)
EACH = ("said", "said_stems")
TRIGGERS = (
    *(f"said_session_{what}" for what in ("opened", "renamed", "deleted")),
    *(f"said_message_{what}" for what in ("stored", "changed", "deleted")),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _on_sqlite({"said": "unicode61 remove_diacritics 0", "said_stems": "porter unicode61 remove_diacritics 0"})
    else:
        _run(
            "CREATE TEXT SEARCH DICTIONARY said_stems (TEMPLATE = snowball, LANGUAGE = porter)",
            "CREATE TEXT SEARCH CONFIGURATION said (COPY = simple)",
            "ALTER TEXT SEARCH CONFIGURATION said ALTER MAPPING REPLACE simple WITH said_stems",
        )
        _on_postgres(_both)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _run("DROP TABLE said_stems")
        _on_sqlite({"said": "unicode61 remove_diacritics 0"}, beginnings="")
    else:
        _on_postgres(_as_said)
        _run("DROP TEXT SEARCH CONFIGURATION said", "DROP TEXT SEARCH DICTIONARY said_stems")


def _on_sqlite(tables: dict[str, str], beginnings: str = ", prefix='3 4 5 6 7 8'") -> None:
    _run(*(f"DROP TRIGGER {name}" for name in TRIGGERS), "DROP TABLE said")
    for table, tokens in tables.items():
        more = beginnings if table == "said" else ""
        _run(
            f"CREATE VIRTUAL TABLE {table} USING fts5(words, content='', columnsize=0{more}, tokenize='{tokens}')",
            f"INSERT INTO {table}(rowid, words) SELECT {SESSION}, {HEADING} FROM sessions".format("sessions."),
            f"INSERT INTO {table}(rowid, words) SELECT {MESSAGE}, text FROM messages".format("messages."),
        )

    def learn(number: str, words: str) -> str:
        row = f"{number.format('new.')}, {words.format('new.')}"
        return "; ".join(f"INSERT INTO {table}(rowid, words) VALUES ({row})" for table in tables)

    def forget(number: str, words: str) -> str:
        row = f"{number.format('old.')}, {words.format('old.')}"
        return "; ".join(f"INSERT INTO {table}({table}, rowid, words) VALUES ('delete', {row})" for table in tables)

    session, message = (SESSION, HEADING), (MESSAGE, "{0}text")
    _run(
        f"""CREATE TRIGGER said_session_opened AFTER INSERT ON sessions BEGIN
            INSERT INTO said_sessions(session_id) VALUES (new.id); {learn(*session)}; END""",
        f"""CREATE TRIGGER said_session_renamed AFTER UPDATE OF title, channel, thread ON sessions BEGIN
            {forget(*session)}; {learn(*session)}; END""",
        f"""CREATE TRIGGER said_session_deleted AFTER DELETE ON sessions BEGIN
            {forget(*session)}; DELETE FROM said_sessions WHERE session_id = old.id; END""",
        f"CREATE TRIGGER said_message_stored AFTER INSERT ON messages BEGIN {learn(*message)}; END",
        f"""CREATE TRIGGER said_message_changed AFTER UPDATE OF text ON messages BEGIN
            {forget(*message)}; {learn(*message)}; END""",
        f"CREATE TRIGGER said_message_deleted AFTER DELETE ON messages BEGIN {forget(*message)}; END",
    )


def _as_said(said: str, configuration: str = "simple") -> str:
    """The words of a text; what Postgres takes for paths, addresses and hosts is cut at every sign."""
    return rf"to_tsvector('{configuration}', regexp_replace(left({said}, 200000), '[!-/:-@\[-`{{-~]', ' ', 'g'))"


def _both(said: str) -> str:
    return f"setweight({_as_said(said)}, 'A') || setweight({_as_said(said, 'said')}, 'B')"


def _on_postgres(vector: Callable[[str], str]) -> None:
    _run(
        "DROP INDEX ix_said_words",
        "TRUNCATE said",
        f"INSERT INTO said SELECT id, id, {vector(HEADING.format(''))} FROM sessions",
        f"INSERT INTO said SELECT id, session_id, {vector('text')} FROM messages",
        "CREATE INDEX ix_said_words ON said USING gin (words)",
        "ANALYZE said",
        f"""CREATE OR REPLACE FUNCTION said_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO said VALUES (new.id, new.id, {vector(HEADING.format("new."))})
                ON CONFLICT (id) DO UPDATE SET words = excluded.words;
            RETURN NULL; END $$""",
        f"""CREATE OR REPLACE FUNCTION said_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF tg_op = 'DELETE' THEN DELETE FROM said WHERE id = old.id; RETURN NULL; END IF;
            INSERT INTO said VALUES (new.id, new.session_id, {vector("new.text")})
                ON CONFLICT (id) DO UPDATE SET words = excluded.words;
            RETURN NULL; END $$""",
    )


def _run(*statements: str) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
