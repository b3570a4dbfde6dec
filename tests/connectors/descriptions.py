"""The providers' API descriptions, read as data: where they are, what mutates, whether a body fits its schema."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Described:
    """One operation of a description."""

    method: str
    path: str
    operation_id: str
    summary: str
    scopes: frozenset[str]
    body_schema: str

    @property
    def mutates(self) -> bool:
        """A GET reads. A POST reads only where everything about it says so: its scopes, its name and its body."""
        if self.method == "GET":
            return False
        reads_by_scope = bool(self.scopes) and all(scope.endswith(".read") for scope in self.scopes)
        reads_by_name = re.search(r"_(doSearch|read)$", self.operation_id) is not None
        reads_by_body = self.body_schema.endswith(("SearchRequest", "BatchReadInputSimplePublicObjectId"))
        return not (self.method == "POST" and reads_by_scope and reads_by_name and reads_by_body)


def operations(name: str) -> Iterator[Described]:
    """Every operation of a description."""
    for path, methods in description(name)["paths"].items():
        for method, told in methods.items():
            schema = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            scopes = [scope for need in told.get("security", []) for granted in need.values() for scope in granted]
            yield Described(
                method.upper(),
                path,
                told["operationId"],
                told.get("summary", ""),
                frozenset(scopes),
                schema.get("$ref", ""),
            )


def schema_of_body(name: str, method: str, path: str) -> dict[str, Any]:
    body = description(name)["paths"][path][method.lower()]["requestBody"]
    return dict(body["content"]["application/json"]["schema"])


def schema_of_answer(name: str, method: str, path: str, status: int) -> dict[str, Any]:
    answer = description(name)["paths"][path][method.lower()]["responses"][str(status)]
    return dict(answer["content"]["application/json"]["schema"])


def problems(name: str, schema: dict[str, Any], value: Any, where: str = "$") -> list[str]:
    """Where a value does not fit an OpenAPI schema; unknown fields count, so that a misspelt one is seen."""
    if "$ref" in schema:
        target: Any = description(name)
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return problems(name, target, value, where)
    kinds: dict[str, tuple[type, ...]] = {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    kind = schema.get("type")
    if kind in kinds and (not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: {type(value).__name__} where {kind} is described"]
    found: list[str] = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is not one of {schema['enum']}")
    if isinstance(value, dict):
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        found += [f"{where}: {field} is missing" for field in schema.get("required", []) if field not in value]
        for field, item in value.items():
            if field in fields:
                found += problems(name, fields[field], item, f"{where}.{field}")
            elif isinstance(others, dict):
                found += problems(name, others, item, f"{where}.{field}")
            else:
                found.append(f"{where}: {field} is not described")
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += problems(name, schema.get("items", {}), item, f"{where}[{index}]")
    return found
