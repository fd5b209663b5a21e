"""A cross-encoder over what was found: a real one of sentence-transformers, tiny and untrained, from a folder."""

from pathlib import Path

import pytest
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from core.domain.knowledge import Passage
from core.errors import KnowledgeError
from core.knowledge.retrieval.rerank import Reranker


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, packaged_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("cross-encoder")
    tokenizer = BertTokenizerFast(tokenizer_file=str(packaged_model / "tokenizer.json"))
    tokenizer.model_max_length = 128
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def passage(name: str, text: str) -> Passage:
    return Passage(name, "page", "Page", (), "/page", text)


def test_passages_come_in_the_order_of_the_model_whatever_order_they_were_in(tiny_model: Path) -> None:
    reranker = Reranker(str(tiny_model))
    passages = [passage(str(n), text) for n, text in enumerate(("drift", "a model is stored", "jobs wait in a queue"))]
    ranked = list(reranker.scores("Why does a job wait?", passages))
    assert sorted(ranked) == ["0", "1", "2"]
    assert list(reranker.scores("Why does a job wait?", passages[::-1])) == ranked
    assert reranker.scores("Why?", []) == {}


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="RERANK_MODEL"):
        Reranker(str(tmp_path / "nothing"))
