"""The CRM v3 paths: list, read, search, create, change, archive."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from demo.catalogue import ASSOCIATION_TYPES, BY_PATH, CONTACTS, SINGULAR, Kind, Property
from demo.clock import parse
from demo.errors import Refusal, invalid, not_found
from demo.search import search
from demo.storage import Record, Storage

_EMAIL = re.compile(r"^[^@\s<>\",;]+@[^@\s<>\",;]+\.[^@\s<>\",;]+$")
_MAX_VALUE = 65_536


def router(storage: Storage) -> APIRouter:
    """Routes over `storage`. Every one of them expects that the caller was authenticated before."""
    routes = APIRouter(prefix="/crm/v3/objects")

    @routes.get("/{kind_name}")
    async def list_records(kind_name: str, request: Request) -> Response:
        kind, query = _kind(kind_name), request.query_params
        limit, after = _number(query.get("limit", "10"), "limit"), _number(query.get("after") or "0", "after")
        if not 1 <= limit <= 100:
            raise invalid("limit must be between 1 and 100")
        found = storage.page(kind, after, limit + 1, archived=query.get("archived") == "true")
        body: dict[str, Any] = {"results": [_shown(storage, request, record) for record in found[:limit]]}
        if len(found) > limit:
            following = str(found[limit].id)
            body["paging"] = {"next": {"after": following, "link": f"{request.url.path}?after={following}"}}
        return JSONResponse(body)

    @routes.post("/{kind_name}/search")
    async def search_records(kind_name: str, request: Request) -> Response:
        kind, asked = _kind(kind_name), await _json(request)
        names = asked.get("properties") or []
        if not isinstance(names, list):
            raise invalid("properties must be a list of names")
        page, total, following = search(kind, storage.all(kind), asked)
        body: dict[str, Any] = {
            "total": total,
            "results": [_as_json(request, record, [str(name) for name in names]) for record in page],
        }
        if following is not None:
            body["paging"] = {"next": {"after": str(following)}}
        return JSONResponse(body)

    @routes.post("/{kind_name}")
    async def create_record(kind_name: str, request: Request) -> Response:
        kind, asked = _kind(kind_name), await _json(request)
        properties = _checked(kind, asked.get("properties"))
        links = _links(storage, kind, asked.get("associations") or [])
        if kind is CONTACTS:
            _unique(storage, properties, None)
        storage.begin()
        record = storage.insert(kind, properties)
        for to_kind, to_id in links:
            storage.associate(kind.name, record.id, to_kind, to_id)
        storage.record_change(record, "created", {}, properties)
        storage.commit()
        return JSONResponse(_as_json(request, record, sorted(properties)), status_code=201)

    @routes.get("/{kind_name}/{record_id}")
    async def read_record(kind_name: str, record_id: str, request: Request) -> Response:
        archived = request.query_params.get("archived") == "true"
        unique = request.query_params.get("idProperty")
        if unique is None:
            return JSONResponse(_shown(storage, request, _found(storage, kind_name, record_id, archived=archived)))
        if _kind(kind_name) is not CONTACTS or unique != "email":
            raise invalid(f"{unique} is not a unique property of {kind_name}")
        record = None if archived else storage.contact_by_email(record_id)
        if record is None:
            raise not_found()
        return JSONResponse(_shown(storage, request, record))

    @routes.patch("/{kind_name}/{record_id}")
    async def change_record(kind_name: str, record_id: str, request: Request) -> Response:
        record = _found(storage, kind_name, record_id)
        properties = _checked(record.kind, (await _json(request)).get("properties"))
        if record.kind is CONTACTS:
            _unique(storage, properties, record.id)
        return JSONResponse(_as_json(request, change(storage, record, properties), sorted(properties)))

    @routes.delete("/{kind_name}/{record_id}")
    async def archive_record(kind_name: str, record_id: str) -> Response:
        record = _found(storage, kind_name, record_id)
        storage.begin()
        storage.archive(record)
        storage.record_change(record, "archived", record.properties, {})
        storage.commit()
        return Response(status_code=204)

    return routes


def change(storage: Storage, record: Record, properties: dict[str, str], what: str = "changed") -> Record:
    """Writes new values, and what they replaced into the list of changes."""
    storage.begin()
    updated = storage.update(record, properties)
    before = {name: record.value(name) for name in properties}
    storage.record_change(record, what, before, properties)
    storage.commit()
    return updated


def _kind(name: str) -> Kind:
    kind = BY_PATH.get(name)
    if kind is None:
        raise invalid(f"Unable to infer object type from: {name}")
    return kind


def _found(storage: Storage, kind_name: str, record_id: str, *, archived: bool = False) -> Record:
    record = storage.get(_kind(kind_name), record_id, archived=archived)
    if record is None:
        raise not_found()
    return record


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise invalid(f"{name} must be a number")
    return int(text)


async def _json(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.body())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise invalid("Invalid input JSON") from None
    if not isinstance(value, dict):
        raise invalid("Invalid input JSON: an object is expected")
    return value


def _shown(storage: Storage, request: Request, record: Record) -> dict[str, Any]:
    """A record with the properties and associations that the query asks for."""
    query = request.query_params
    names = [name for value in query.getlist("properties") for name in value.split(",") if name]
    body = _as_json(request, record, names)
    linked: dict[str, Any] = {}
    for wanted in (name for value in query.getlist("associations") for name in value.split(",")):
        kind = BY_PATH.get(wanted)
        ids = storage.associated(record.kind.name, record.id, kind.name) if kind else []
        if kind and ids:
            label = f"{SINGULAR[record.kind.name]}_to_{SINGULAR[kind.name]}"
            linked[kind.name] = {"results": [{"id": str(other), "type": label} for other in ids]}
    if linked:
        body["associations"] = linked
    return body


def _as_json(request: Request, record: Record, names: list[str]) -> dict[str, Any]:
    """A record as the API writes it; names that do not exist are left out, unset ones are null."""
    shown = {*names, "hs_object_id", "createdate", record.kind.modified} if names else set(record.kind.defaults)
    body: dict[str, Any] = {
        "id": str(record.id),
        "properties": {name: record.value(name) for name in sorted(shown) if name in record.kind.properties},
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
        "archived": record.archived_at is not None,
        "url": str(request.base_url.replace(path=f"/records/{record.kind.name}/{record.id}")),
    }
    if record.archived_at is not None:
        body["archivedAt"] = record.archived_at
    return body


def _checked(kind: Kind, properties: Any) -> dict[str, str]:
    """Values for known, writable properties of the right type. Raises Refusal (400) that names each wrong one."""
    if not isinstance(properties, dict) or not properties:
        raise invalid("No properties found to update, please provide at least one.")
    errors: list[dict[str, Any]] = []
    values: dict[str, str] = {}
    for name, value in properties.items():
        definition = kind.properties.get(name)
        text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
        code, problem = _problem(definition, name, text)
        if problem:
            errors.append({"message": problem, "code": code, "context": {"propertyName": [name]}})
        values[name] = text.lower() if name == "email" else text
    if errors:
        told = json.dumps([{"isValid": False, "message": e["message"], "error": e["code"]} for e in errors])
        raise invalid(f"Property values were not valid: {told}", errors)
    return values


def _problem(definition: Property | None, name: str, text: str) -> tuple[str, str]:
    if definition is None:
        return "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'
    if definition.read_only:
        return "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.'
    if len(text) > _MAX_VALUE:
        return "VALUE_TOO_LONG", f"{name} is longer than {_MAX_VALUE} characters"
    if text == "":
        return "", ""
    if definition.type == "enumeration":
        chosen = text.strip(";").split(";") if definition.multiple else [text]
        if any(option not in definition.options for option in chosen):
            return "INVALID_OPTION", f"{text} was not one of the allowed options: {list(definition.options)}"
    if definition.type == "number" and not re.fullmatch(r"-?\d{1,18}(\.\d{1,12})?", text):
        return "INVALID_INTEGER", f"{text} was not a valid number"
    if definition.type == "datetime" and parse(text) is None:
        return "INVALID_DATE", f"{text} was not a valid date"
    if name == "email" and not _EMAIL.match(text):
        return "INVALID_EMAIL", f"Email address {text} is invalid"
    return "", ""


def _unique(storage: Storage, properties: dict[str, str], own_id: int | None) -> None:
    email = properties.get("email")
    other = storage.contact_by_email(email) if email else None
    if other is not None and other.id != own_id:
        raise Refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {other.id}", None, id=str(uuid.uuid4()))


def _links(storage: Storage, kind: Kind, associations: Any) -> list[tuple[str, int]]:
    """(kind, id) of every record to associate. Raises Refusal (400) for a type or a record that does not exist."""
    links: list[tuple[str, int]] = []
    try:
        for entry in associations:
            target = str(entry["to"]["id"])
            for kind_of_link in entry["types"]:
                pair = ASSOCIATION_TYPES.get(kind_of_link["associationTypeId"])
                if pair is None or pair[0] != kind.name:
                    raise invalid(f"invalid association type {kind_of_link['associationTypeId']} from {kind.name}")
                record = storage.get(BY_PATH[pair[1]], target)
                if record is None:
                    raise invalid(f"No {pair[1]} with id {target} to associate with")
                links.append((pair[1], record.id))
    except (KeyError, TypeError):
        raise invalid("Invalid input JSON: associations") from None
    return links
