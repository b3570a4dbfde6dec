"""Bases of request and response bodies, and the parameters that lists share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from api.errors import ErrorBody
from store.views import MAX_PAGE


class Given(BaseModel):
    """A request body: an unknown field is refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """A response body."""


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="The digest as it was shown.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        401: "Not signed in",
        404: "Nothing of that id belongs to this user",
        409: "It has moved on; the message says how it stands",
        413: "Too large",
        422: "The input is malformed; the message names the field",
        429: "Too many attempts",
        503: "A part that is needed is not there right now",
    }.items()
}
