"""docs/facts.md, the catalogue and the connectors say the same."""

from __future__ import annotations

import re
from pathlib import Path

from activities.connectors.base import GatedOperation
from activities.connectors.registry import CONNECTORS
from coco.guardrails.facts_table import facts_table, operations_table

from .strategies import CATALOGUE

DOCS = Path(__file__).parents[2] / "docs"


def test_the_tables_are_those_of_the_catalogue() -> None:
    text = (DOCS / "facts.md").read_text("utf-8")
    assert facts_table(CATALOGUE) in text
    assert operations_table(CATALOGUE) in text
    assert text.count("\n| `") == len(CATALOGUE.facts) + len(CATALOGUE.operations)


def test_the_actions_of_the_table_are_those_of_the_connectors() -> None:
    text = (DOCS / "facts.md").read_text("utf-8")
    told = re.findall(r"^\| (\w+) \| `(\w+\.\w+)` \|", text, re.MULTILINE)
    gated = [
        (name, operation.name)
        for name, one in CONNECTORS.items()
        for operation in one.operations.values()
        if isinstance(operation, GatedOperation)
    ]
    assert sorted(told) == sorted(gated)


def test_the_guide_names_every_key_of_the_compile_output() -> None:
    from coco.guardrails.english.compiler import compile_sentence
    from coco.guardrails.export import compiled_json

    text = (DOCS / "guardrails.md").read_text("utf-8")
    for key in compiled_json(compile_sentence("Enrich all contacts.")):
        assert f"`{key}`" in text, key


def test_every_sentence_of_the_guide_compiles() -> None:
    from coco.guardrails.english.compiler import compile_sentence

    text = (DOCS / "guardrails.md").read_text("utf-8")
    block = re.search(r"<!-- accepted -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert block is not None
    sentences = [line[2:] for line in block.group(1).splitlines() if line.startswith("- ")]
    assert len(sentences) > 15
    for sentence in sentences:
        assert compile_sentence(sentence).ok, sentence
