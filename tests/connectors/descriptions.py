"""The providers' API descriptions, read as data: where they are, what mutates, whether a body fits its schema."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = Path(os.environ.get("COCO_SPECS_DIR") or ROOT.parent / "shared" / "specs")


@cache
def description(name: str) -> dict[str, Any]:
    """One description by file name; skips the test where it is not at hand."""
    path = DIRECTORY / name
    if not path.is_file():
        pytest.skip(f"the API description {name} is not in {DIRECTORY}; set COCO_SPECS_DIR to check against it")
    return dict(json.loads(path.read_text()))


def schema_of_body(name: str, method: str, path: str) -> dict[str, Any]:
    body = description(name)["paths"][path][method.lower()]["requestBody"]
    return dict(body["content"]["application/json"]["schema"])


def schema_of_answer(name: str, method: str, path: str, status: int) -> dict[str, Any]:
    answer = description(name)["paths"][path][method.lower()]["responses"][str(status)]
    return dict(answer["content"]["application/json"]["schema"])


def resolved(name: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference leads to; itself where it is none. Discovery documents refer by bare names."""
    while "$ref" in schema:
        reference: str = schema["$ref"]
        target: Any = description(name)
        for part in reference.removeprefix("#/").split("/") if "/" in reference else ("schemas", reference):
            target = target[part]
        schema = target
    return schema


KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(name: str, schema: Mapping[str, Any], value: Any, where: str = "$") -> list[str]:
    """Where a value does not fit a schema; unknown fields count, so that a misspelt one is seen.

    Slack's lists of schemas under `items` mean any one of them. In Google's, a null clears a field.
    """
    schema = resolved(name, schema)
    if value is None and name.startswith("google-"):
        return []
    if isinstance(schema.get("items"), list) and schema.get("type") != "array":
        tried = [problems(name, option, value, where) for option in schema["items"]]
        return min(tried, key=len) if tried else []
    kind = schema.get("type")
    if isinstance(kind, list):
        return min((problems(name, {**schema, "type": one}, value, where) for one in kind), key=len)
    if kind in KINDS and (not isinstance(value, KINDS[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: {type(value).__name__} where {kind} is described"]
    found: list[str] = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is not one of {schema['enum']}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} is not like {schema['pattern']}")
    if isinstance(value, dict):
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        found += [f"{where}: {field} is missing" for field in schema.get("required", []) if field not in value]
        for field, item in value.items():
            if field in fields:
                found += problems(name, fields[field], item, f"{where}.{field}")
            elif isinstance(others, dict):
                found += problems(name, others, item, f"{where}.{field}")
            elif others is not True:
                found.append(f"{where}: {field} is not described")
    if isinstance(value, list):
        items = schema.get("items", {})
        for index, item in enumerate(value):
            options = items if isinstance(items, list) else [items]
            found += min((problems(name, option, item, f"{where}[{index}]") for option in options), key=len)
    return found
