"""The catalogue as Markdown tables, for docs/facts.md."""

from __future__ import annotations

from .catalogue import Catalogue


def facts_table(catalogue: Catalogue) -> str:
    """One row a fact: name, other accepted names, type, unit, meaning."""
    rows = ["| fact | also accepted as | type | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for fact in catalogue.facts.values():
        also = ", ".join(f"`{alias}`" for alias in fact.aliases)
        doc = fact.doc + (" Cannot lie after `now`." if fact.past else "")
        rows.append(f"| `{fact.name}` | {also} | {fact.type.value} | {fact.unit} | {doc} |")
    return "\n".join(rows)


def operations_table(catalogue: Catalogue) -> str:
    """One row an operation: name, the argument that a rule pins, meaning."""
    rows = ["| operation | the rule pins | meaning |", "| --- | --- | --- |"]
    for operation in catalogue.operations.values():
        pinned = f"`{operation.argument}`" if operation.argument else ""
        rows.append(f"| `{operation.name}` | {pinned} | {operation.doc} |")
    return "\n".join(rows)
