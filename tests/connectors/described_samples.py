"""Values made of a schema: what a provider may answer, with all of its fields or only those it promises."""

from __future__ import annotations

import re
import re._parser as re_parser
from collections.abc import Mapping
from typing import Any

from tests.connectors.descriptions import resolved

CANDIDATES = ("text", "C0123456789", "U0123456789", "1760000000.000100", "2026-03-02T09:00:00Z")
"""Tried first where a text has to be like a pattern, so that a record has the id that the examples ask for."""
MAX_DEPTH = 8


def sample(file: str, schema: Mapping[str, Any], *, full: bool, depth: int = 0) -> Any:
    """A value that fits the schema; with `full` all fields that are described, else those that are required."""
    schema = resolved(file, schema)
    items = schema.get("items")
    if isinstance(items, list) and schema.get("type") != "array":
        schema = resolved(file, next((item for item in items if item.get("type") != "null"), items[0]))
        items = schema.get("items")
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            required = schema.get("required", [])
            fields = {
                name: part
                for name, part in schema.get("properties", {}).items()
                if name in required or (full and depth < MAX_DEPTH)
            }
            return {name: sample(file, part, full=full, depth=depth + 1) for name, part in fields.items()}
        case "array":
            if depth >= MAX_DEPTH or not items:
                return []
            return [sample(file, items[0] if isinstance(items, list) else items, full=full, depth=depth + 1)]
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case "null":
            return None
    pattern = schema.get("pattern", "")
    fitting = [text for text in CANDIDATES if re.search(pattern, text)]
    return fitting[0] if fitting else _shortest(re_parser.parse(pattern))


def _shortest(parsed: Any) -> str:
    """A short text like a simple pattern: literals, classes, groups and repetitions."""
    found = ""
    for kind, told in parsed:
        match str(kind):
            case "LITERAL":
                found += chr(told)
            case "IN":
                [(first, value), *_] = told
                found += chr(value[0]) if str(first) == "RANGE" else chr(value) if str(first) == "LITERAL" else "0"
            case "MAX_REPEAT":
                found += _shortest(told[2]) * told[0]
            case "SUBPATTERN":
                found += _shortest(told[3])
            case "BRANCH":
                found += _shortest(told[1][0])
            case "AT":
                pass
            case other:
                raise AssertionError(f"no sample text is made of {other}")
    return found
