"""What tests use: every write seen, the outbox, and faults on demand. Not part of the CRM that is imitated."""

from __future__ import annotations

import json
from email import message_from_string, policy
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from demo.catalogue import BY_PATH
from demo.crm import change
from demo.errors import invalid, not_found
from demo.faults import Fault, Faults
from demo.storage import Storage


class Change(BaseModel):
    """A change of a record that no client asked for."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["change"]
    type: str
    id: str
    properties: dict[str, str]


class Archive(BaseModel):
    """A record archived that no client asked for."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["archive"]
    type: str
    id: str


class Clear(BaseModel):
    """Forgets the faults that still wait."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["clear"]


_COMMAND: TypeAdapter[Fault | Change | Archive | Clear] = TypeAdapter(
    Annotated[Fault | Change | Archive | Clear, Field(discriminator="do")]
)


def router(storage: Storage, faults: Faults) -> APIRouter:
    """Routes below `/_demo`."""
    routes = APIRouter(prefix="/_demo")

    @routes.get("/requests")
    async def requests(reads: bool = False) -> Response:
        return JSONResponse(storage.requests(reads=reads))

    @routes.get("/outbox")
    async def outbox() -> Response:
        return JSONResponse([parsed(entry) for entry in storage.messages()])

    @routes.post("/control")
    async def control(request: Request) -> Response:
        # A form on some web page cannot send this type without asking first, and there is nobody to say yes.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise invalid("send application/json")
        try:
            command = _COMMAND.validate_python(json.loads(await request.body()))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise invalid(f"not JSON: {error}") from error
        except ValidationError as error:
            raise invalid(f"not a command: {error}") from error
        if isinstance(command, Fault):
            faults.add(command)
        elif isinstance(command, Clear):
            faults.clear()
        else:
            kind = BY_PATH.get(command.type)
            record = storage.get(kind, command.id) if kind else None
            if record is None:
                raise not_found()
            if isinstance(command, Change):
                change(storage, record, command.properties, "changed by somebody else")
            else:
                storage.archive(record)
                storage.record_change(record, "archived by somebody else", dict(record.properties), {})
        return JSONResponse({"ok": True})

    return routes


def parsed(entry: dict[str, Any]) -> dict[str, Any]:
    """A kept message with its headers and text read out of it."""
    message = message_from_string(entry["data"], policy=policy.default)
    text = message.get_body(("plain",))
    content = text.get_content() if text is not None else ""
    return {
        **entry,
        "from": str(message["From"] or ""),
        "to": str(message["To"] or ""),
        "subject": str(message["Subject"] or ""),
        "message_id": str(message["Message-ID"] or ""),
        "text": content if isinstance(content, str) else "",
    }
