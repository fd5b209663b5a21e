"""The embedding models that are packaged here: the configured one, and those that earlier versions were built with.

Comes in: the configuration of an index version. Goes out: the embedder whose vectors its passages have. Called by the
retriever when it opens a version.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import KnowledgeError
from core.knowledge.index.embed import Embedder


class Models:
    """Embedders by the identity of their weights. `folder_of` says where a model of a name is packaged."""

    def __init__(self, configured: Embedder, folder_of: Callable[[str], Path]) -> None:
        self.configured = configured
        self._folder_of = folder_of
        self._loaded = {configured.identity: configured}

    def get(self, configuration: Mapping[str, Any]) -> Embedder:
        """The embedder that a version was built with. Raises KnowledgeError when it is not here."""
        identity, name = str(configuration.get("weights_sha256", "")), str(configuration.get("model", ""))
        if identity not in self._loaded:
            embedder = Embedder(self._folder_of(name))
            if embedder.identity != identity:
                raise KnowledgeError(
                    f"The index was built with another embedding model of the name {name}. "
                    "Run `mlops-assistant refresh` to build it anew."
                )
            self._loaded[identity] = embedder
        return self._loaded[identity]
