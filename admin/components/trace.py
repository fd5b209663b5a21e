"""What an answer was made of: steps of the crew, model calls, times and what was searched.

Comes in: a `Line` with the trace of its answer. Goes out: one part that folds away, and what people made of the answer.
"""

from nicegui import ui

from admin.components.moments import count, dollars, span
from core.domain.channels import Feedback, Verdict
from core.domain.conversation import ModelCall, Trace
from core.domain.history import Line


def trace_view(line: Line) -> None:
    """Steps and figures; nothing for an answer of which no trace is kept."""
    answer = line.message.answer
    if answer is None or answer.trace == Trace():
        return
    trace = answer.trace
    with ui.expansion(_title(line, trace)).classes("tools").props("dense"):
        for note in trace.notes:
            with ui.element("div").classes("tool"):
                ui.label(note.who).classes("tool-name")
                ui.label(note.text).classes("verbatim result")
        for call in trace.calls:
            _call(call)
        with ui.element("div").classes("facts"):
            for stage, milliseconds in trace.timings.items():
                ui.label(f"{stage} {span(milliseconds)}")
        _searched(trace)


def feedback_view(line: Line) -> None:
    """Verdicts with their reasons, and the call for a human."""
    for given in line.feedback:
        _verdict(given)
    if line.escalated_by:
        with ui.element("div").classes("failed"):
            ui.label("Asked for a human").classes("badge warn")
            ui.label(line.escalated_by)


def _title(line: Line, trace: Trace) -> str:
    parts = [
        count(len(trace.notes), "step") if trace.notes else "",
        count(len(trace.calls), "model call") if trace.calls else "no model call",
        count(line.tokens, "token") if line.tokens else "",
        dollars(line.cost) if line.cost else "",
    ]
    return " · ".join(part for part in parts if part)


def _call(call: ModelCall) -> None:
    with ui.element("div").classes("tool"):
        ui.label(f"{call.prompt} · {call.model}").classes("tool-name")
        with ui.element("div").classes("facts"):
            ui.label(call.endpoint)
            ui.label(f"{call.tokens_in:,} in, {call.tokens_out:,} out")
            ui.label(dollars(call.cost) if call.cost else "free")
            ui.label(f"first text after {span(call.first_token)}")
            ui.label(span(call.milliseconds))


def _searched(trace: Trace) -> None:
    with ui.element("div").classes("facts"):
        if trace.query:
            ui.label(f"searched for: {trace.query}")
        ui.label(count(len(trace.passages), "passage") + " shown")
        if trace.index_version:
            ui.label(f"index {trace.index_version[-8:]}, revision {trace.index_revision}")


def _verdict(given: Feedback) -> None:
    well = given.verdict is Verdict.HELPFUL
    with ui.element("div").classes("failed"):
        ui.label("Helpful" if well else "Not helpful").classes(f"badge {'good' if well else 'bad'}")
        ui.label(given.author)
        if given.fault:
            ui.label(given.fault.value)
        if given.comment:
            ui.label(f"“{given.comment}”").classes("reason")
