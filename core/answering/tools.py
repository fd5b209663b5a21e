"""The tools that models may call: `search_mlops_docs` and `calculate`.

Comes in: a tool's name and its arguments. Goes out: what the model is told, with the passages that it may now cite.
Mistakes of the model (an unknown tool, wrong arguments) come back as words for it to correct.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from core.answering.arithmetic.calculate import calculate
from core.answering.outages import patiently
from core.answering.prompts import framed_passages
from core.domain.conversation import ToolCall
from core.domain.knowledge import Passage
from core.errors import InputError
from core.knowledge.retrieval.retrieve import EVERYTHING, Retriever, Scope


class search_mlops_docs(BaseModel):  # noqa: N801 - the class name is the tool's name
    """Search the MLOps knowledge base. Returns numbered passages that can be cited."""

    query: str = Field(min_length=1, max_length=500, description="What to look for, in the documentation's words.")


class calculate_tool(BaseModel):  # noqa: N801
    """Calculate with numbers and units: sizes, durations, money, rates and percentages. The result says its unit."""

    expression: str = Field(
        min_length=1,
        description=(
            "For example 3 * 24 * 0.526, sqrt(2), 2**10, 20% of 80 GB, 0.526 + 10%, $0.526/h * 720 h, "
            "500 GB / (200 MB/s), $3 per 1M tokens * 50M tokens, 90 min in h, 1 TiB to GB or ceil(7 TB / 2 TB). "
            "Units: bit to Tbit, B, KB to PB, KiB to PiB, Gbps; us, ms, s, min, h, d, week; month and year, which do "
            "not turn into days; $ and EUR, which need a rate to be converted; requests, rps; tokens. "
            "Count other things without a unit. Decimals have a point."
        ),
    )


calculate_tool.__name__ = "calculate"
TOOLS: list[type[BaseModel]] = [search_mlops_docs, calculate_tool]


@dataclass(frozen=True)
class ToolUse:
    """A tool call that was made, and the passages that it brought."""

    call: ToolCall
    passages: tuple[Passage, ...] = ()


class Toolbox:
    """Runs the tools of one turn, for both engines; passages come from within the `scope`."""

    def __init__(self, retriever: Retriever, scope: Scope = EVERYTHING) -> None:
        self._retriever = retriever
        self._scope = scope

    async def use(self, name: str, arguments: dict[str, Any], first: int) -> ToolUse:
        """Runs a tool; new passages are numbered from `first`."""
        passages: tuple[Passage, ...] = ()
        try:
            if name == "search_mlops_docs":
                query = search_mlops_docs.model_validate(arguments).query
                passages = tuple(await patiently(lambda: self._retriever.search(query, scope=self._scope)))
                result = framed_passages(list(passages), first)
            elif name == "calculate":
                expression = calculate_tool.model_validate(arguments).expression
                result = await asyncio.to_thread(calculate, expression)  # the first unit imports a library
            else:
                result = f"There is no tool {name!r}. Use search_mlops_docs or calculate."
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            result = f"Wrong arguments for {name}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}."
        except InputError as error:
            result = error.said
        return ToolUse(ToolCall(name, json.dumps(arguments, ensure_ascii=False), result), passages)
