"""docs/facts.md and the catalogue say the same."""

from __future__ import annotations

from pathlib import Path

from coco.guardrails.facts_table import facts_table, operations_table

from .strategies import CATALOGUE

DOCS = Path(__file__).parents[2] / "docs"


def test_the_tables_are_those_of_the_catalogue() -> None:
    text = (DOCS / "facts.md").read_text("utf-8")
    assert facts_table(CATALOGUE) in text
    assert operations_table(CATALOGUE) in text
    assert text.count("\n| `") == len(CATALOGUE.facts) + len(CATALOGUE.operations)


def test_the_guide_names_every_key_of_the_compile_output() -> None:
    from coco.guardrails.english.compiler import compile_sentence
    from coco.guardrails.export import compiled_json

    text = (DOCS / "guardrails.md").read_text("utf-8")
    for key in compiled_json(compile_sentence("Enrich all contacts.")):
        assert f"`{key}`" in text, key


def test_every_sentence_of_the_guide_compiles() -> None:
    import re

    from coco.guardrails.english.compiler import compile_sentence

    text = (DOCS / "guardrails.md").read_text("utf-8")
    block = re.search(r"<!-- accepted -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert block is not None
    sentences = [line[2:] for line in block.group(1).splitlines() if line.startswith("- ")]
    assert len(sentences) > 15
    for sentence in sentences:
        assert compile_sentence(sentence).ok, sentence
