"""Tool calls as endpoints really stream them, and arguments as models really write them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.language_models.tool_calls import CallDeltas, read_arguments
from core.answering.tools import TOOLS
from tests.core.answering.language_models.asking import endpoint, said
from tests.emulators.language_model import Deltas, Json, ScriptedModel, ToolCall, ToolCalls

NAMES = {"search_mlops_docs": ("query",), "calculate": ("expression",)}


def call(arguments: Any, name: str | None = "calculate", **fields: Any) -> Json:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return fields | {"function": function}


def put_together(*events: list[Json]) -> list[tuple[str, dict[str, Any]]]:
    deltas = CallDeltas()
    for event in events:
        deltas.add(event)
    requests = deltas.requests(NAMES)
    assert len({request.id for request in requests}) == len(requests)
    assert all(request.id for request in requests)
    return [(request.name, request.arguments) for request in requests]


SIX = ("calculate", {"expression": "6"})
SEVEN = ("calculate", {"expression": "7"})
SIX_TEXT, SEVEN_TEXT = '{"expression": "6"}', '{"expression": "7"}'


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([[call("", index=0, id="a")], [call('{"expres', None, index=0)], [call('sion": "6"}', None, index=0)]], [SIX]),
        ([[call(SIX_TEXT, index=0, id="a"), call(SEVEN_TEXT, index=1, id="b")]], [SIX, SEVEN]),
        ([[call("", index=0, id="a"), call("", index=1, id="b")], [call(SEVEN_TEXT, None, index=1)]], [
            ("calculate", {}), SEVEN]),
        ([[call(SIX_TEXT), call(SEVEN_TEXT)]], [SIX, SEVEN]),
        ([[call(SIX_TEXT)], [call(SEVEN_TEXT)]], [SIX, SEVEN]),
        ([[call("", id="a")], [call(SIX_TEXT, None)], [call("", id="b")], [call(SEVEN_TEXT, None, id="b")]],
         [SIX, SEVEN]),
        ([[call(SIX_TEXT, index=0, id="a")], [call(SEVEN_TEXT, index=0, id="b")]], [SIX, SEVEN]),
        ([[call(SIX_TEXT, id="same"), call(SEVEN_TEXT, id="same", index=1)]], [SIX, SEVEN]),
        ([[call({"expression": "6"}, index=0, id="a")]], [SIX]),
        ([[call(None, index=0, id="a")]], [("calculate", {})]),
        ([[call('{"expression"', index=0, id="a")], [call(': "6"}', "calculate", index=0, id="a")]], [SIX]),
        ([[{"index": 0, "id": "a"}]], []),
    ],
)  # fmt: skip
def test_deltas_are_put_together_whatever_they_lack(
    events: list[list[Json]], expected: list[tuple[str, dict[str, Any]]]
) -> None:
    assert put_together(*events) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ('{"query": "S3"}', {"query": "S3"}),
        ("", {}),
        (None, {}),
        ("null", {}),
        ("{}", {}),
        ({"query": "S3"}, {"query": "S3"}),
        ('{"query": "S3",}', {"query": "S3"}),
        ('{"query": "a, b",\n}', {"query": "a, b"}),
        ("{'query': 'S3'}", {"query": "S3"}),
        ("{'query': \"it's\", 'deep': True, 'none': None}", {"query": "it's", "deep": True, "none": None}),
        ('{"query": "S3"', {"query": "S3"}),
        ('{"query": "S3', {"query": "S3"}),
        ('{"query": "S3"}}', {"query": "S3"}),
        ('{"query": "two\nlines"}', {"query": "two\nlines"}),
        ('"{\\"query\\": \\"S3\\"}"', {"query": "S3"}),
        ('```json\n{"query": "S3"}\n```', {"query": "S3"}),
        ("S3 buckets", {"query": "S3 buckets"}),
        ('"S3 buckets"', {"query": "S3 buckets"}),
        ("{query: S3}", None),
        ("[1, 2]", None),
        ('["S3"]', None),
        (["S3"], None),
        ("[" * 9_000, None),
        ('{"query": "' + "x" * 20_000 + '"}', None),
    ],
)
def test_arguments_are_mended_where_it_is_plain_what_is_meant(given_text: Any, expected: dict[str, Any] | None) -> None:
    assert read_arguments(given_text, ("query",)) == expected


def test_bare_text_is_no_argument_of_a_tool_that_takes_two() -> None:
    assert read_arguments("S3 buckets", ("query", "count")) is None


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_whatever_is_valid_is_read_as_it_stands(arguments: dict[str, Any]) -> None:
    assert read_arguments(json.dumps(arguments), ("query",)) == arguments


@given(st.text(alphabet="{}[]\":,' aS3\\\n", max_size=40))
def test_whatever_else_comes_is_read_or_refused_and_never_breaks(text: str) -> None:
    found = read_arguments(text, ("query",))
    assert found is None or isinstance(found, dict)


async def test_arguments_that_nobody_can_read_come_with_a_problem(model: ScriptedModel) -> None:
    model.script(ToolCalls([ToolCall("calculate", "{6: seven}"), ToolCall("calculate", {"expression": "1"})]))
    broken, good = (await said(endpoint(model), tools=TOOLS)).reply.tools
    assert "not valid JSON" in broken.problem
    assert (good.arguments, good.problem) == ({"expression": "1"}, "")


async def test_calls_of_two_replies_have_different_ids_where_the_endpoint_gives_none(model: ScriptedModel) -> None:
    without_id = Deltas([{"tool_calls": [call(SIX_TEXT)]}], finish="tool_calls")
    model.script(without_id, without_id)
    asked = endpoint(model)
    replies = [(await said(asked, tools=TOOLS)).reply for _ in range(2)]
    assert len({reply.tools[0].id for reply in replies}) == 2


async def test_call_in_the_former_form_is_understood(model: ScriptedModel) -> None:
    model.script(Deltas([{"function_call": {"name": "calculate", "arguments": SIX_TEXT}}], finish="function_call"))
    (request,) = (await said(endpoint(model), tools=TOOLS)).reply.tools
    assert (request.name, request.arguments) == SIX
