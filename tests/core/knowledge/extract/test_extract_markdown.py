"""Markdown, MDX and plain text: what goes, and that all else stays."""

from pathlib import Path

import frontmatter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Unreadable
from core.knowledge.extract import extract

SHIPPED = sorted((Path(__file__).resolve().parents[4] / "data" / "knowledge").rglob("*.md"))


def text(page: str, name: str = "a.md") -> str:
    return extract(page.encode(), name=name).text


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_page_comes_out_as_it_is(path: Path) -> None:
    page = frontmatter.loads(path.read_text())
    found = extract(path.read_bytes(), name=path.name)
    assert found.text == page.content
    assert (found.title, found.metadata["product"]) == (page["title"], page["product"])
    assert found.metadata["reference"] == page["reference"]


@given(st.text(st.sampled_from("ab <>/`#\n*_-{}[]()!=\t"), min_size=1, max_size=80))
@settings(max_examples=150, deadline=None)
def test_ordinary_markdown_is_left_alone(page: str) -> None:
    page = "Start. " + page
    if "<!--" not in page:
        assert text(page) == page


@pytest.mark.parametrize(
    "page",
    [
        "Use `<Name>` or <Name>, if a < b.\r\nNext.\r\n",
        "```html\n<!-- kept -->\n<Tabs>\n:::note\nimport x from 'y'\n```\n\n    <!-- kept, too -->\n\n`<!-- x -->`\n",
        "---\n\nA rule, no front matter.\n",
        "---\n\nProse between rules.\n\n---\n\nMore.\n",
        "import a module first, then\nexport it.\n",
    ],
)
def test_markdown_that_looks_like_more_is_left_alone(page: str) -> None:
    assert text(page) == page


def test_comments_go_with_the_lines_they_fill() -> None:
    assert text("a\n<!-- x\n\n```\ny\n```\n-->\nb <!-- z --> c\n") == "a\nb  c\n"


def test_front_matter_is_read_and_only_its_texts_kept() -> None:
    page = "---\ntitle: 2026\nproduct: Runner\ntags: [a, b]\ndraft:\nreviewed: 2026-11-23\n---\n\n# Other\n"
    found = extract(page.encode(), name="a.md")
    assert (found.title, found.text) == ("2026", "# Other")
    assert found.metadata == {"title": "2026", "product": "Runner", "reviewed": "2026-11-23"}


def test_front_matter_of_hugo_is_read() -> None:
    found = extract(b'+++\ntitle = "Katib"\nweight = 10\n+++\nText.\n', name="a.md")
    assert (found.title, found.text) == ("Katib", "Text.")


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("---\ntitle: a\nproduct: [b\n---\nText.", 4),
        ("---\ntitle: a: b\n---\nText.", 2),
        ("+++\nx = 1\ny =\n+++\nT", 3),
    ],
)
def test_broken_front_matter_is_refused_with_its_line(page: str, line: int) -> None:
    with pytest.raises(Unreadable, match=r"front matter of the page is broken in line \d") as refused:
        text(page)
    assert abs(int(refused.value.said.split("line ")[1][0]) - line) <= 1


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("```\n# no\n```\n\n# The `run` *command* {#run}\n", "The run command"),
        ("Title\n=====\n", "Title"),
        ("## Only a second level\n", "My page"),
    ],
)
def test_title_is_the_first_heading(page: str, title: str) -> None:
    assert extract(page.encode(), name="my-page.md").title == title


MDX = """---
title: Install
---
import Tabs from '@theme/Tabs';
import {
  A,
  B,
} from "../parts";

export const versions = {
  a: 1,

  b: [2],
};

{/* hidden */}
# Install <Badge color={x > 1 ? "a" : "b"} /> it

<Tabs values={[{label: 'pip', value: '>'}]}>
  <TabItem value="pip" label="With pip">

    Run this:

    ```bash
    pip install x  # <Tabs> stays
      indented
    ```

  </TabItem>
  <TabItem value="conda" label="With conda">Run conda.</TabItem>
</Tabs>

<Card
  title="Next steps"
  href="/next"
>
  Read **more**.
</Card>

1. One

   <Note>
     Careful with `<Name>`.
   </Note>

:::warning Mind the gap
Inside.
:::

<>Fragment</> and <div className="x">HTML</div>.
"""


def test_mdx_keeps_its_words_and_code_and_loses_its_components() -> None:
    lines = [line for line in text(MDX, "a.mdx").split("\n") if line]
    assert lines == [
        "# Install  it",
        "**With pip**",
        "Run this:",
        "```bash",
        "pip install x  # <Tabs> stays",
        "  indented",
        "```",
        "**With conda** Run conda.",
        "**Next steps**",
        "Read **more**.",
        "1. One",
        "   Careful with `<Name>`.",
        "**Mind the gap**",
        "Inside.",
        'Fragment and <div className="x">HTML</div>.',
    ]


def test_markdown_with_components_is_read_as_mdx() -> None:
    page = "# T\n\nimport X from 'x';\n\n<X />\n\nWords.\n"
    assert text(page).split() == ["#", "T", "Words."]


def test_unclosed_component_and_fence_do_not_swallow_the_page() -> None:
    assert "Words after." in text("<Tabs values={[\n\nWords after.\n", "a.mdx")
    assert text("<A>\n\n```py\nx = '<B>'\n", "a.mdx").endswith("x = '<B>'\n")


def test_plain_text_stays_as_it_is() -> None:
    page = "  ---\n# Title\n<b>  not html</b>\n<!-- x -->\n:::\n"
    assert text(page, "a.txt") == page
