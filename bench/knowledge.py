"""The knowledge engine beside the plain recipe (`bench/recipe.py`), in the same run: `python bench/knowledge.py`.

    python bench/knowledge.py build     chunks a second; refreshes with nothing changed and with 1 page changed
    python bench/knowledge.py query     memory while 100,000 chunks are indexed, and search among them
    python bench/knowledge.py chat      /chat while a refresh runs, against idle
    python bench/knowledge.py quality   ranking over the pages and questions of --corpus, beside the recipe's

Pages come from --corpus (a folder with dev/ and distractors/, as ../shared/corpus) or from those that ship; where more
are needed, copies with every fifth word replaced. The recipe indexes --baseline chunks and is extrapolated.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.bootstrap import open_services, prepare  # noqa: E402
from core.domain.knowledge import RefreshRun  # noqa: E402
from core.knowledge.evaluation.golden import read_questions  # noqa: E402
from core.knowledge.evaluation.scoring import judge, score  # noqa: E402
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE  # noqa: E402
from core.settings import Settings, load_settings  # noqa: E402

SHIPPED = ROOT / "data" / "knowledge"
NONE = ROOT / "bench" / "none"
CHARACTERS_A_CHUNK = 540
"""Of a page, for one passage of ours; to make about as many pages as are needed."""


def read_pages(corpus: Path) -> dict[str, str]:
    folders = [corpus / "dev", corpus / "distractors"] if (corpus / "dev").is_dir() else [SHIPPED]
    files = [
        (folder, file) for folder in folders for file in sorted(folder.rglob("*")) if file.suffix in (".md", ".mdx")
    ]
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8") for folder, file in files}


def varied(pages: dict[str, str], characters: int) -> dict[str, str]:
    """Pages, then copies of them with other words, until there are so many characters."""
    random.seed(1)
    words = sorted({word for text in pages.values() for word in text.split(" ") if word.isalpha()})
    made: dict[str, str] = {}
    size = turn = 0
    while size < characters:
        for path, text in pages.items():
            parts = text.split(" ")
            if turn:
                parts[::5] = [random.choice(words) if word.isalpha() else word for word in parts[::5]]  # noqa: S311
            made[f"{turn}/{path}"] = " ".join(parts)
            size += len(text)
            if size >= characters:
                break
        turn += 1
    return made


def write(pages: dict[str, str], folder: Path) -> None:
    for path, text in pages.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class Peak:
    """The most memory that this process and its children held at once, in MB."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.2):
            held = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    held += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.megabytes = max(self.megabytes, held / 1e6)


def prepared(folder: Path, pages: Path) -> Settings:
    settings = load_settings(
        var_dir=folder / "var", knowledge_dir=pages, sources_file=NONE, golden_file=NONE, refresh_cron="off"
    )
    ready = ROOT / "var" / "models"
    if ready.is_dir():
        shutil.copytree(
            ready, settings.model_dir.parent, ignore=shutil.ignore_patterns("vectors.db*"), dirs_exist_ok=True
        )
    prepare(settings, print)
    return settings


async def refresh(settings: Settings) -> tuple[RefreshRun, float]:
    async with open_services(settings) as services:
        source = await services.sources.get("knowledge")
        await services.sources.change("knowledge", type(source)(**{**vars(source), "max_pages": 100_000}))
        started = time.monotonic()
        run = await services.refresher.finished("bench")
        return run, time.monotonic() - started


def quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[int(share * 100) - 1]


def line(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def recipe(folder: Path) -> Any:
    """The plain recipe; imported when it is needed, for it brings torch along."""
    from bench.recipe import Recipe  # noqa: PLC0415

    return Recipe(folder)


async def build(options: argparse.Namespace) -> None:
    pages = varied(read_pages(options.corpus), options.chunks * CHARACTERS_A_CHUNK)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(pages, folder / "pages")
        chunks, seconds = recipe(folder / "plain").index(pages, options.baseline)
        plain = chunks / seconds
        settings = await asyncio.to_thread(prepared, folder, folder / "pages")
        run, took = await refresh(settings)
        assert run.version
        ours = run.version.passages / took
        line("build", f"{run.version.passages:,} chunks of {len(pages):,} pages", f"{ours:.0f}/s in {took:.0f} s")
        line("plain recipe", f"{chunks:,} chunks", f"{plain:.1f}/s", f"ratio {ours / plain:.2f}")
        _, nothing = await refresh(settings)
        line("nothing changed", f"{nothing:.2f} s", f"{nothing / took:.2%} of the build")
        changed = folder / "pages" / next(iter(pages))
        changed.write_text(changed.read_text() + "\n\n## One more thing\n\nA paragraph that was not here before.\n")
        run, one = await refresh(settings)
        line(f"1 page of {len(pages):,} changed", f"{run.status}", f"{one:.2f} s", f"{one / took:.2%} of the build")


async def query(options: argparse.Namespace) -> None:
    pages = varied(read_pages(options.corpus), options.many * CHARACTERS_A_CHUNK)
    questions = [question.question for question in read_questions(ROOT / "data" / "golden.jsonl")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(pages, folder / "pages")
        settings = await asyncio.to_thread(prepared, folder, folder / "pages")
        del pages
        with Peak() as peak:
            run, took = await refresh(settings)
        assert run.version
        line(
            "indexing",
            f"{run.version.passages:,} chunks in {took:.0f} s",
            f"peak {peak.megabytes:.0f} MB, all processes",
        )
        async with open_services(settings) as services:
            times: list[float] = []
            for question in questions * 3:
                started = time.perf_counter()
                await services.retriever.search(question)
                times.append((time.perf_counter() - started) * 1000)
        warm = times[len(questions) :]
        line("search", f"p50 {statistics.median(warm):.1f} ms", f"p95 {quantile(warm, 0.95):.1f} ms")


async def chat(options: argparse.Namespace) -> None:
    pages = varied(read_pages(options.corpus), options.chunks * CHARACTERS_A_CHUNK)
    questions = [question.question for question in read_questions(ROOT / "data" / "golden.jsonl")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SHIPPED, folder / "pages" / "shipped")
        settings = await asyncio.to_thread(prepared, folder, folder / "pages")
        await refresh(settings)
        environment = {
            **os.environ,
            "VAR_DIR": str(settings.var_dir),
            "KNOWLEDGE_DIR": str(folder / "pages"),
            "SOURCES_FILE": str(NONE),
            "GOLDEN_FILE": str(NONE),
            "PORT": str(options.port),
        }
        service = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            "serve",
            "--roles",
            "http",
            env=environment,
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            address = f"http://127.0.0.1:{options.port}"
            while await asyncio.to_thread(fails, address + "/health"):
                await asyncio.sleep(0.1)
            await asyncio.to_thread(ask_all, address, questions[:30])
            idle = await asyncio.to_thread(ask_all, address, questions)
            write(pages, folder / "pages" / "more")
            task = asyncio.create_task(asyncio.to_thread(post, address + "/index-docs", {}))
            busy: list[float] = []
            while not task.done():
                busy += await asyncio.to_thread(ask_all, address, questions[:20])
            line("chat idle", f"p50 {statistics.median(idle):.1f} ms", f"p95 {quantile(idle, 0.95):.1f} ms")
            p95 = quantile(busy, 0.95)
            line(
                "chat during a refresh",
                f"p50 {statistics.median(busy):.1f} ms",
                f"p95 {p95:.1f} ms",
                f"{len(busy)} questions",
                f"ratio of p95 {p95 / quantile(idle, 0.95):.2f}",
            )
            task.cancel()
        finally:
            service.terminate()
            await service.wait()


def fails(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - loopback
    except OSError:
        return True
    return False


def post(url: str, body: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=600) as reply:  # noqa: S310
            return reply.read()
    except OSError:
        return b""


def ask_all(address: str, questions: list[str]) -> list[float]:
    times: list[float] = []
    for question in questions:
        started = time.perf_counter()
        post(address + "/chat", {"message": question})
        times.append((time.perf_counter() - started) * 1000)
    return times


async def quality(options: argparse.Namespace) -> None:
    pages = read_pages(options.corpus)
    asked = read_questions(options.corpus / "dev" / "questions.jsonl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(pages, folder / "pages")
        plain = recipe(folder / "plain")
        plain.index(pages)
        ranked: dict[str, Callable[[str], list[str]]] = {"plain recipe": plain.pages}
        settings = await asyncio.to_thread(prepared, folder, folder / "pages")
        await refresh(settings)
        outcomes = {
            way: [judge(q, list(dict.fromkeys(find(q.question))), covered=True, score=1) for q in asked]
            for way, find in ranked.items()
        }
        async with open_services(settings) as services:
            found = [(q, await services.retriever.find(q.question)) for q in asked]
        outcomes["this"] = [
            judge(q, f.pages[:10], covered=f.score >= SUPPORTING_SCORE, score=f.score) for q, f in found
        ]
    line("way", "R@1", "R@3", "R@5", "MRR@10", "nDCG@10")
    line(*["---"] * 6)
    for way, results in outcomes.items():
        scores = score(results)
        metrics = (scores.recall_at_1, scores.recall_at_3, scores.recall_at_5, scores.mrr, scores.ndcg)
        line(way, *(f"{m.value:.3f}" if m else "-" for m in metrics))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["build", "query", "chat", "quality"])
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--chunks", type=int, default=16_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--baseline", type=int, default=1_500)
    parser.add_argument("--port", type=int, default=8390)
    options = parser.parse_args()
    asyncio.run({"build": build, "query": query, "chat": chat, "quality": quality}[options.part](options))


if __name__ == "__main__":
    main()
