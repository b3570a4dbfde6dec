"""Any text compiles or is refused with problems that point into it; what compiles reads back to itself."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.english.vocabulary import build_vocabulary

from .strategies import CATALOGUE

PHRASES = sorted({" ".join(key) for key in build_vocabulary(CATALOGUE).phrases})
PIECES = st.one_of(
    st.sampled_from(PHRASES),
    st.sampled_from(
        [
            '"A"',
            '"b c"',
            "14 days",
            "3 months",
            "$10k",
            "80%",
            "5",
            ".",
            ",",
            ";",
            "(",
            ")",
            "acme.com",
            "2026-03-01",
            "Europe/Berlin",
            "9-17",
            "tagged",
            "contacts",
            "deals",
            "or",
            "and",
            "not",
            "unless",
        ]
    ),
)


def _sound(sentence: str) -> None:
    compiled = compile_sentence(sentence)
    if compiled.ok:
        again = compile_sentence(compiled.reading)
        assert again.form == compiled.form, compiled.reading
        return
    assert compiled.problems
    for problem in compiled.problems:
        start, end = problem.span
        assert 0 <= start <= end <= len(sentence)
        assert problem.text == sentence[start:end]
        assert problem.message


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80))
@example("")
@example('Archive contacts tagged \u200b"a".')
@example("Archive contacts tagged “a”.")
def test_any_text(sentence: str) -> None:
    _sound(sentence)


@settings(max_examples=80, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=9))
def test_any_words_of_the_language(pieces: list[str]) -> None:
    _sound(" ".join(pieces))


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["Archive contacts", "Archive all contacts", "Draft follow-ups for deals", "Enrich companies"]),
    st.lists(PIECES, min_size=1, max_size=6),
)
def test_any_words_after_a_good_beginning(beginning: str, pieces: list[str]) -> None:
    _sound(beginning + " " + " ".join(pieces))
