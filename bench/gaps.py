"""Finds the cosine from which two questions ask the same: `python bench/gaps.py`.

Puts the questions of `bench/gaps.jsonl`, each group of which asks one thing in several wordings, into gaps as the
service does, in many orders, and prints for each threshold how often two that belong together were put together
(recall) and two that were put together belong together (precision).
"""

import json
import random
import sys
import tempfile
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.answering.gaps import Grouping  # noqa: E402
from core.knowledge.index.embed import Embedder, Vectors  # noqa: E402
from core.knowledge.index.package import ensure_model  # noqa: E402

ORDERS = 40
THRESHOLDS = [round(0.5 + 0.02 * step, 2) for step in range(16)]


def grouped(vectors: Vectors, order: list[int], threshold: float) -> dict[int, str]:
    """The gap of each question, by its place, when they come in this order."""
    grouping = Grouping({}, threshold)
    return {place: grouping.put(vectors[place])[0] for place in order}


def main() -> None:
    groups = [json.loads(line) for line in (ROOT / "bench" / "gaps.jsonl").read_text().splitlines()]
    questions = [(group["about"], text) for group in groups for text in group["questions"]]
    with tempfile.TemporaryDirectory() as folder:
        ensure_model(Path(folder) / "model")
        vectors = Embedder(Path(folder) / "model").embed([text for _, text in questions])
    pairs = list(combinations(range(len(questions)), 2))
    same = [questions[a][0] == questions[b][0] for a, b in pairs]
    print(f"{len(questions)} questions on {len(groups)} subjects, {sum(same)} pairs that belong together")
    for threshold in THRESHOLDS:
        right = together = 0
        for seed in range(ORDERS):
            order = list(range(len(questions)))
            random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
            gaps = grouped(vectors, order, threshold)
            put = [gaps[a] == gaps[b] for a, b in pairs]
            together += sum(put)
            right += sum(p and s for p, s in zip(put, same, strict=True))
        precision, recall = right / max(together, 1), right / (sum(same) * ORDERS)
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        print(f"{threshold:.2f}  precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}")


if __name__ == "__main__":
    main()
