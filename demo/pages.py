"""The page a person looks at: what changed, which mails came in, what was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates

from demo.catalogue import BY_PATH, KINDS, STAGES
from demo.control import parsed
from demo.errors import not_found
from demo.storage import Record, Storage


def router(storage: Storage) -> APIRouter:
    """`/` and `/records/{kind}/{id}`; both only show."""
    routes = APIRouter()
    templates = Jinja2Templates(Path(__file__).parent / "templates")

    @routes.get("/")
    async def overview(request: Request) -> Response:
        changes = [{**entry, "name": _name_of(storage, entry["kind"], entry["id"])} for entry in storage.changes(30)]
        context: dict[str, Any] = {
            "counts": {name: len(storage.all(kind)) for name, kind in KINDS.items()},
            "changes": changes,
            "outbox": [parsed(entry) for entry in reversed(storage.messages()[-30:])],
            "requests": list(reversed(storage.requests(reads=True, newest=50))),
        }
        return templates.TemplateResponse(request, "overview.html", context)

    @routes.get("/records/{kind_name}/{record_id}")
    async def record_page(kind_name: str, record_id: str, request: Request) -> Response:
        kind = BY_PATH.get(kind_name)
        found = None
        if kind is not None:
            found = storage.get(kind, record_id) or storage.get(kind, record_id, archived=True)
        if found is None:
            raise not_found()
        links = [
            (other, linked_id, _name_of(storage, other, str(linked_id)))
            for other in KINDS
            for linked_id in storage.associated(found.kind.name, found.id, other)
        ]
        values = {name: STAGES.get(text, text) for name, text in sorted(found.properties.items())}
        context = {"record": found, "name": name_of(found), "values": values, "links": links}
        return templates.TemplateResponse(request, "record.html", context)

    return routes


def name_of(record: Record) -> str:
    """The record's name in people's words."""
    held = record.properties
    full = f"{held.get('firstname', '')} {held.get('lastname', '')}".strip()
    return held.get("dealname") or held.get("name") or full or held.get("email") or f"{record.kind.name} {record.id}"


def _name_of(storage: Storage, kind_name: str, record_id: str) -> str:
    kind = KINDS[kind_name]
    record = storage.get(kind, record_id) or storage.get(kind, record_id, archived=True)
    return name_of(record) if record else record_id
