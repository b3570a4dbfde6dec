"""A capitalised word is a name only where nothing else could stand; the reading shows it in quotation marks."""

from __future__ import annotations

import pytest

from coco.guardrails.english.compiler import compile_sentence


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("Archive contacts owned by Kim.", "Kim"),
        ("Archive contacts whose owner is Jean-Luc Picard in France.", "Jean-Luc Picard"),
        ("Assign contacts in France to Marie Dupont, at most 5 a day.", "Marie Dupont"),
        ("Archive contacts from the company Initech.", "Initech"),
        ("Archive contacts in the city of Munich.", "Munich"),
        ("Archive contacts owned by April in France.", "April"),
        ("Archive contacts owned by May Grant.", "May Grant"),
        ("Archive contacts owned by Maria de la Cruz.", "Maria de la Cruz"),
        ("Archive contacts tagged VIP.", "VIP"),
        ("Move deals in discovery to Onboarding.", "Onboarding"),
    ],
)
def test_the_reading_shows_the_name_in_quotation_marks(sentence: str, name: str) -> None:
    compiled = compile_sentence(sentence)
    assert compiled.ok, compiled.problems
    assert f'"{name}"' in compiled.reading


@pytest.mark.parametrize(
    "sentence",
    [
        "Archive contacts owned by Kim Germany.",
        "Archive contacts owned by Kim Notify me first.",
        "Archive contacts owned by Nobody Special.",
        "Archive contacts owned by Someone.",
        "Archive contacts owned by Me.",
        "Archive contacts owned by Kim's team.",
        "Archive contacts owned by Sam J. Smith.",
        "ARCHIVE CONTACTS OWNED BY KIM.",
        "Archive Contacts Owned By Kim.",
        "Archive contacts from company Marks and Spencer.",
        "Archive contacts from company Johnson & Johnson.",
        "Archive contacts unless the company is Acme, Inc or Globex.",
        "Archive contacts whose city is New York.",
        "Archive contacts from Acme.",
    ],
)
def test_what_could_be_something_else_stays_refused(sentence: str) -> None:
    compiled = compile_sentence(sentence)
    assert not compiled.ok, compiled.reading
