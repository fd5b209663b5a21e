"""Sentences of an answer, against the passages that it may cite."""

import re
from dataclasses import replace
from pathlib import Path

import frontmatter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.grounding.citations import NOT_COVERED_TEXT, UNCITED_NOTE, conclude
from core.answering.grounding.statements import Kind, blocks
from core.answering.grounding.support import LONGEST, MARK, Policy, check
from core.answering.language_models.extractive import extract
from core.answering.prompts import framed_passages
from core.domain.conversation import Mode, ToolCall
from core.domain.knowledge import Document, Passage
from core.knowledge.index.chunk import chunk
from tests.core.answering.passages import SUPPORTING, WEAK, passage

SHIPPED = Path(__file__).parents[4] / "data" / "knowledge"

MEMORY = """Docker gives a container only 64 MB of shared memory by default. Enlarge it with
`docker run --shm-size=8g`, or set `num_workers=0` to confirm the cause.

- A container above its memory limit is killed with exit code 137.
- `docker stop` sends SIGKILL after 10 seconds.
"""
ROTATION = """Rotate long-lived keys at least every 90 days, and immediately after a suspected leak. AWS allows two
access keys per IAM user for this purpose. Call `client.get_secret_value(SecretId="db")` from boto3 to read one.

```bash
gitleaks git --redact .
```
"""
FOUND = [passage(1, text=MEMORY, title="Debug containers"), passage(2, text=ROTATION, title="Manage secrets")]

TRUE = "A container gets just 64 MB of shared memory [1]."
FALSE = "A container gets just 128 MB of shared memory [1]."
ROTATE = "Rotate long-lived keys at least every 90 days [2]."


def marked(text: str, found: list[Passage] = FOUND, question: str = "") -> str:
    return check(text, found, question=question).text


def dropped(text: str) -> str:
    return check(text, FOUND, policy="drop").text


@pytest.mark.parametrize(
    "text",
    [
        TRUE,
        "By default, containers have 64 MB of shared memory.",
        "After ten seconds `docker stop` uses SIGKILL [1].",
        "Set `num_workers=0` to confirm it [1].",
        "AWS permits two access keys for each IAM user [2].",
        "A killed container has exit code 137 [1], and keys are rotated every 90 days [2].",
        "A killed container has exit code 137, and leaked keys are rotated immediately [1][2].",
    ],
)
def test_what_the_passages_say_in_other_words_stays_as_it_is(text: str) -> None:
    checked = check(text, FOUND)
    assert (checked.text, checked.unsupported) == (text, ())
    assert [verdict.supported for verdict in checked.verdicts] == [True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FALSE, f"A container gets just 128 MB of shared memory {MARK}."),
        ("Enlarge it with `docker run --shm-limit=8g` [1].", f"Enlarge it with `docker run --shm-limit=8g` {MARK}."),
        ("Call `client.fetch_secret` to read one.", f"Call `client.fetch_secret` to read one {MARK}."),
        ("Read https://docker.example/shm first [1]!", f"Read https://docker.example/shm first {MARK}!"),
        ("The kernel compacts pages of idle workers", f"The kernel compacts pages of idle workers {MARK}"),
        ("**Swap space makes training workers faster [1].**", f"**Swap space makes training workers faster {MARK}.**"),
        (f"{TRUE} {FALSE} {ROTATE}", f"{TRUE} A container gets just 128 MB of shared memory {MARK}. {ROTATE}"),
        ("| Exit code | 138 [1] |\n", f"| Exit code | 138 {MARK} |"),
    ],
)
def test_what_no_passage_says_is_marked_and_loses_its_marker(text: str, expected: str) -> None:
    checked = check(text, FOUND)
    assert checked.text.rstrip("\n") == expected
    assert len(checked.unsupported) == 1


def test_a_number_that_the_question_names_may_be_repeated() -> None:
    text = "A container killed with exit code 137 at 6 GB is above its memory limit [1]."
    assert MARK in marked(text)
    assert marked(text, question="Why is mine killed at 6 GB?") == text


def test_to_name_the_documentation_is_no_support() -> None:
    assert MARK in marked("According to the documentation, the kernel compacts idle pages.")


def test_a_wrong_marker_is_corrected_to_the_passage_that_says_it() -> None:
    checked = check(f"Rotate long-lived keys at least every 90 days [1]. {TRUE}", FOUND)
    assert checked.text == f"{ROTATE} {TRUE}"
    assert [verdict.by for verdict in checked.verdicts] == [(2,), (1,)]


def test_the_citations_follow_the_markers_that_are_left() -> None:
    answer = conclude(f"Rotate keys every 90 days [1]. {FALSE}", FOUND, [], mode=Mode.AGENT, model="m")
    assert answer.text == f"Rotate keys every 90 days [2]. {FALSE[:-5]} {MARK}."
    assert [(citation.number, citation.passage_id) for citation in answer.citations] == [(2, "id-2")]


@pytest.mark.parametrize(
    "text",
    [
        "Hello, happy to help with your cluster!",
        "Here is how to enlarge shared volumes.",
        "For example:",
        "Set the Kubernetes quota of the namespace to 12 as follows:",
        "Did the scheduler evict the pod 3 times?",
        "Push it [1].",
        "The passages do not mention Kubernetes quotas.",
        "## Quotas of Kubernetes 1.33",
        "**Kubernetes quotas**",
        "[quota]: https://kubernetes.example/quota",
        "| Namespace | Quota |\n|---|---|",
        "---",
    ],
)
def test_what_claims_nothing_is_left_alone(text: str) -> None:
    checked = check(text, FOUND)
    assert (checked.text, checked.verdicts) == (text, ())


def test_code_that_the_passages_show_may_be_adapted() -> None:
    text = "```python\nname = 'prod/db'\nsecret = client.get_secret_value(SecretId=name)\nprint(secret)\n```"
    assert marked(text) == text
    assert check("```bash\ngitleaks git --redact ./mine\n```", FOUND).verdicts[0].by == (2,)


@pytest.mark.parametrize("code", ["docker run --shm-limit=8g app", "client.fetch_secret('db')", "echo $SHM_LIMIT_MB"])
def test_code_with_an_invented_name_is_marked_behind_its_fence(code: str) -> None:
    fence = f"```bash\n{code}\n```"
    assert marked(f"Run:\n\n{fence}\n\nDone.") == f"Run:\n\n{fence}\n{MARK}\n\nDone."


def test_a_fence_that_never_ends_is_reported_and_not_touched() -> None:
    text = "Run:\n\n```bash\ndocker run --shm-limit=8g app"
    checked = check(text, FOUND)
    assert checked.text == text
    assert len(checked.unsupported) == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{TRUE} {FALSE}", TRUE),
        (f"{FALSE} {TRUE}", TRUE),
        (f"- {TRUE}\n- {FALSE}\n", f"- {TRUE}"),
        (f"- {FALSE}\n- {TRUE}\n\n{ROTATE}", f"- {TRUE}\n\n{ROTATE}"),
        (f"{TRUE}\n\nAlso:\n\n- {FALSE}\n- {FALSE}\n\n{ROTATE}", f"{TRUE}\n\n{ROTATE}"),
        (f"{TRUE} Also:\n- {FALSE}\n  ```\n  true\n  ```", TRUE),
        (f"Also:\n- {FALSE}\n- {TRUE}", f"Also:\n- {TRUE}"),
        (f"{TRUE}\n\nThen run:\n\n```\ndocker run --shm-limit=8g\n```", TRUE),
        (f"# Memory\n\n{FALSE}\n\n## Sizes\n\n{FALSE}\n\n# Keys\n\n{ROTATE}", f"# Keys\n\n{ROTATE}"),
        (f"# Memory\n\n{FALSE}\n\n## Sizes\n\n{TRUE}", f"# Memory\n\n## Sizes\n\n{TRUE}"),
        (f"**Memory**\n\n{FALSE}\n\n**Keys**\n\n{ROTATE}", f"**Keys**\n\n{ROTATE}"),
        (f"{TRUE}\n\n| Code | Cause |\n|---|---|\n| 138 | swap |\n", TRUE),
        (
            f"{TRUE}\n\n| Code | Cause |\n|---|---|\n| 137 | memory limit |\n| 138 | swap |\n",
            f"{TRUE}\n\n| Code | Cause |\n|---|---|\n| 137 | memory limit |",
        ),
        (f"1. {FALSE}\n   - {TRUE}\n2. {ROTATE}", f"2. {ROTATE}"),
        (f"> {FALSE}\n\n{TRUE}", TRUE),
    ],
)
def test_what_is_dropped_leaves_nothing_behind(text: str, left: str) -> None:
    assert dropped(text) == left


def test_an_answer_that_nothing_supports_is_not_covered_once_dropped() -> None:
    text = f"Hello!\n\nDo this:\n\n- {FALSE}\n- Swap space makes training workers faster."
    assert dropped(text) == ""
    answer = conclude(text, FOUND, [], mode=Mode.AGENT, model="m", unsupported="drop")
    assert (answer.text, answer.covered) == (NOT_COVERED_TEXT, False)
    kept = conclude(text, FOUND, [], mode=Mode.AGENT, model="m", unsupported="keep")
    assert (kept.text, kept.covered) == (text, True)


def test_an_answer_that_is_marked_through_and_through_rests_on_what_was_found() -> None:
    answer = conclude(FALSE, FOUND, [], mode=Mode.AGENT, model="m")
    assert (answer.covered, answer.note) == (True, UNCITED_NOTE)
    weak = [passage(1, text=MEMORY, score=WEAK)]
    assert not conclude(FALSE, weak, [], mode=Mode.AGENT, model="m").covered


def test_what_was_calculated_needs_no_passage_and_what_was_not_does() -> None:
    call = ToolCall("calculate", '{"expression": "3 * 24 * 0.526"}', "37.872")
    answer = conclude("Three days cost 37.872 dollars.", FOUND, [call], mode=Mode.AGENT, model="m")
    assert answer.text == "Three days cost 37.872 dollars."
    rounded = conclude("At 0.526 dollars an hour, they cost about 37.9.", FOUND, [call], mode=Mode.AGENT, model="m")
    assert MARK not in rounded.text
    wrong = conclude("Three days cost 38.9 dollars.", FOUND, [call], mode=Mode.AGENT, model="m")
    assert wrong.text == f"Three days cost 38.9 dollars {MARK}."


def test_an_answer_in_another_language_than_the_passages_is_not_judged() -> None:
    text = "Ein Container bekommt nur 128 MB, und das ist für die meisten Modelle viel zu wenig Speicher [1]."
    checked = check(text, FOUND)
    assert (checked.text, checked.verdicts) == (text, ())
    assert check("容器默认只有一百二十八兆共享内存。请增加它。然后重新启动容器。", FOUND).verdicts == ()
    german = "Ein Container bekommt nur 64 MB, und das ist für die meisten Modelle zu wenig. Die Schlüssel sind geheim."
    assert MARK in marked(text, [passage(1, text=german)])


def test_a_text_longer_than_any_answer_is_left_as_it_is() -> None:
    text = f"{FALSE} " * (LONGEST // len(FALSE))
    assert check(text, FOUND).text == text


def test_without_passages_every_claim_is_unsupported() -> None:
    assert check(TRUE, []).unsupported == (TRUE,)


def shipped_passages() -> list[list[Passage]]:
    """The passages of each page that ships."""
    pages: list[list[Passage]] = []
    for file in sorted(SHIPPED.rglob("*.md")):
        page = frontmatter.loads(file.read_text("utf-8"))
        title = str(page["title"])
        document = Document(file.name, title, "", "http://localhost/", "", page.content, "")
        pages.append(chunk(document, lambda text: len(text) // 4))
    return pages


def test_what_is_quoted_is_never_marked() -> None:
    pages = shipped_passages()
    assert len(pages) > 40
    for found in pages:
        scored = [replace(each, score=SUPPORTING - number / 1_000) for number, each in enumerate(found)]
        for start in range(0, len(scored), 5):
            given = scored[start : start + 5]
            quoted = extract(framed_passages(given))
            answer = conclude(quoted, given, [], mode=Mode.AGENT, model="extractive", unsupported="mark")
            assert MARK not in answer.text
            assert answer.text == conclude(quoted, given, [], mode=Mode.AGENT, model="m", unsupported="keep").text


PIECES = [
    *(TRUE, FALSE, ROTATE, "Swap space makes workers faster. ", f" {MARK}", "See:", "**Bold. Text**", "# Memory\n"),
    *("- ", "  - ", "\n1. ", "> ", "\n", "\n\n", "| a | 138 |\n", "|---|---|\n", "[page](https://example.org/a)", "ü"),
    *("```\ndocker run --shm-limit=8g\n```\n", "~~~bash\nx[1] = 2\n~~~\n", "```\n", "`[1]`", "[1]", " [2][1]"),
    *("…", "?", "e.g. ", "  "),
]
ANSWERS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
TEXTS = ANSWERS | st.text("ab1.`~[]()*|#->: \n!_", max_size=60)


@given(TEXTS)
def test_blocks_join_to_the_text(text: str) -> None:
    assert "".join(block.text for block in blocks(text)) == text


@given(TEXTS)
def test_keeping_changes_nothing(text: str) -> None:
    assert check(text, FOUND, policy="keep").text == text


@given(ANSWERS)
def test_marking_twice_is_marking_once(text: str) -> None:
    once = marked(text)
    assert marked(once) == once


@given(TEXTS, st.sampled_from(["mark", "drop", "keep"]))
def test_code_is_never_changed(text: str, policy: Policy) -> None:
    def code(markdown: str) -> list[str]:
        return [block.text.strip() for block in blocks(markdown) if block.kind is Kind.CODE]

    before, after = code(text), code(check(text, FOUND, policy=policy).text)
    if policy == "drop":
        assert set(after) <= set(before)
    else:
        assert after == before


@given(st.lists(st.sampled_from([TRUE, FALSE, ROTATE]), min_size=1, max_size=6))
def test_dropping_leaves_no_empty_item_and_keeps_every_true_one(items: list[str]) -> None:
    left = dropped("Do this:\n\n" + "".join(f"- {item}\n" for item in items))
    true = [item for item in items if item != FALSE]
    assert left == ("Do this:\n\n" + "\n".join(f"- {item}" for item in true) if true else "")
    assert not re.search(r"^- *$", left, re.MULTILINE)
