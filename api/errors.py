"""Every error as `{"error": {"code", "message"}}` with the right status; nothing internal ever leaves."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from coco.errors import CocoError, Code

log = logging.getLogger("coco.api")

STATUS: dict[str, int] = {
    Code.INVALID: 422,
    Code.NOT_FOUND: 404,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.CONFLICT: 409,
    Code.CONNECTION_UNUSABLE: 409,
    Code.DRIFTED: 409,
    Code.OUTCOME_UNKNOWN: 409,
    Code.RUN_CANCELLED: 409,
    Code.RUN_PAUSED: 409,
    Code.THROTTLED: 503,
    Code.CREDITS: 402,
    Code.TIER: 402,
    Code.TOO_LARGE: 413,
    Code.WRONG_REGION: 421,
    Code.UNAVAILABLE: 503,
}
"""HTTP status per error code; a code that is not here is a refusal, 403."""


def status_of(error: CocoError) -> int:
    """The HTTP status that an error is answered with."""
    return STATUS.get(error.code, 403)


INTERNAL = "internal"
TOO_MANY_REQUESTS = "too_many_requests"
_BY_STATUS = {
    400: (Code.INVALID.value, "The request is malformed."),
    401: (Code.UNAUTHENTICATED.value, "Sign in to do this."),
    403: (Code.FORBIDDEN.value, "This is not allowed."),
    404: (Code.NOT_FOUND.value, "There is nothing here."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: (Code.TOO_LARGE.value, "The request is too large."),
    415: (Code.INVALID.value, "Send JSON, with content-type application/json."),
}


class TooManyRequests(Exception):
    """Too many failed sign-ins; `seconds` says when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Try again in {-(-seconds // 60)} min.")
        self.seconds = seconds


class FieldProblem(BaseModel):
    """One field that cannot be accepted."""

    field: str
    message: str


class ErrorDetail(BaseModel):
    code: str
    message: str
    fields: list[FieldProblem] = Field(default_factory=list)
    request_id: str | None = None


class ErrorBody(BaseModel):
    """What every error looks like."""

    error: ErrorDetail


def request_id(request: Request) -> str:
    return str(request.scope.get("coco.request_id", ""))


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    fields: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
    request_id: str | None = None,
) -> JSONResponse:
    body = ErrorBody(error=ErrorDetail(code=code, message=message, fields=fields or [], request_id=request_id))
    content = body.model_dump(exclude_defaults=True)
    if status == 401:
        headers = {"www-authenticate": "Bearer"} | (headers or {})
    return JSONResponse(content, status_code=status, headers=headers)


def describe(error: Exception, *, request_id: str = "") -> tuple[int, str, str]:
    """(status, code, message) of any exception, as people may see it."""
    if isinstance(error, CocoError):
        return status_of(error), error.code.value, error.message
    if isinstance(error, TooManyRequests):
        return 429, TOO_MANY_REQUESTS, str(error)
    if isinstance(error, RequestValidationError):
        problems = field_problems(error.errors())
        return 422, Code.INVALID.value, "; ".join(f"{item.field}: {item.message}" for item in problems[:10])
    if isinstance(error, HTTPException):
        code, message = _BY_STATUS.get(error.status_code, (Code.INVALID.value, "The request cannot be served."))
        return error.status_code, code, message
    return 500, INTERNAL, f"Something went wrong on our side. If you report it, quote {request_id}."


def field_problems(errors: Any) -> list[FieldProblem]:
    """Pydantic's errors by field, without the input's values: those may be secrets."""
    found = []
    for item in errors:
        where = [str(part) for part in item["loc"] if part not in {"body", "query", "path", "header"}]
        found.append(FieldProblem(field=".".join(where) or "body", message=str(item["msg"])))
    return found


def json_error(request: Request, error: Exception) -> Response:
    """The JSON answer for any exception."""
    name = request_id(request)
    status, code, message = describe(error, request_id=name)
    headers = {"retry-after": str(error.seconds)} if isinstance(error, TooManyRequests) else None
    if isinstance(error, HTTPException) and error.headers:
        headers = dict(error.headers)
    fields = field_problems(error.errors()) if isinstance(error, RequestValidationError) else None
    if status == 500:
        log.error("request %s failed", name, exc_info=error)
    return error_response(
        status, code, message, fields=fields, headers=headers, request_id=name if status == 500 else None
    )


def install(app: FastAPI) -> None:
    """Makes `json_error` the answer to every exception of an app that speaks JSON only."""

    async def handler(request: Request, error: Exception) -> Response:
        return json_error(request, error)

    for kind in (CocoError, TooManyRequests, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, handler)
