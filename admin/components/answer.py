"""An answer with all that backs it, as transcripts and the playground show it.

Comes in: an `Answer`. Goes out: its text, note, sources, tool calls, and who gave it how fast.
"""

import json
from collections.abc import Sequence
from typing import cast

from nicegui import ui

from admin.components.moments import count, span
from admin.components.prose import prose
from admin.components.sources import source_links, sources_list
from core.domain.conversation import Answer, ToolCall


def answer_view(answer: Answer, origin: str) -> None:
    """The whole answer; `origin` is the address of this service."""
    if not answer.covered:
        ui.label("Not covered by the knowledge base").classes("badge warn")
    prose(answer.text, source_links(answer.citations, origin))
    if answer.note:
        ui.label(answer.note).classes("note")
    sources_list(answer, origin)
    _tool_calls(answer.tool_calls)
    _provenance(answer)


def question_view(text: str) -> None:
    """A question, as it was typed."""
    ui.label(text).classes("question")


def _tool_calls(calls: Sequence[ToolCall]) -> None:
    if not calls:
        return
    with ui.expansion(count(len(calls), "tool call")).classes("tools").props("dense"):
        for call in calls:
            with ui.element("div").classes("tool"):
                ui.label(call.name).classes("tool-name")
                ui.label(_readable(call.arguments)).classes("verbatim")
                ui.label(call.result).classes("verbatim result").props("tabindex=0")


def _provenance(answer: Answer) -> None:
    with ui.element("div").classes("facts"):
        ui.label(answer.mode.value.capitalize())
        if answer.model:
            ui.label(answer.model)
        if answer.milliseconds:
            ui.label(span(answer.milliseconds))


def _readable(arguments: str) -> str:
    """`name: value` pairs instead of JSON, where the arguments are an object."""
    try:
        values = json.loads(arguments)
    except ValueError:
        return arguments
    if not isinstance(values, dict):
        return arguments
    return "\n".join(f"{name}: {value}" for name, value in cast("dict[str, object]", values).items())
