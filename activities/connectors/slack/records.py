"""Channels, people and messages out of Slack's answers: what is known of them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.cards import plain
from activities.connectors.http import as_object, objects_in, text_in, text_or_none
from activities.connectors.slack.wire import answered, next_cursor
from coco.errors import InvalidInput
from coco.requests import ProviderResponse


def channel_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, name, private, archived, member, topic, purpose}`. Raises InvalidInput."""
    return {
        "id": text_in(value, "id", "channel"),
        "name": text_in(value, "name", "channel"),
        "private": value.get("is_private") is True or value.get("is_group") is True,
        "archived": value.get("is_archived") is True,
        "member": value.get("is_member") is True,
        "topic": _said(value, "topic"),
        "purpose": _said(value, "purpose"),
    }


def _said(value: Mapping[str, Any], name: str) -> str | None:
    part = value.get(name)
    return text_or_none(part.get("value")) if isinstance(part, dict) else None


def user_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, name, real_name, display_name, email, bot, deactivated, time_zone}`. Raises InvalidInput."""
    profile = value.get("profile")
    told = profile if isinstance(profile, dict) else {}
    return {
        "id": text_in(value, "id", "user"),
        "name": text_in(value, "name", "user"),
        "real_name": text_or_none(told.get("real_name")) or text_or_none(value.get("real_name")),
        "display_name": text_or_none(told.get("display_name")),
        "email": text_or_none(told.get("email")),
        "bot": value.get("is_bot") is True,
        "deactivated": value.get("deleted") is True,
        "time_zone": text_or_none(value.get("tz")),
    }


def message_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{ts, user, bot, text, thread, replies}`: `replies` is None for a message that begins no thread. Raises
    InvalidInput."""
    replies = value.get("reply_count")
    return {
        "ts": text_in(value, "ts", "message"),
        "user": text_or_none(value.get("user")),
        "bot": text_or_none(value.get("bot_id")),
        "text": value["text"] if isinstance(value.get("text"), str) else "",
        "thread": text_or_none(value.get("thread_ts")),
        "replies": replies if isinstance(replies, int) and not isinstance(replies, bool) else None,
    }


def messages_page(response: ProviderResponse) -> dict[str, Any]:
    """`{messages: [message], after}`. Raises InvalidInput."""
    value = answered(response)
    return {
        "messages": [message_of(item) for item in objects_in(value, "messages", "page of messages")],
        "after": next_cursor(value),
    }


def the_channel(response: ProviderResponse, channel_id: str) -> dict[str, Any]:
    """The channel of that id, from conversations.info. Raises InvalidInput for another's or for none."""
    return _the(channel_of(as_object(answered(response).get("channel"), "a channel")), channel_id)


def the_user(response: ProviderResponse, user_id: str) -> dict[str, Any]:
    """The person of that id, from users.info. Raises InvalidInput for another's or for none."""
    return _the(user_of(as_object(answered(response).get("user"), "a user")), user_id)


def _the(record: dict[str, Any], record_id: str) -> dict[str, Any]:
    if record["id"] != record_id:
        raise InvalidInput(f"what was read is {plain(record['id'], 30)}, not {record_id}; read that one first")
    return record


def shown_user(user: Mapping[str, Any]) -> str:
    """A person's name as a card shows it."""
    return plain(user["real_name"]) or plain(user["display_name"]) or plain(user["name"])
