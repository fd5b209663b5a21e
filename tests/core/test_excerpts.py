"""What a search shows of a hit: the words marked, whatever they are."""

from core.domain.history import AROUND, MOST_WORDS, excerpt, words_of


def test_words_are_marked_in_their_forms_and_in_any_case() -> None:
    said = "Set a Threshold, no thresholds; reset: deployed by a setter."
    pieces = excerpt(said, "threshold deployments set ")
    assert [piece for piece, hit in pieces if hit] == ["Set", "Threshold", "thresholds", "deployed"]
    assert "".join(piece for piece, _ in pieces) == said


def test_last_word_is_marked_from_its_beginning_while_it_is_typed() -> None:
    pieces = excerpt("A drifting driver", "drift")
    assert [piece for piece, hit in pieces if hit] == ["drifting"]
    assert [piece for piece, hit in excerpt("A set of setters", "set") if hit] == ["set", "setters"]


def test_long_texts_are_cut_around_the_first_word_found() -> None:
    pieces = excerpt("x " * 500 + "drift" + " y" * 500, "drift")
    assert (pieces[0], pieces[-1]) == (("… ", False), (" …", False))
    assert len("".join(piece for piece, _ in pieces)) < AROUND * 5


def test_text_without_a_word_shows_its_beginning() -> None:
    assert excerpt("One\n\ntwo", "three") == [("One two", False)]
    assert excerpt("One two", "?!") == [("One two", False)]


def test_markup_stays_text() -> None:
    assert excerpt("<script>drift</script>", "drift") == [("<script>", False), ("drift", True), ("</script>", False)]


def test_nobody_searches_for_a_book() -> None:
    assert len(words_of("word " * 500)) == MOST_WORDS
    assert words_of("(a|b)* .+ Ünï_code") == ("a", "b", "ünï", "code")
