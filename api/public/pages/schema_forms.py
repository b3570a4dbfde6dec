"""Forms made from a JSON schema, and the values that come back from them.

The schema is that of an operation's arguments or a playbook's parameters. Whatever comes back is validated by the same
pydantic model afterwards; here text becomes the JSON type that the schema names, and nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.datastructures import FormData

from activities.connectors.hubspot.objects import label as property_label
from coco.canonical import parse_json
from coco.errors import InvalidInput

Kind = Literal["text", "area", "number", "check", "choice", "choices", "lines", "map", "json"]

LONG_TEXT = 300
"""A text that may be longer than this gets several lines."""
NEW_ROWS = 2
"""Empty rows for further entries of a map."""
FIXED = frozenset({"id", "key"})
"""Arguments that say which record or message it is; shown, and kept as they are by an edit."""


@dataclass(frozen=True)
class Field:
    """One field as the template draws it."""

    name: str
    label: str
    kind: Kind
    value: Any
    required: bool
    fixed: bool = False
    help: str = ""
    options: tuple[str, ...] = ()
    rows: tuple[tuple[str, str, str], ...] = ()
    """For a map: (entry's name, label, value)."""
    low: int | None = None
    high: int | None = None
    longest: int | None = None


@dataclass
class _Part:
    """A property's schema with references followed and `null` set aside."""

    schema: Mapping[str, Any]
    nullable: bool = False
    outer: Mapping[str, Any] = field(default_factory=dict)


def fields_of(
    schema: Mapping[str, Any], values: Mapping[str, Any], *, fixed: frozenset[str] = frozenset()
) -> list[Field]:
    """The form's fields, in the schema's order, filled with `values` or the schema's defaults."""
    required = set(schema.get("required", ()))
    found = []
    for name, raw in schema.get("properties", {}).items():
        part = _followed(schema, raw)
        kind = _kind(part.schema)
        value = values.get(name, part.outer.get("default", part.schema.get("default")))
        items = part.schema.get("items", {})
        found.append(
            Field(
                name=name,
                label=_label(name, part),
                kind=kind,
                value=_shown(kind, value),
                required=name in required,
                fixed=name in fixed,
                help=str(part.outer.get("description", part.schema.get("description", ""))),
                options=tuple(str(item) for item in part.schema.get("enum", items.get("enum", ()))),
                rows=tuple((key, property_label(key), str(item)) for key, item in sorted((value or {}).items()))
                if kind == "map"
                else (),
                low=part.schema.get("minimum"),
                high=part.schema.get("maximum"),
                longest=part.schema.get("maxLength"),
            )
        )
    return found


def values_of(schema: Mapping[str, Any], form: FormData, *, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The values of a submitted form, typed as the schema says; `kept` are those the form may not change.

    A field left empty is left out where the schema allows that. Raises InvalidInput naming a field that is no JSON.
    """
    required = set(schema.get("required", ()))
    found: dict[str, Any] = dict(kept or {})
    for name, raw in schema.get("properties", {}).items():
        if name in found:
            continue
        part = _followed(schema, raw)
        value = _given(_kind(part.schema), name, part.schema, form)
        if value in (None, "", [], {}) and name not in required and not isinstance(value, bool):
            continue
        found[name] = "" if value is None else value
    return found


def _given(kind: Kind, name: str, schema: Mapping[str, Any], form: FormData) -> Any:
    key = f"f.{name}"
    match kind:
        case "check":
            return key in form
        case "choices":
            return [item for item in form.getlist(key) if isinstance(item, str)]
        case "map":
            return _map(name, form)
    text = _text(form.get(key)) or ""
    match kind:
        case "number":
            return _number(text, schema)
        case "lines":
            return [line.strip() for line in text.split("\n") if line.strip()]
        case "json":
            try:
                return parse_json(text) if text.strip() else None
            except InvalidInput as error:
                raise InvalidInput(f"{name}: {error}") from error
    return text


def _map(name: str, form: FormData) -> dict[str, str]:
    dropped = set(form.getlist(f"drop.{name}"))
    prefix = f"f.{name}."
    entries = {
        key.removeprefix(prefix): _text(value) or ""
        for key, value in form.multi_items()
        if key.startswith(prefix) and key.removeprefix(prefix) not in dropped
    }
    names = [_text(item) or "" for item in form.getlist(f"new.{name}.name")]
    values = [_text(item) or "" for item in form.getlist(f"new.{name}.value")]
    for key, value in zip(names, values, strict=False):
        if key.strip():
            if key.strip() in entries:
                raise InvalidInput(f"{name}: {key.strip()} is named twice")
            entries[key.strip()] = value
    return entries


def _text(value: object) -> str | None:
    """A field's text; browsers send line ends as CRLF whatever was typed."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else None


def _number(text: str, schema: Mapping[str, Any]) -> Any:
    text = text.strip()
    try:
        return int(text) if schema.get("type") == "integer" else float(text)
    except ValueError:
        return text or None


def _followed(root: Mapping[str, Any], schema: Mapping[str, Any]) -> _Part:
    outer, nullable = schema, False
    for _ in range(10):
        if "$ref" in schema:
            schema = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        elif "anyOf" in schema:
            others = [item for item in schema["anyOf"] if item.get("type") != "null"]
            nullable = nullable or len(others) < len(schema["anyOf"])
            if len(others) != 1:
                return _Part({}, nullable, outer)
            schema = others[0]
        else:
            break
    return _Part(schema, nullable, outer)


def _kind(schema: Mapping[str, Any]) -> Kind:
    match schema.get("type"):
        case "string":
            if "enum" in schema:
                return "choice"
            return "area" if schema.get("maxLength", 0) > LONG_TEXT else "text"
        case "integer" | "number":
            return "number"
        case "boolean":
            return "check"
        case "array" if schema.get("items", {}).get("type") == "string":
            return "choices" if "enum" in schema["items"] else "lines"
        case "object" if "properties" not in schema and _holds_texts(schema):
            return "map"
    return "json"


def _holds_texts(schema: Mapping[str, Any]) -> bool:
    """Whether every value of a map is text: rows of text would make numbers and booleans something else."""
    others = schema.get("additionalProperties")
    values = [*schema.get("patternProperties", {}).values(), *([] if others in (None, False) else [others])]
    return all(isinstance(value, dict) and value.get("type") == "string" for value in values)


def _shown(kind: Kind, value: Any) -> Any:
    if kind == "lines":
        return "\n".join(str(item) for item in value or ())
    if kind == "json":
        return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
    if kind in {"check", "choices"}:
        return value
    return "" if value is None else value


def _label(name: str, part: _Part) -> str:
    title = str(part.outer.get("title", part.schema.get("title", "")))
    # Pydantic's own titles ("Reply To") say no more than the name.
    made_up = title.replace(" ", "_").lower() == name.lower()
    return name.replace("_", " ").capitalize() if not title or made_up else title
