"""Tool calls that a model writes into its text, because it was not trained to make them properly.

Comes in: the spoken text of a reply as it is streamed, and the tools that it may know. Goes out: what of it may be
shown, and `ToolRequest`s. Recognised, at the beginning of a line and outside of code:

    <tool_call>{"name": …, "arguments": …}</tool_call>      Action: search_mlops_docs
    ```json {"name": …, "arguments": …} ```                 Action Input: {"query": …}
    {"name": …, "arguments": …}                             search_mlops_docs("…")   as the whole reply

Such text is held back from the first character on; it is shown as soon as it cannot be a call of a known tool.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, cast

from core.answering.language_models.model import ToolRequest
from core.answering.language_models.tool_calls import Tools, read_arguments, request

HELD_BACK = 8_000
"""Characters that may be held back; a longer call is text."""

_NAME_KEYS = ("name", "tool", "tool_name", "function", "action")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "action_input", "tool_input")
_TAGS = ("<tool_call>", "<function_call>")
_LANGUAGES = ("", "json", "tool_call", "tool_code", "python")
_TAGGED = re.compile(r"\s*<(tool_call|function_call)>(.*?)(?:</\1>[ \t]*\n?|\Z)", re.DOTALL)
_FENCED = re.compile(r"\s*(`{3,})[ \t]*(\w*)[ \t]*\n(.*?)(?:\n?[ \t]*\1[ \t]*(?:\n|\Z)|\Z)", re.DOTALL)
_FENCE_BEGUN = re.compile(r"\s*(`{1,2}|`{3,}[ \t]*(\w*)[ \t]*)\Z")
_FENCE_LINE = re.compile(r" {0,3}(`{3,}|~{3,})")
_REACT = re.compile(r"Action:\s*`?(\w+)`?\s*\n+\s*Action Input:\s*(.*?)(?=\n\s*Observation:|\Z)", re.DOTALL)
_REACT_BEGUN = re.compile(r"Action:\s*`?(\w*)", re.DOTALL)
_ELEMENTS = re.compile(r"<function=(\w+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=(\w+)>\s*(.*?)\s*(?:</parameter>|\Z)", re.DOTALL)
_FIRST_KEY = re.compile(r"[\[{\s]+(?:\"|')?(\w*)")


class WrittenCalls:
    """The written calls of one reply. Without known tools everything is text."""

    def __init__(self, tools: Tools) -> None:
        self.requests: list[ToolRequest] = []
        self._tools = tools
        self._held = ""
        self._line = ""
        self._fence = ""
        self._began = False

    def feed(self, text: str) -> str:
        """What may be shown, now that `text` has come."""
        if not self._tools:
            return text
        if self._line and "\n" not in text:
            self._line += text
            return text
        self._held += text
        shown: list[str] = []
        while self._held and not self._at_a_call():
            shown.append(self._next_line())
        return "".join(shown)

    def finish(self) -> str:
        """What may still be shown, now that all has come."""
        held, self._held = self._held, ""
        found = list(self._written(held)) if held else []
        self.requests += found
        return "" if found else held

    def _next_line(self) -> str:
        line, newline, self._held = self._held.partition("\n")
        self._line += line
        self._began = self._began or bool(line.strip())
        if newline:
            self._turn_fence()
            self._line = ""
        return line + newline

    def _turn_fence(self) -> None:
        found = _FENCE_LINE.match(self._line)
        if found and not self._fence:
            self._fence = found[1]
        elif found and found[1].startswith(self._fence) and self._line.strip() == found[1]:
            self._fence = ""

    def _at_a_call(self) -> bool:
        """Whether what is held may be a call, and so has to wait; a call that is complete is taken out."""
        if self._line or self._fence or len(self._held) > HELD_BACK:
            return False
        for form in (_TAGGED, _FENCED):
            whole = form.match(self._held)
            if whole and not whole[0].endswith(whole[form.groups]):  # it was closed
                found = list(self._calls(whole[form.groups]))
                if not found and form is _FENCED:
                    return False
                self.requests += found
                self._held = self._held[whole.end() :]
                return not self._held or self._at_a_call()
        return self._may_be_a_call(self._held)

    def _may_be_a_call(self, held: str) -> bool:
        text = held.lstrip()
        if not text:
            return "\n" not in held
        return (
            any(tag.startswith(text[: len(tag)]) for tag in _TAGS)
            or self._fence_may_hold_one(held)
            or self._action_may_be_one(text)
            or (not self._began and "Thought:".startswith(text[:8]))
            or ((text[0] in "[{" or not self._began) and self._begins(text))
        )

    def _fence_may_hold_one(self, held: str) -> bool:
        if begun := _FENCE_BEGUN.match(held):
            return begun[2] is None or any(language.startswith(begun[2]) for language in _LANGUAGES)
        fenced = _FENCED.match(held)
        return bool(fenced and fenced[2] in _LANGUAGES and self._begins(fenced[3].lstrip()))

    def _action_may_be_one(self, text: str) -> bool:
        if not "Action:".startswith(text[:7]):
            return False
        named = _REACT_BEGUN.match(text)
        return named is None or any(name.startswith(named[1]) for name in self._tools)

    def _begins(self, text: str) -> bool:
        """Whether a text may be the beginning of JSON that names a tool, or of a call as in Python."""
        if not text:
            return True
        if text[0] in "[{":
            key = _FIRST_KEY.match(text)
            known = (*_NAME_KEYS, *_ARGUMENT_KEYS, "type", "id", "tool_calls")
            return (
                key is None or key[1] in known or (key.end() == len(text) and any(k.startswith(key[1]) for k in known))
            )
        text = text.lstrip("`")
        return any(f"{name}(".startswith(text[: len(name) + 1]) for name in self._tools)

    def _written(self, held: str) -> Iterator[ToolRequest]:
        """The calls in a text that is complete, whether or not it was closed."""
        for form in (_TAGGED, _FENCED):
            if whole := form.match(held):
                yield from self._calls(whole[form.groups])
                return
        if action := _REACT.search(held):
            if action[1] in self._tools:
                yield request(action[1], action[2].strip(), self._tools)
            return
        if held.lstrip()[:1] in {"{", "["} or not self._began:
            yield from self._calls(held.strip().strip("`"))

    def _calls(self, text: str) -> Iterator[ToolRequest]:
        """The calls in what stands between tags or fences."""
        text = text.strip()
        if text[:1] in {"{", "["}:
            for item in _values(text):
                yield from self._described(item)
        elif "<function=" in text:
            for name, body in _ELEMENTS.findall(text):
                if name in self._tools:
                    yield request(name, dict(_PARAMETER.findall(body)), self._tools)
        elif call := self._python(text):
            yield call

    def _described(self, item: Any) -> Iterator[ToolRequest]:
        if isinstance(item, list):
            for one in cast("list[Any]", item):
                yield from self._described(one)
        if not isinstance(item, dict):
            return
        call = cast("dict[str, Any]", item)
        if isinstance(call.get("tool_calls"), list):
            yield from self._described(call["tool_calls"])
        inner = call.get("function")
        if isinstance(inner, dict):
            call = cast("dict[str, Any]", inner)
        name = next((call[key] for key in _NAME_KEYS if isinstance(call.get(key), str)), "")
        given = [call[key] for key in _ARGUMENT_KEYS if key in call]
        if name in self._tools and given:
            yield request(name, given[0], self._tools)

    def _python(self, text: str) -> ToolRequest | None:
        try:
            call = ast.parse(text, mode="eval").body
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in self._tools:
                return None
            given = dict(zip(self._tools[call.func.id], map(ast.literal_eval, call.args), strict=False))
            given |= {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
        return request(call.func.id, given, self._tools)


def _values(text: str) -> Iterator[Any]:
    """The JSON values that a text consists of, one after the other; one that is broken is mended if it is the last."""
    while text := text.strip(" \t\r\n,;"):
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(text)
        except (ValueError, RecursionError):
            yield read_arguments(text, ())
            return
        yield value
        text = text[end:]
