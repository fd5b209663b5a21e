"""What reading a page yields, whatever its format was."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Extracted:
    """The content of a page. `text` is Markdown; what is not known is empty.

    `canonical` is the absolute address that the page gives as its own; `metadata` the text fields of its front matter.
    """

    title: str
    text: str
    language: str = ""
    canonical: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
