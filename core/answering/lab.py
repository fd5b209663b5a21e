"""The search lab: what a question finds, ranking by ranking, and just what the agent would be told of it.

Comes in: a question, an index version and a scope. Goes out: an `Experiment`; nothing is asked of a model, nothing is
stored. Called by the console.
"""

import asyncio
import json
import time
from dataclasses import dataclass

from core.answering.followups import search_query
from core.answering.language_models.prices import estimated_tokens
from core.answering.masking import masked
from core.answering.prompts import agent_request, agent_rules, prompt_version
from core.answering.service import check_text
from core.answering.tools import TOOLS
from core.domain.channels import ChannelSettings
from core.knowledge.retrieval.explained import Explained
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Retriever, Scope
from core.storage.versions import Versions


@dataclass(frozen=True)
class Experiment:
    """One search with what the agent's first call of a model would contain: `rules`, the `request`, the `tools`.

    `covered` is whether anything that was found supports an answer; `tokens` are estimated.
    """

    explained: Explained
    covered: bool
    prompt: str
    rules: str
    request: str
    tools: str
    milliseconds: int

    @property
    def tokens(self) -> int:
        """Of all that the model would be sent."""
        return estimated_tokens(len(self.rules) + len(self.request) + len(self.tools))


class SearchLab:
    """Searches as the agent does, in any version that is kept, and tells what it saw."""

    def __init__(self, versions: Versions, retriever: Retriever) -> None:
        self._versions = versions
        self._retriever = retriever

    async def try_out(self, question: str, scope: Scope, version_id: str = "") -> Experiment:
        """What a question without a conversation before it finds; in the live version unless another one is named.

        Raises InputError for text that cannot be asked, UnknownVersion, and KnowledgeError as a search does.
        """
        check_text(question)
        question = masked(question)
        started = time.monotonic()
        explained = await self._explain(search_query(question, []), scope, version_id)
        milliseconds = round((time.monotonic() - started) * 1000)
        return Experiment(
            explained=explained,
            covered=explained.score >= SUPPORTING_SCORE,
            prompt=prompt_version("agent"),
            rules=agent_rules(ChannelSettings()),
            request=agent_request(question, explained.passages),
            tools=await asyncio.to_thread(_described_tools),
            milliseconds=milliseconds,
        )

    async def _explain(self, query: str, scope: Scope, version_id: str) -> Explained:
        live = await self._versions.production()
        version = await self._versions.get(version_id) if version_id else live
        if version is None or (live and live.id == version.id):
            return await self._retriever.explain(query, scope=scope)
        opened = await self._retriever.open(version)
        try:
            return await self._retriever.explain(query, scope=scope, version=opened)
        finally:
            opened.close()


def _described_tools() -> str:
    from langchain_core.utils.function_calling import convert_to_openai_tool  # noqa: PLC0415 - with the first question

    return json.dumps([convert_to_openai_tool(tool) for tool in TOOLS], indent=2, ensure_ascii=False)
