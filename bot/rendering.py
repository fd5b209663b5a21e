"""What answers look like on every chat platform, before its own markup.

Comes in: events, answers, and how a platform writes a link. Goes out: Markdown. Pure; used by both renderers.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote

from core.answering.aftercare import Summary
from core.answering.presence import NAMES, shown
from core.domain.channels import ChannelSettings, Fault
from core.domain.conversation import Answer, Citation, Told
from core.domain.events import AnswerEvent, Passages, Queued, Searching, Step, TextDelta

Link = Callable[[str, str], str]
"""How a platform writes a label and an address."""

WAITING = "_Looking into it…_"
EMPTY = "_The answer is empty._"

STOPPED = "Stopped."

STOP, HELPFUL, NOT_HELPFUL, DEEPER, WHY, HUMAN, RESOLVED = (
    "Stop",
    "Helpful",
    "Not helpful",
    "Ask the crew",
    "Why this answer",
    "Need a human",
    "Resolved",
)
"""Labels of the buttons under an answer."""

POST, DISCARD, SHARE = "Post", "Discard", "Share here"

THANKED = "Thank you, that is noted."
CALLED = "Somebody was called to this answer already."
CLOSED = "Marked as resolved. Mention me to go on."
CLOSED_BEFORE = "This was resolved before. Mention me to go on."
DECIDED = "Somebody has decided on this draft already."
SHARED = "Shared."
LIMITED = "The owner has limited who may ask me here."
SILENT = "I do not answer here: this channel is set so."
JUDGED_PROMPT = "What was wrong with it?"
NO_HELPERS = "Nobody is set up to be called here. The owner can do so: `settings helpers`."

FAULTS = {
    Fault.WRONG: "It is wrong",
    Fault.OUTDATED: "It is outdated",
    Fault.INCOMPLETE: "Something is missing",
    Fault.UNCLEAR: "It is unclear",
    Fault.UNSAFE: "It is unsafe",
}

QUERY_LENGTH = 200

PARTS = 3
"""Messages of an answer; what is longer comes as a file."""

FILE_NAME = "answer.md"

CITED = 5
"""Sources under an answer, at most; all of them are shown to who asks why."""

EXCERPT = 300
"""Characters of an answer that are shown to the human who is called."""

MICRO = 1_000_000
SMALL = {1: "first", 2: "second", 3: "third"}
TEENS = {11, 12, 13}


def progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    if isinstance(event, TextDelta) and text.strip():
        return text
    return f"_{activity(event)}…_"


def activity(event: AnswerEvent) -> str:
    """What is being done, in a few words."""
    match event:
        case Queued(position):
            return f"You are {ordinal(position)} in line"
        case Searching(query):
            return f"Searching for “{query[:QUERY_LENGTH]}”"
        case Passages(passages):
            return f"Reading {len(passages)} passages"
        case Step(who, what):
            return f"{who}: {what}"
        case _:
            return WAITING.strip("_…")


def ordinal(number: int) -> str:
    """A place in line, in words where they are short: first, second, third, 4th, 21st."""
    if number in SMALL:
        return SMALL[number]
    ending = "th" if number % 100 in TEENS else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def with_stop_note(text: str) -> str:
    """What stays of an answer whose asker stopped it: what was written by then."""
    return f"{text}\n\n_{STOPPED}_" if text.strip() else f"_{STOPPED}_"


def with_footer(text: str, answer: Answer, link: Link) -> str:
    """The text with the answer's note and its sources below; `link` writes a label and an address."""
    below = footer(answer, link)
    return f"{text}\n\n{below}" if below else text


def footer(answer: Answer, link: Link) -> str:
    """An answer's note and its sources, at most `CITED` of them; empty when there are none."""
    lines = [f"_{answer.note}_"] if answer.note else []
    if answer.citations:
        lines.append("**Sources**" if answer.covered else "The nearest pages:")
        lines += [_source(citation, link, numbered=answer.covered) for citation in answer.citations[:CITED]]
        more = len(answer.citations) - CITED
        lines += [f"- and {more} more: see _{WHY}_"] if more > 0 else []
    return "\n".join(lines)


def about(answer: Answer) -> str:
    """Who answered, and from how fresh an index: `agent · index of 24 Nov 2026, 03:17 UTC`."""
    fresh = answer.trace.index_fresh_at
    return " · ".join([answer.mode, *([f"index of {moment(fresh)}"] if fresh else [])])


def why(told: Told, link: Link) -> str:
    """What an answer was made of: passages with scores, steps, times, tokens, cost and the version of the index."""
    answer, trace = told.answer, told.answer.trace
    cited = {citation.passage_id for citation in answer.citations} if answer.covered else set[str]()
    lines = [f"**{WHY}**", f"Searched for “{trace.query[:QUERY_LENGTH]}”." if trace.query else ""]
    lines += [
        f"{n}. {link(label(passage.title, passage.heading_path), _address(passage.address))} — {passage.score:.2f}"
        + (", cited" if passage.id in cited else "")
        for n, passage in enumerate(trace.passages, 1)
    ]
    lines += [f"- {call.name} {call.arguments[:QUERY_LENGTH]}" for call in answer.tool_calls]
    lines += [f"- {note.who} noted: {note.text[:EXCERPT]}" for note in trace.notes]
    times = ", ".join(f"{stage} {milliseconds} ms" for stage, milliseconds in trace.timings.items())
    lines.append(f"Time: {answer.milliseconds / 1000:.1f} s" + (f" ({times})" if times else "") + ".")
    if trace.calls:
        models = ", ".join(dict.fromkeys(call.model for call in trace.calls))
        cost = f", ${trace.cost / MICRO:.4f}" if trace.cost else ""
        lines.append(f"{len(trace.calls)} model calls of {models}: {trace.tokens:,} tokens{cost}.")
    if trace.index_version:
        when = f", of {moment(trace.index_fresh_at)}" if trace.index_fresh_at else ""
        lines.append(f"Index {trace.index_version[-8:]}, revision {trace.index_revision}{when}.")
    return "\n".join(filter(None, lines))


def call_for_human(summary: Summary, person: str, ping: str) -> str:
    """The message that calls a human; `ping` is how the platform pings the group, `person` names who asked for it."""
    asked = "\n".join(f"> {' '.join(text.split())[:EXCERPT]}" for text in summary.asked)
    said = " ".join(summary.answer.split())[:EXCERPT]
    gave = f"I answered: {said}…" if summary.covered else "My pages do not cover it."
    return f"{ping} **{person}** needs a human here.\n{asked}\n{gave}".strip()


def help_text(examples: Sequence[str], topics: Sequence[tuple[str, int]], commands: Sequence[tuple[str, str]]) -> str:
    """What we can do, with questions that our own pages answer; `commands` are names with what they do."""
    lines = [
        "I answer questions from the documentation below, with my sources, and say so when it does not cover one.",
        "Mention me in a channel, write to me directly, or go on in a thread that I am part of, without a mention.",
        *(f"- `{name}` {does}" for name, does in commands),
    ]
    if examples:
        lines += ["**Try**", *(f"- {example}" for example in examples)]
    if topics:
        lines += ["**What I know**", *(f"- {name}: {pages} pages" for name, pages in topics)]
    return "\n".join(lines)


def sources_text(topics: Sequence[tuple[str, int]]) -> str:
    """Where our answers come from."""
    return "\n".join(["**Where my answers come from**", *(f"- {name}: {pages} pages" for name, pages in topics)])


def settings_text(settings: ChannelSettings) -> str:
    """What holds in a channel, name by name."""
    values = shown(settings)
    return "\n".join(f"- `{name}` {values[name] or '—'}" for name in NAMES)


def moment(when: datetime) -> str:
    """A time as people read it: `24 Nov 2026, 03:17 UTC`."""
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def label(title: str, heading_path: Sequence[str]) -> str:
    """The words of a link to a passage: title and section."""
    heading = heading_path[-1] if heading_path else ""
    return _plain(title if heading in {"", title} else f"{title} — {heading}")


def _source(citation: Citation, link: Link, *, numbered: bool) -> str:
    written = link(_plain(citation.label), _address(citation.address))
    return f"- [{citation.number}] {written}" if numbered else f"- {written}"


def _plain(words: str) -> str:
    """Without the marks that would end a link's label."""
    return words.replace("[", "(").replace("]", ")")


def _address(address: str) -> str:
    return quote(address, safe=":/#?&=%@+~")
