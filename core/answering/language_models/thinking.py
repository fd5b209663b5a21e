"""Keeps a model's thinking from being shown.

Comes in: the text of a reply as it is streamed. Goes out: what of it people may see. `<think>`, `<thinking>` and
`<reasoning>` blocks go; inside backticks and fences these words are text like any other.

Some models' templates open the block by themselves, so that their text begins with thinking and only `</think>` comes.
While streaming nothing tells this apart from an answer, so three things are done: text that begins as such models begin
("Okay, so", "The user") is held back up to HELD_BACK characters; an endpoint that once sent a lone closing tag is
remembered as thinking aloud, and its text is held back until the tag or the end; and if some of it has been shown all
the same, it is taken back: it is no part of the reply, which replaces what was shown.
"""

import re

HELD_BACK = 2_000
"""Characters of a text that begins like thinking, until which it may turn out to be thinking."""

_ALOUD = (
    "okay, ", "okay so", "ok, ", "ok so", "alright, ", "alright. ", "hmm", "the user ", "let me think",
    "let's think", "we need to ", "i need to ", "so, the user", "so the user", "first, i need",
)  # fmt: skip
"""How models of the DeepSeek and Qwen families begin to think, and hardly anybody an answer."""

_NAMES = ("think", "thinking", "reasoning")
_TAGS = tuple(f"<{slash}{name}>" for name in _NAMES for slash in ("", "/"))
_MARKS = re.compile(rf"`+|~{{3,}}|\n|</?(?:{'|'.join(_NAMES)})>", re.IGNORECASE)
_UNFINISHED = re.compile(r"(?:`+|~+|<[/a-z]*)\Z", re.IGNORECASE)
_SPECIAL = re.compile(r"[<`~]")
_FENCE = 3


class Spoken:
    """What of one reply is spoken. `aloud`: the endpoint is known to think before it speaks, without an opening tag.

    `taken_back` counts the closing tags that nothing had opened: all that was given before them was thinking.
    """

    def __init__(self, *, aloud: bool = False) -> None:
        self.taken_back = 0
        self._aloud = aloud
        self._opened = False
        self._thinking = False
        self._holding = True
        self._held: str = ""
        self._code = ""
        self._rest: str = ""

    @property
    def thought_aloud(self) -> bool:
        """Whether the reply began with thinking that nothing had opened."""
        return self.taken_back > 0 and not self._opened

    def feed(self, text: str) -> str:
        """What may be shown, now that `text` has come."""
        if not (self._holding or self._thinking or self._code or self._rest) and not _SPECIAL.search(text):
            return text
        text = self._rest + text
        self._rest = _unfinished(text)
        return self._released(self._through(text[: len(text) - len(self._rest)]))

    def finish(self) -> str:
        """What may still be shown, now that all has come. Thinking that was never closed stays thinking."""
        left = self._held if self._thinking else self._held + self._rest
        self._held, self._rest = "", ""
        return left

    def _through(self, text: str) -> str:
        shown: list[str] = []
        at = 0
        for mark in _MARKS.finditer(text):
            if not self._thinking:
                shown.append(text[at : mark.start()])
            at = mark.end()
            shown.append(self._passed(mark.group(), shown))
        if not self._thinking:
            shown.append(text[at:])
        return "".join(shown)

    def _passed(self, mark: str, shown: list[str]) -> str:
        """What is shown of a mark; a closing tag that nothing opened empties `shown`."""
        closing = mark.startswith("</")
        if self._code and not (closing and self._aloud):
            self._code = "" if _closes(mark, self._code) else self._code
            return mark
        if closing and self._thinking:
            self._thinking = False
        elif closing:
            shown.clear()
            self.taken_back += 1
            self._holding, self._aloud, self._held, self._code = False, False, "", ""
        elif mark.startswith("<"):
            self._thinking, self._opened = True, True
            self._holding, self._aloud = False, False
        elif not self._thinking:
            self._code = "" if mark == "\n" else mark
            return mark
        return ""

    def _released(self, text: str) -> str:
        text = self._held + text
        self._holding = self._holding and (self._aloud or (len(text) < HELD_BACK and _like_thinking(text)))
        self._held = text if self._holding else ""
        return "" if self._holding else text


def _unfinished(text: str) -> str:
    """The end of a text that may be the beginning of a mark."""
    end = _UNFINISHED.search(text)
    if end is None or (end[0][0] == "<" and not any(tag.startswith(end[0].lower()) for tag in _TAGS)):
        return ""
    return end[0]


def _closes(mark: str, code: str) -> bool:
    """Whether a mark ends the code that `code` opened; code within a line ends with it."""
    if len(code) >= _FENCE:
        return mark[0] == code[0] and len(mark) >= len(code)
    return mark in {"\n", code}


def _like_thinking(text: str) -> bool:
    begun = text.lstrip().lower()
    return any(opening.startswith(begun[: len(opening)]) for opening in _ALOUD)
