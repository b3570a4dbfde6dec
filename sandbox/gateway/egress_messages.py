"""The egress front's messages: strict JSON in, JSON out, each bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError

from coco.canonical import parse_json
from coco.errors import CocoError, Code, InvalidInput
from coco.requests import Frozen
from sandbox.gateway.limits import MAX_MESSAGE_BYTES

MAX_DEPTH = 64

T = TypeVar("T", bound=Frozen)


@dataclass
class Notes:
    """What a call turned out to be about; goes with its refusal into the record."""

    run_id: UUID | None = None
    action_id: UUID | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def parse(model: type[T], raw: bytes) -> T:
    """The message. Raises InvalidInput that names the fields at fault and quotes nothing of their values."""
    try:
        value = parse_json(raw)
        _check_tree(value, MAX_DEPTH)
        return model.model_validate(value)
    except ValidationError as error:
        fields = {".".join(str(part)[:40] for part in item["loc"][:6]) or "message" for item in error.errors()}
        raise InvalidInput(f"malformed: {', '.join(sorted(fields)[:5])}") from None
    except InvalidInput:
        raise InvalidInput("not JSON as it is agreed") from None
    except (ValueError, RecursionError):
        # Numbers with thousands of digits, and the like.
        raise InvalidInput("not JSON as it is agreed") from None


def dump(message: Frozen) -> bytes:
    """The message's bytes. Raises CocoError (TOO_LARGE)."""
    raw = message.model_dump_json().encode()
    if len(raw) > MAX_MESSAGE_BYTES - 1024:
        raise CocoError("the answer is too large", code=Code.TOO_LARGE)
    return raw


def _check_tree(value: Any, depth: int) -> None:
    """Raises ValueError for what Postgres or the domain cannot hold: deep nesting, NUL, lone surrogates, infinities."""
    if depth < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        value.encode("utf-8")
        if "\0" in value:
            raise ValueError("NUL")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("not a number that JSON has")
    elif isinstance(value, list):
        for item in value:
            _check_tree(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_tree(key, depth)
            _check_tree(item, depth - 1)
