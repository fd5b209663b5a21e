"""Everything that lasts: SQLAlchemy rows inside, domain nouns outside. SQLite by default, Postgres by address."""
