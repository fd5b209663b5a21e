"""Tool calls that a model writes into its text are made and not shown; text that only looks like one is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from core.answering.language_models.written_calls import HELD_BACK, WrittenCalls
from core.answering.tools import TOOLS
from tests.core.answering.language_models.asking import endpoint, said
from tests.emulators.language_model import ScriptedModel, Text

TOOLS_KNOWN = {"search_mlops_docs": ("query",), "calculate": ("expression",)}
SEARCH = ("search_mlops_docs", {"query": "S3"})
SUM = ("calculate", {"expression": "6*7"})
JSON = '{"name": "search_mlops_docs", "arguments": {"query": "S3"}}'


def read(text: str, size: int, tools: dict[str, tuple[str, ...]] = TOOLS_KNOWN) -> tuple[list[str], list[object]]:
    """The pieces that are shown of a text that comes in pieces of `size`, and the calls in it."""
    written = WrittenCalls(tools)
    pieces = [written.feed(text[start : start + size]) for start in range(0, len(text), size)]
    pieces.append(written.finish())
    assert not any(request.problem for request in written.requests)
    return pieces, [(request.name, request.arguments) for request in written.requests]


@pytest.mark.parametrize(
    ("text", "calls", "shown"),
    [
        (f"```json\n{JSON}\n```", [SEARCH], ""),
        (f"```\n{JSON}\n```\n", [SEARCH], ""),
        (f"```tool_call\n{JSON}", [SEARCH], ""),
        (f"I will look.\n\n```json\n{JSON}\n```", [SEARCH], "I will look.\n\n"),
        (f"<tool_call>{JSON}</tool_call>", [SEARCH], ""),
        (f"<tool_call>\n{JSON}\n</tool_call>\n<tool_call>\n{JSON}\n</tool_call>", [SEARCH, SEARCH], ""),
        (f"<tool_call>{JSON}", [SEARCH], ""),
        (f"Let me see.\n<tool_call>{JSON}</tool_call>", [SEARCH], "Let me see.\n"),
        ("<tool_call><function=search_mlops_docs><parameter=query>\nS3\n</parameter></function></tool_call>",
         [SEARCH], ""),
        ("<tool_call>what is this</tool_call>", [], ""),
        (JSON, [SEARCH], ""),
        (f"{JSON}\n\nThat should do.", [SEARCH], ""),
        (f"[{JSON}, {JSON}]", [SEARCH, SEARCH], ""),
        (f"{JSON}\n{JSON}", [SEARCH, SEARCH], ""),
        (JSON[:-2], [SEARCH], ""),
        ('{"tool": "calculate", "parameters": {"expression": "6*7"}}', [SUM], ""),
        ('{"type": "function", "function": {"name": "calculate", "arguments": "{\\"expression\\": \\"6*7\\"}"}}',
         [SUM], ""),
        ('{"tool_calls": [{"name": "calculate", "arguments": {"expression": "6*7"}}]}', [SUM], ""),
        ("{'name': 'calculate', 'arguments': {'expression': '6*7'}}", [SUM], ""),
        ('search_mlops_docs("S3")', [SEARCH], ""),
        ("`search_mlops_docs(query='S3')`", [SEARCH], ""),
        ('```python\nsearch_mlops_docs("S3")\n```', [SEARCH], ""),
        ('Action: search_mlops_docs\nAction Input: {"query": "S3"}', [SEARCH], ""),
        ("Thought: I should look.\nAction: search_mlops_docs\nAction Input: S3\nObservation: none", [SEARCH], ""),
        ("Action: `calculate`\nAction Input: 6*7", [SUM], ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 3, 8, 1_000])
def test_written_calls_are_made_and_not_shown(text: str, calls: list[object], shown: str, size: int) -> None:
    pieces, found = read(text, size)
    assert found == calls
    assert "".join(pieces).strip() == shown.strip()  # of the empty lines around a call, some may stay


ORDINARY = [
    'Use it:\n\n```json\n{"name": "churn", "arguments": {"a": 1}}\n```\nDone.',
    '```json\n{"apiVersion": "v1"}\n```',
    '```python\nsearch = 1\nsearch_mlops_docs("S3")\n```',
    "```yaml\nname: search_mlops_docs\n```",
    f"```text\nAn example:\n{JSON}\n<tool_call>\n```",
    'Call `search_mlops_docs("S3")` for it.',
    'search_mlops_docs("S3") is how it is called.',
    "Action: restart the server\nthen wait.",
    "Thought: a quiet place.\nNo more.",
    "[1] says so, and [2] too.",
    "{curly} text",
    '{"bucket": "S3"}',
    "The <tool_call> tag.",
    "  indented\n\n\n  more",
    "``",
    "",
]


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("size", [1, 3, 8, 1_000])
def test_text_that_looks_like_a_call_and_is_none_is_shown_whole(text: str, size: int) -> None:
    pieces, calls = read(text, size)
    assert "".join(pieces) == text
    assert calls == []


def test_prose_and_examples_are_not_held_back() -> None:
    text = 'Store it so [1]:\n\n```json\n{"bucket": "models", "region": "eu"}\n```\n\nThen push it.'
    pieces, _ = read(text, 10)
    assert len([piece for piece in pieces if piece]) > 5


def test_what_is_held_back_is_bounded() -> None:
    pieces, calls = read('{"name": "' + "x" * (2 * HELD_BACK), 1_000)
    assert sum(map(len, pieces[:-1])) > HELD_BACK
    assert calls == []


@pytest.mark.parametrize("text", [JSON, 'Action: search_mlops_docs\nAction Input: {"query": "S3"}', "<tool_call>"])
def test_without_tools_everything_is_text_and_shown_at_once(text: str) -> None:
    assert read(text, 5, {}) == ([*(text[start : start + 5] for start in range(0, len(text), 5)), ""], [])


@given(st.text(alphabet='`{}[]"<>\n ATcs:(', max_size=60), st.integers(1, 7))
def test_no_text_is_lost_that_names_no_tool(text: str, size: int) -> None:
    assert "".join(read(text, size)[0]) == text


async def test_written_call_reaches_the_reply(model: ScriptedModel) -> None:
    model.script(Text(f"<think>I should look.</think>\n```json\n{JSON}\n```"))
    told = await said(endpoint(model), tools=TOOLS)
    assert [(tool.name, tool.arguments) for tool in told.reply.tools] == [SEARCH]
    assert told.shown == told.reply.text == ""


async def test_call_is_hidden_too_when_no_tools_are_offered_any_more(model: ScriptedModel) -> None:
    model.script(Text(f"I look again.\n{JSON}"))
    used = {"id": "a", "name": "search_mlops_docs", "args": {"query": "S3"}, "type": "tool_call"}
    messages = [HumanMessage("Where?"), AIMessage("", tool_calls=[used]), ToolMessage("Nowhere.", tool_call_id="a")]
    told = await said(endpoint(model), messages)
    assert told.shown == told.reply.text == "I look again.\n"
