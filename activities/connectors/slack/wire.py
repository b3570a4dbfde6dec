"""Requests and answers of Slack's Web API. Slack tells failures with status 200 and `"ok": false`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.http import http_request, object_of, readable_json, text_or_none
from coco.canonical import one_line
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

# JSON bodies need their charset said: https://docs.slack.dev/apis/web-api/#basics
_JSON = (("content-type", "application/json; charset=utf-8"),)

BAD_CREDENTIAL = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked", "user_removed_from_team"}
)
"""Errors that say that the token does not work (any more). `missing_scope` is another matter."""

TOO_OFTEN = frozenset({"rate_limited", "ratelimited"})

MAY_HAVE_HAPPENED = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
"""Errors after which, as Slack documents them, some of the call may have taken effect."""


def get(method: str, query: Mapping[str, str | None]) -> PreparedRequest:
    """A read; parameters that are None or empty are left out."""
    return http_request("GET", f"/api/{method}", query=[(name, value) for name, value in query.items() if value])


def channel_request(channel_id: str) -> PreparedRequest:
    """The read of a channel."""
    return get("conversations.info", {"channel": channel_id})


def user_request(user_id: str) -> PreparedRequest:
    """The read of a person. Operations before a message and facts make this very one, so that one read serves both."""
    return get("users.info", {"user": user_id})


def post(method: str, body: Mapping[str, Any]) -> PreparedRequest:
    return http_request("POST", f"/api/{method}", body=body, headers=_JSON)


def flag(value: bool) -> str:
    return "true" if value else "false"


def error_of(response: ProviderResponse) -> str | None:
    """Slack's word for what went wrong; empty for a success, None for an answer that tells neither. Never raises."""
    if not 200 <= response.status < 300:
        return None
    value = readable_json(response)
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if value.get("ok") is True:
        return ""
    return error if value.get("ok") is False and isinstance(error, str) and error else None


def succeeded(response: ProviderResponse) -> bool | None:
    """What became of a call: done, certainly not done, or (None) unknown."""
    error = error_of(response)
    if error is None or error in MAY_HAVE_HAPPENED:
        return None
    return error == ""


def credential_refused(response: ProviderResponse) -> bool:
    return response.status == 401 or error_of(response) in BAD_CREDENTIAL


def answered(response: ProviderResponse) -> dict[str, Any]:
    """The object of a successful answer. Raises InvalidInput with Slack's own word for a failure."""
    value = object_of(response, "a Slack answer")
    if value.get("ok") is not True:
        error = value.get("error")
        raise InvalidInput(
            f"Slack answered {one_line(error, 100) if isinstance(error, str) else 'neither ok nor error'}"
        )
    return value


def next_cursor(value: Mapping[str, Any]) -> str | None:
    """Where the next page begins; None after the last."""
    metadata = value.get("response_metadata")
    return text_or_none(metadata.get("next_cursor")) if isinstance(metadata, dict) else None
