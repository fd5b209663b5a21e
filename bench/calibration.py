"""Fits what tells covered questions from those that are not: `python bench/calibration.py`.

Indexes the pages that ship (and --corpus, a folder with dev/ and distractors/, in an index of its own, when it is
there), asks the golden questions of each, and prints the coefficients for `core/knowledge/retrieval/rank.py` with what
they are worth under ten-fold cross-validation.
"""

import argparse
import asyncio
import math
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.knowledge import SHIPPED, prepared, read_pages, refresh, write  # noqa: E402
from core.bootstrap import open_services  # noqa: E402
from core.knowledge.evaluation.golden import read_questions  # noqa: E402
from core.knowledge.retrieval.rank import FEW_WORDS, Evidence  # noqa: E402
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, evidence  # noqa: E402

REFUSED = 2.0
"""Weight of a question that is not covered, beside one that is."""


async def gather(folder: Path, pages: Path, questions: Path) -> list[tuple[bool, Evidence]]:
    """For each question, whether it can be answered and the evidence of the passage that fits best."""
    settings = await asyncio.to_thread(prepared, folder, pages)
    await refresh(settings)
    known: list[tuple[bool, Evidence]] = []
    async with open_services(settings) as services:
        opened = await services.retriever.live()
        for question in read_questions(questions):
            found = (await services.retriever.find(question.question)).passages
            similarities = [passage.similarity for passage in found]
            best = max(evidence(opened, question.question, similarities, found), key=lambda seen: seen.probability)
            known.append((bool(question.gold), best))
    return known


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SHIPPED, folder / "shipped")
        known = await gather(folder / "a", folder / "shipped", ROOT / "data" / "golden.jsonl")
        if (options.corpus / "dev").is_dir():
            write(read_pages(options.corpus), folder / "corpus")
            known += await gather(folder / "b", folder / "corpus", options.corpus / "dev" / "questions.jsonl")
    covered = np.array([answerable for answerable, _ in known])
    seen = np.array(
        [[e.similarity, e.covered, math.log(max(e.words, FEW_WORDS) / FEW_WORDS)] for _, e in known], dtype=float
    )
    model = LogisticRegression(C=100, class_weight={True: 1.0, False: REFUSED})
    folds = StratifiedKFold(10, shuffle=True, random_state=1)
    probable = cross_val_predict(model, seen, covered, cv=folds, method="predict_proba")[:, 1]
    print(f"{len(known)} questions, {(~covered).sum()} of them not covered")
    print(f"AUC {roc_auc_score(covered, probable):.3f}, of the cosine alone {roc_auc_score(covered, seen[:, 0]):.3f}")
    print(f"answered rightly {(probable >= SUPPORTING_SCORE)[covered].mean():.2f}")
    print(f"refused rightly {(probable < SUPPORTING_SCORE)[~covered].mean():.2f}")
    model.fit(seen, covered)
    print("BIAS, SIMILARITY, COVERED, TOLD =", *np.round([model.intercept_[0], *model.coef_[0]], 2))


if __name__ == "__main__":
    asyncio.run(main())
