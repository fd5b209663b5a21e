"""Cutting documents into passages: nothing lost, nothing torn, nothing too long for the model."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.knowledge import Document, Passage
from core.knowledge.index.chunk import MAX_TOKENS, WHOLE_TOKENS, anchor, chunk, embedding_texts
from core.knowledge.index.embed import Embedder
from core.settings import ROOT

Make = Callable[..., Document]


def words(text: str) -> int:
    return len(text.split())


def paragraph(name: str, length: int) -> str:
    return " ".join([name, *["word"] * (length - 1)])


def texts(passages: list[Passage]) -> list[str]:
    return [passage.text for passage in passages]


def test_passage_carries_where_it_comes_from(document: Make) -> None:
    [passage] = chunk(document("# Guide\n\n## Set it up\n\nRun it."), words)
    assert (passage.document, passage.title, passage.product) == ("guide.md", "Guide", "Tool")
    assert (passage.heading_path, passage.text) == (("Guide", "Set it up"), "Run it.")
    assert passage.address == "/admin/knowledge/guide.md#set-it-up"


def test_passage_below_the_title_alone_leads_to_the_whole_page(document: Make) -> None:
    [passage] = chunk(document("# Guide\n\nRun it."), words)
    assert passage.address == "/admin/knowledge/guide.md"


def test_page_without_headings_is_one_passage(document: Make) -> None:
    [passage] = chunk(document("Run it.\n\nThen stop it."), words)
    assert (passage.heading_path, passage.text) == ((), "Run it.\n\nThen stop it.")


@pytest.mark.parametrize("text", ["", "\n\n", "# Guide", "# Guide\n\n## Only\n\n### Headings"])
def test_page_without_text_has_no_passage(document: Make, text: str) -> None:
    assert chunk(document(text), words) == []


def test_sections_of_different_second_level_headings_stay_apart(document: Make) -> None:
    passages = chunk(document("# G\n\n## A\n\nshort\n\n## B\n\nshort too"), words)
    assert [(p.heading_path, p.text) for p in passages] == [(("G", "A"), "short"), (("G", "B"), "short too")]


def test_short_sections_below_one_heading_are_joined_with_their_names(document: Make) -> None:
    [passage] = chunk(document("# G\n\n## A\n\nfirst\n\n### Deep\n\nsecond\n\n### Deeper\n\nthird"), words)
    assert passage.heading_path == ("G", "A")
    assert passage.text == "first\n\n**Deep**\n\nsecond\n\n**Deeper**\n\nthird"
    assert passage.address.endswith("#a")


def test_sections_too_long_to_be_joined_keep_their_own_heading(document: Make) -> None:
    long = paragraph("long", MAX_TOKENS - 10)
    passages = chunk(document(f"# G\n\n## A\n\n### Deep\n\n{long}\n\n### Deeper\n\n{long}"), words)
    assert [p.heading_path for p in passages] == [("G", "A", "Deep"), ("G", "A", "Deeper")]
    assert [p.address.partition("#")[2] for p in passages] == ["deep", "deeper"]


def test_long_section_is_cut_between_blocks(document: Make) -> None:
    blocks = [paragraph(f"p{number}", 100) for number in range(5)]
    passages = chunk(document("# G\n\n" + "\n\n".join(blocks)), words)
    assert texts(passages) == [f"{blocks[0]}\n\n{blocks[1]}", f"{blocks[2]}\n\n{blocks[3]}", blocks[4]]


@pytest.mark.parametrize(
    "block",
    [
        "```python\n" + "\n\n".join(f"line_{n} = {n}" for n in range(200)) + "\n```",
        "~~~\n# no heading\n" + "\n".join(f"row {n}" for n in range(200)) + "\n~~~",
        "| a | b |\n| --- | --- |\n" + "\n".join(f"| {n} | cell |" for n in range(100)),
    ],
    ids=["fence", "tildes", "table"],
)
def test_code_and_tables_longer_than_a_passage_are_not_torn(document: Make, block: str) -> None:
    passages = chunk(document(f"# G\n\nbefore\n\n{block}\n\nafter"), words)
    assert texts(passages) == ["before", block, "after"]


def test_very_long_fence_is_cut_between_lines_into_fences(document: Make) -> None:
    lines = [f"line_{n} = {n}" for n in range(600)]
    passages = texts(chunk(document("# G\n\n```python\n" + "\n".join(lines) + "\n```"), words))
    assert len(passages) == 3
    assert all(text.startswith("```python\n") and text.endswith("\n```") for text in passages)
    assert [line for text in passages for line in text.split("\n")[1:-1]] == lines
    assert max(words(text) for text in passages) <= WHOLE_TOKENS + 2


def test_very_long_table_is_cut_between_rows_below_its_head(document: Make) -> None:
    head, rows = "| a | b |\n| --- | --- |", [f"| {n} | cell |" for n in range(300)]
    passages = texts(chunk(document("# G\n\n" + head + "\n" + "\n".join(rows)), words))
    assert all(text.startswith(head + "\n") for text in passages)
    assert [row for text in passages for row in text.split("\n")[2:]] == rows
    assert max(words(text) for text in passages) <= MAX_TOKENS


@pytest.mark.parametrize(
    "block",
    [
        "\n".join(f"- item {n}" for n in range(200)),
        "> " + "\n> ".join(f"quoted {n}" for n in range(200)),
        " ".join(f"Sentence number {n} is here." for n in range(200)),
        " ".join(f"word{n}" for n in range(600)),
    ],
    ids=["list", "quotation", "sentences", "words"],
)
def test_long_running_text_is_cut_and_no_word_of_it_lost(document: Make, block: str) -> None:
    passages = texts(chunk(document(f"# G\n\n{block}"), words))
    assert len(passages) > 1
    assert max(words(text) for text in passages) <= MAX_TOKENS
    assert " ".join(passages).split() == block.split()


def test_long_passage_is_embedded_in_windows_below_its_title(document: Make) -> None:
    lines = "\n".join(f"line_{n} = {n}" for n in range(200))
    [passage] = chunk(document(f"# Guide\n\n```\n{lines}\n```"), words)
    windows = embedding_texts(passage, words)
    assert len(windows) > 1
    assert all(window.startswith("Guide\n") and words(window) <= MAX_TOKENS + 1 for window in windows)
    assert [line for window in windows for line in window.split("\n")[1:]] == passage.text.split("\n")


def test_heading_inside_a_fence_is_code(document: Make) -> None:
    [passage] = chunk(document("# G\n\n```bash\n# not a heading\nls\n```"), words)
    assert (passage.heading_path, passage.text) == (("G",), "```bash\n# not a heading\nls\n```")


def test_underlined_headings_count(document: Make) -> None:
    [passage] = chunk(document("Guide\n=====\n\nSet it up\n---------\n\nRun it."), words)
    assert passage.heading_path == ("Guide", "Set it up")


def test_heading_of_a_higher_level_ends_the_deeper_ones(document: Make) -> None:
    long = paragraph("x", MAX_TOKENS)
    text = f"# G\n\n## A\n\n### B\n\n{long}\n\n## C\n\n{long}\n\n#### D\n\n{long}\n\n# H\n\n{long}"
    paths = [p.heading_path for p in chunk(document(text), words)]
    assert paths == [("G", "A", "B"), ("G", "C"), ("G", "C", "D"), ("H",)]


def test_names_of_joined_sections_count_against_the_limit(document: Make) -> None:
    heading = "A rather long heading of some ten words for little"
    sections = "\n\n".join(f"### {heading} {number}\n\nshort text {number}" for number in range(60))
    passages = chunk(document(f"# G\n\n## A\n\n{sections}"), words)
    assert max(words(passage.text) for passage in passages) <= MAX_TOKENS


@pytest.mark.parametrize("strange", ["\u2028", "\x0c", "\x85", "\x1c", "\x0b"], ids=ascii)
def test_characters_that_only_python_takes_for_line_ends_shift_nothing(document: Make, strange: str) -> None:
    first, second = f"one{strange}two{strange}three", "```\nkept whole\n```"
    [passage] = chunk(document(f"# G\n\n{first}\n\n{second}"), words)
    assert passage.text == f"{first}\n\n{second}"


@pytest.mark.parametrize("end", ["\r\n", "\r"], ids=ascii)
def test_line_ends_of_other_systems_shift_nothing(document: Make, end: str) -> None:
    text = "# G\n\n## A\n\none\n\n```\nkept\n```\n\n## B\n\ntwo"
    passages = chunk(document(text.replace("\n", end)), words)
    assert [(p.heading_path, p.text) for p in passages] == [(("G", "A"), "one\n\n```\nkept\n```"), (("G", "B"), "two")]


def test_ids_are_the_same_for_the_same_text_and_others_for_other_places(document: Make) -> None:
    text = "# G\n\n## A\n\nsame\n\n## B\n\nsame"
    first, second = chunk(document(text), words), chunk(document(text), words)
    assert [p.id for p in first] == [p.id for p in second]
    assert len({p.id for p in first}) == 2


def test_repeated_section_is_kept_once(document: Make) -> None:
    long = paragraph("x", MAX_TOKENS)
    assert texts(chunk(document(f"# G\n\n{long}\n\n{long}"), words)) == [long]


@pytest.mark.parametrize(
    ("heading", "fragment"),
    [
        ("Set it up", "set-it-up"),
        ("Why does `dvc repro` do nothing?", "why-does-dvc-repro-do-nothing"),
        ("KServe 0.15: canary", "kserve-015-canary"),
        ("log_model in MLflow 3", "log_model-in-mlflow-3"),
        ("Blue/green & übersicht", "bluegreen--übersicht"),
    ],
)
def test_anchor_is_what_markdown_renderers_make(heading: str, fragment: str) -> None:
    assert anchor(heading) == fragment


@pytest.mark.parametrize(
    ("headings", "text", "embedded"),
    [
        (("Guide", "Set it up"), "Run.", "Guide > Set it up\nRun."),
        (("Guide", "Canary rollout"), "A canary rollout is safe.", "Guide\nA canary rollout is safe."),
        (("Guide", "Canary rollout"), "The guide: a CANARY rollout.", "The guide: a CANARY rollout."),
        ((), "Run.", "Guide\nRun."),
        (("Guide", "Guide"), "Run.", "Guide\nRun."),
    ],
)
def test_what_the_text_says_anyway_is_not_embedded_twice(headings: tuple[str, ...], text: str, embedded: str) -> None:
    assert embedding_texts(Passage("1", "g.md", "Guide", headings, "/", text), words) == [embedded]


def test_whole_pages_fit_the_model_to_the_last_word(embedder: Embedder, document: Make) -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "data" / "knowledge").glob("r*/*.md"))]
    passages = [passage for page in pages for passage in chunk(document(page), embedder.count_tokens)]
    sizes = [
        embedder.count_tokens(text) for passage in passages for text in embedding_texts(passage, embedder.count_tokens)
    ]
    assert len(sizes) > 50
    assert max(sizes) <= embedder.max_tokens - 2


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A page of Markdown and its blocks, each of which is unlike the others."""
    kinds = st.sampled_from(["heading", "paragraph", "fence", "table", "list"])
    parts, blocks = ["# Guide"], []
    for number, kind in enumerate(draw(st.lists(kinds, max_size=25))):
        size = draw(st.integers(1, 4) | st.integers(1, 130))
        if kind == "heading":
            parts.append("#" * draw(st.integers(1, 5)) + f" About {number}" + " more" * draw(st.integers(0, 8)))
            continue
        blocks.append(block(kind, number, size))
        parts.append(blocks[-1])
        if kind == "list":
            parts.append("<!-- end -->")  # or two lists in a row would be one
            blocks.append(parts[-1])
    return "\n\n".join(parts), blocks


def block(kind: str, number: int, size: int) -> str:
    match kind:
        case "fence":
            return f"```text\nfence{number}\n\n" + "\n# no heading\n\n".join(["code"] * size) + "\n```"
        case "table":
            return f"| table{number} | b |\n| --- | --- |" + "\n| c | d |" * size
        case "list":
            return f"- list{number}" + "\n- item\n\n  with more" * min(size, 50)
    return paragraph(f"paragraph{number}", size)


PROPERTY = settings(max_examples=60, deadline=None, database=None, derandomize=True)
PAGE = Document("guide.md", "Guide", "Tool", "/guide.md", "", "", "")


def passages_of(text: str) -> list[Passage]:
    return chunk(Document(**{**vars(PAGE), "text": text}), words)


@PROPERTY
@given(pages())
def test_every_block_of_a_page_stands_whole_in_one_passage(page: tuple[str, list[str]]) -> None:
    text, blocks = page
    passages = texts(passages_of(text))
    assert [block for block in blocks if not any(block in passage for passage in passages)] == []


@PROPERTY
@given(pages())
def test_passages_follow_the_order_of_the_page(page: tuple[str, list[str]]) -> None:
    text, blocks = page
    joined = "\n\n".join(texts(passages_of(text)))
    named = [block for block in blocks if block != "<!-- end -->"]
    places = [joined.index(block) for block in named]
    assert places == sorted(places)


@PROPERTY
@given(pages())
def test_only_a_single_block_makes_a_passage_too_long(page: tuple[str, list[str]]) -> None:
    text, blocks = page
    assert [p.text for p in passages_of(text) if words(p.text) > MAX_TOKENS and p.text not in blocks] == []


@PROPERTY
@given(pages())
def test_passages_of_a_page_differ_in_their_ids(page: tuple[str, list[str]]) -> None:
    passages = passages_of(page[0])
    assert len({passage.id for passage in passages}) == len(passages)


@PROPERTY
@given(st.text(max_size=400))
def test_any_text_at_all_can_be_cut(text: str) -> None:
    assert all(passage.text.strip() for passage in passages_of(text))
