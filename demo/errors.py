"""Refusals in HubSpot's error shape."""

from __future__ import annotations

import uuid
from typing import Any


class Refusal(Exception):
    """An answer that is an error: its status and its body."""

    def __init__(
        self, status: int, category: str, message: str, errors: list[dict[str, Any]] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "status": "error",
            "message": message,
            "correlationId": str(uuid.uuid4()),
            "category": category,
            **({"errors": errors} if errors else {}),
            **more,
        }


def invalid(message: str, errors: list[dict[str, Any]] | None = None) -> Refusal:
    return Refusal(400, "VALIDATION_ERROR", message, errors)


def not_found() -> Refusal:
    return Refusal(404, "OBJECT_NOT_FOUND", "resource not found", subCategory="crm.object.notFound")


def unauthorized() -> Refusal:
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return Refusal(401, "INVALID_AUTHENTICATION", message)


def of_status(status: int) -> Refusal:
    """The error a control asked for."""
    if status == 429:
        return Refusal(
            429, "RATE_LIMITS", "You have reached your secondly limit.", errorType="RATE_LIMIT", policyName="SECONDLY"
        )
    return Refusal(status, "INTERNAL_ERROR" if status >= 500 else "VALIDATION_ERROR", "internal error")
