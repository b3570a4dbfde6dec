"""Canonical JSON (RFC 8785) and the digests made over it.

A digest must not depend on how a value was spelled, only on what it is: key order, white space, escapes and the
spelling of a number (`1`, `1.0`, `1e0`) do not count; every other difference does.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import rfc8785

from coco.errors import InvalidInput

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

MAX_SAFE_INTEGER = 2**53 - 1


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises InvalidInput for what JSON cannot carry exactly: NaN, infinities, integers beyond 2**53 - 1 (send those as
    text), lone surrogates, keys that are not text, and other Python types.
    """
    try:
        return rfc8785.dumps(_checked(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"this value has no canonical JSON form: {error}") from error


def _checked(value: Any) -> Any:
    """`value` with floats that are whole numbers kept inside the safe range; rejects what would lose precision."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        if abs(value) <= MAX_SAFE_INTEGER:
            return int(value)
        # `1e20` and its digits are one number: keep it where a double carries it exactly.
        if abs(value) < 2**1023 and int(float(value)) == value:
            return float(value)
        raise InvalidInput("this value has no canonical JSON form: an integer beyond 2**53 - 1; send it as text")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput("this value has no canonical JSON form: NaN and infinities are not JSON")
        return float(value)
    if isinstance(value, list | tuple):
        return [_checked(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise InvalidInput("this value has no canonical JSON form: object keys must be text")
        return {key: _checked(item) for key, item in value.items()}
    raise InvalidInput(f"this value has no canonical JSON form: {type(value).__name__} is not a JSON type")


def digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of `value`, as 64 lower-case hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def sha256_hex(data: bytes) -> str:
    """SHA-256 of raw bytes, as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def parse_json(text: str | bytes) -> Any:
    """Strict JSON: duplicate keys, NaN and Infinity are refused, since two readers could see two values.

    Raises InvalidInput that says what was wrong.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in pairs:
            if key in result:
                raise InvalidInput(f"duplicate key {key!r} in JSON")
            result[key] = item
        return result

    def no_constant(name: str) -> Any:
        raise InvalidInput(f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        # ValueError alone: a number with thousands of digits.
        raise InvalidInput(f"not valid JSON: {error}") from error


def can_be_kept(value: Any) -> bool:
    """Whether Postgres can hold a JSON value: no NUL and no half of a character in any of its texts."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, list | tuple):
        return all(can_be_kept(item) for item in value)
    if isinstance(value, dict):
        return all(can_be_kept(key) and can_be_kept(item) for key, item in value.items())
    return True


def one_line(text: str, longest: int = 500) -> str:
    """Another party's words as one line of visible text, which anything can hold and nothing reads as markup."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
