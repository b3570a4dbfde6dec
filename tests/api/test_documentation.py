"""docs/api.md names every REST call, every status of an error and every key that the pages know."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import FastAPI

from api.errors import INTERNAL, STATUS, TOO_MANY_REQUESTS
from tests.api.test_every_route import walked

ROOT = Path(__file__).resolve().parents[2]


def test_every_rest_call_is_documented_and_every_documented_call_exists(app: FastAPI) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    told = set(re.findall(r"`(GET|POST|PUT|DELETE) (/api/v1/[^`?]*)`", text)) - {("GET", "/api/v1/feed")}
    real = {entry for entry in walked(app) if entry[1].startswith("/api/v1/")} - {("GET", "/api/v1/openapi.json")}
    assert told == real


def test_every_error_status_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for status in {*STATUS.values(), 405, 421, 429, 500}:
        assert f"| {status} |" in text, status
    for code in (INTERNAL, TOO_MANY_REQUESTS):
        assert f"`{code}`" in text


def test_every_key_is_documented() -> None:
    script = (ROOT / "api" / "public" / "static" / "keys.js").read_text()
    known = set(re.findall(r'^  "?([a-z?])"?: \(\) =>', script, re.M))
    text = (ROOT / "docs" / "inbox.md").read_text()
    assert known == {"j", "k", "a", "r", "e", "?"}
    for key in known:
        assert f"`{key}`" in text
