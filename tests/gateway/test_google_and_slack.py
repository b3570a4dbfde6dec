"""Gmail, Google Calendar and Slack through the real gateway, against a provider that is a process: pages, limits,
faults, refused credentials, answers that are none."""

from __future__ import annotations

from typing import Any

import pytest

from activities.connectors.gmail.arguments import MessageArguments
from activities.connectors.gmail.message import KEY_HEADER, key_of
from activities.connectors.google_calendar.arguments import CreateEventArguments
from activities.connectors.google_calendar.changes import event_id
from activities.connectors.registry import connector
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from store.tables import ReadRow
from tests.connectors.examples import gmail as mail
from tests.connectors.examples import google_calendar as agenda
from tests.connectors.examples import slack as chat
from tests.gateway.accounts import Account
from tests.gateway.at_a_provider import person, process, provider, stage
from tests.gateway.harness import BEARER, Person, Refused
from tests.gateway.provider_process import ProviderProcess, Reply

__all__ = ["person", "process", "provider", "stage"]

EVENT = "/calendar/v3/calendars/primary/events/k3v9q0example"
MOVE = {"id": "k3v9q0example", "title": "Moved", "notify": "none"}
POST = {"channel": "C0123456789", "text": "Signed!"}
CHANNEL = Reply(body={"ok": True, "channel": chat.CHANNEL})
POSTED = Reply(body={"ok": True, "channel": "C0123456789", "ts": "1760000001.000200"})


async def account(person: Person, name: str, provider: ProviderProcess) -> Account:
    settings = {"from_address": "sales@acme.example"} if name == "gmail" else {}
    info = await person.connect(name, provider.url, settings, credential=BEARER)
    return Account(person, info, await person.run(info), BEARER)


# -- reads -----------------------------------------------------------------------------------------------------------

PAGED: list[tuple[str, str, dict[str, Any], str, str, str, list[dict[str, Any]]]] = [
    (
        *("gmail", "messages.search", {"query": "from:ada"}, "/gmail/v1/users/me/messages", "pageToken", "messages"),
        [{"messages": [mail._LISTED], "nextPageToken": "next=="}, {"messages": [{**mail._LISTED, "id": "18c0ffef"}]}],
    ),
    (
        *("google_calendar", "events.list", agenda.SPAN, "/calendar/v3/calendars/primary/events", "pageToken"),
        "events",
        [{"items": [agenda.EVENT], "nextPageToken": "next=="}, {"items": [{**agenda.EVENT, "id": "other1"}]}],
    ),
    (
        *("slack", "channels.history", {"channel": "C0123456789"}, "/api/conversations.history", "cursor", "messages"),
        [
            {"ok": True, "messages": [chat.MESSAGE], "response_metadata": {"next_cursor": "next=="}},
            {"ok": True, "messages": [{**chat.MESSAGE, "ts": "1760000002.000300"}]},
        ],
    ),
]


@pytest.mark.parametrize(("name", "operation", "arguments", "path", "cursor", "entries", "pages"), PAGED)
async def test_pages_are_read_to_the_last(
    person: Person,
    provider: ProviderProcess,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    path: str,
    cursor: str,
    entries: str,
    pages: list[dict[str, Any]],
) -> None:
    one = await account(person, name, provider)
    await provider.on("GET", path, *(Reply(body=page) for page in pages))
    first = await one.read(operation, arguments)
    assert first["after"] == "next=="
    second = await one.read(operation, {**arguments, "after": first["after"]})
    assert second["after"] is None
    assert len(first[entries]) == len(second[entries]) == 1
    assert first[entries] != second[entries]
    [before, after] = await provider.seen()
    assert cursor not in before.query
    assert after.query[cursor] == "next=="
    assert {seen.headers["authorization"] for seen in (before, after)} == {f"Bearer {BEARER.secret}"}
    assert len([row for row in await person.rows(ReadRow) if row.run_id == one.run.id]) == 2


@pytest.mark.parametrize(("name", "operation", "arguments", "path", "cursor", "entries", "pages"), PAGED)
async def test_a_provider_that_wants_to_be_asked_later_or_is_not_well_is_asked_again(
    person: Person,
    provider: ProviderProcess,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    path: str,
    cursor: str,
    entries: str,
    pages: list[dict[str, Any]],
) -> None:
    one = await account(person, name, provider)
    limited = Reply(429, {"error": "later"}, {"retry-after": "1"})
    await provider.on("GET", path, limited, Reply(503, "<html>"), Reply(body=pages[1]))
    with pytest.raises(Refused) as caught:
        await one.read(operation, arguments)
    assert caught.value.code == "throttled"
    facts = await one.read(operation, arguments, patient=True)
    assert len(facts[entries]) == 1
    assert len(await provider.seen()) == 3


EXPIRED = [
    ("gmail", "messages.search", {}, "/gmail/v1/users/me/messages", Reply(401, {"error": {"code": 401}})),
    ("google_calendar", "calendars.list", {}, "/calendar/v3/users/me/calendarList", Reply(401, {"error": {}})),
    ("slack", "channels.list", {}, "/api/conversations.list", Reply(401, {"ok": False, "error": "invalid_auth"})),
    *(
        ("slack", "users.list", {}, "/api/users.list", Reply(200, {"ok": False, "error": error}))
        for error in ("invalid_auth", "token_revoked", "token_expired", "account_inactive")
    ),
]


@pytest.mark.parametrize(("name", "operation", "arguments", "path", "reply"), EXPIRED)
async def test_an_expired_token_needs_reconnection(
    person: Person,
    provider: ProviderProcess,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    path: str,
    reply: Reply,
) -> None:
    one = await account(person, name, provider)
    await provider.on("GET", path, reply)
    with pytest.raises(Refused) as caught:
        await one.read(operation, arguments)
    assert caught.value.code == "connection_unusable"
    assert await one.state() == "needs_reconnection"
    seen = len(await provider.seen())
    with pytest.raises(Refused):
        await one.read(operation, arguments)
    assert len(await provider.seen()) == seen


def _forbidden(reason: str) -> Reply:
    return Reply(403, {"error": {"code": 403, "errors": [{"domain": "usageLimits", "reason": reason}]}})


LIMITED = [
    ("google_calendar", "calendars.list", "/calendar/v3/users/me/calendarList", _forbidden("rateLimitExceeded")),
    ("gmail", "messages.search", "/gmail/v1/users/me/messages", _forbidden("userRateLimitExceeded")),
    ("slack", "channels.list", "/api/conversations.list", Reply(200, {"ok": False, "error": "ratelimited"})),
]


@pytest.mark.parametrize(("name", "operation", "path", "reply"), LIMITED)
async def test_a_limit_that_is_told_in_a_providers_own_way_is_one(
    person: Person, provider: ProviderProcess, name: str, operation: str, path: str, reply: Reply
) -> None:
    one = await account(person, name, provider)
    await provider.on("GET", path, reply)
    with pytest.raises(Refused) as caught:
        await one.read(operation, {})
    assert caught.value.code == "throttled"
    assert await one.state() == "active"


async def test_what_the_account_may_not_is_no_limit(person: Person, provider: ProviderProcess) -> None:
    one = await account(person, "google_calendar", provider)
    await provider.on("GET", "/calendar/v3/users/me/calendarList", _forbidden("forbidden"))
    with pytest.raises(InvalidInput, match="403"):
        await one.read("calendars.list", {})


async def test_a_missing_scope_is_no_expired_token(person: Person, provider: ProviderProcess) -> None:
    one = await account(person, "slack", provider)
    await provider.on("GET", "/api/users.list", Reply(body={"ok": False, "error": "missing_scope"}))
    with pytest.raises(InvalidInput, match="missing_scope"):
        await one.read("users.list", {})
    assert await one.state() == "active"


@pytest.mark.parametrize(("name", "operation", "arguments", "path", "cursor", "entries", "pages"), PAGED)
@pytest.mark.parametrize(
    "body", ["<html>", "", '{"ok": true, "ok": true}', "[]", '{"messages": 5, "items": {}, "ok": true}']
)
async def test_an_answer_that_is_none_gives_no_facts(
    person: Person,
    provider: ProviderProcess,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    path: str,
    cursor: str,
    entries: str,
    pages: list[dict[str, Any]],
    body: str,
) -> None:
    one = await account(person, name, provider)
    await provider.on("GET", path, Reply(body=body))
    with pytest.raises(InvalidInput):
        await one.read(operation, arguments)


@pytest.mark.parametrize("fault", ["hang", "drop", "cut"])
async def test_an_answer_that_does_not_come_is_unavailable(
    person: Person, provider: ProviderProcess, fault: str
) -> None:
    one = await account(person, "gmail", provider)
    await provider.on("GET", "/gmail/v1/users/me/messages/18c0ffee", Reply(body=mail.MESSAGE, fault=fault))
    with pytest.raises(Refused) as caught:
        await one.read("messages.get", {"id": "18c0ffee"})
    assert caught.value.code == "unavailable"


async def test_a_read_with_a_token_of_its_own_in_the_query_does_not_leave(
    person: Person, provider: ProviderProcess
) -> None:
    for name, target in (
        ("slack", "/api/conversations.list?token=xoxb-another"),
        ("slack", "/api/chat.postMessage?channel=C0123456789&text=x"),
        ("gmail", "/gmail/v1/users/me/messages?access_token=another"),
        ("google_calendar", "/calendar/v3/users/me/calendarList?$httpMethod=DELETE"),
    ):
        one = await account(person, name, provider)
        with pytest.raises(Refused) as caught:
            await person.ask("Read", one.reading({"protocol": "http", "method": "GET", "target": target}))
        assert caught.value.code == "not_in_manifest"
    assert await provider.seen() == []


# -- sending ---------------------------------------------------------------------------------------------------------

OUTCOMES = [
    (POSTED, "done"),
    (Reply(body={"ok": False, "error": "not_in_channel"}), "failed"),
    (Reply(body={"ok": False, "error": "msg_too_long"}), "failed"),
    (Reply(body={"ok": False, "error": "missing_scope", "needed": "chat:write"}), "failed"),
    (Reply(body={"ok": False, "error": "fatal_error"}), "unknown"),
    (Reply(body={"ok": False, "error": "internal_error"}), "unknown"),
    (Reply(body={"ok": False}), "unknown"),
    (Reply(body="<html>"), "unknown"),
    (Reply(body={"ok": True, "ts": "1760000001.000200"}, fault="cut"), "unknown"),
    (Reply(fault="drop"), "unknown"),
    (Reply(fault="hang"), "unknown"),
    (Reply(500, {"ok": False, "error": "internal_error"}), "unknown"),
    (Reply(404, {"ok": False, "error": "unknown_method"}), "failed"),
]


@pytest.mark.parametrize(("reply", "state"), OUTCOMES)
async def test_what_slacks_answer_makes_of_a_message(
    person: Person, provider: ProviderProcess, reply: Reply, state: str
) -> None:
    one = await account(person, "slack", provider)
    await provider.on("GET", "/api/conversations.info", CHANNEL)
    await provider.on("POST", "/api/chat.postMessage", reply)
    row, message = await one.approved("messages.post", POST, CHANNEL.body)
    assert (await one.person.ask("Send", message))["state"] == state
    effect = await one.person.effect(row)
    assert effect is not None
    assert effect.state == state
    # Whatever it was, it is not sent again.
    assert (await one.person.ask("Send", message))["state"] == state
    [write] = await provider.writes()
    assert write.json() == {
        "channel": "C0123456789",
        "link_names": False,
        "parse": "none",
        "text": "Signed!",
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert write.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_revoked_slack_token_is_found_at_the_sending_and_the_approval_stays(
    person: Person, provider: ProviderProcess
) -> None:
    one = await account(person, "slack", provider)
    await provider.on("GET", "/api/conversations.info", CHANNEL)
    await provider.on("POST", "/api/chat.postMessage", Reply(body={"ok": False, "error": "token_revoked"}))
    row, message = await one.approved("messages.post", POST, CHANNEL.body)
    with pytest.raises(Refused) as caught:
        await one.person.ask("Send", message)
    assert caught.value.code == "connection_unusable"
    assert await one.state() == "needs_reconnection"
    effect = await one.person.effect(row)
    assert effect is not None
    assert effect.state == "turned_away"


SENDINGS: list[tuple[str, str, dict[str, Any], Any, tuple[str, str], tuple[str, str], Any]] = [
    (
        *("slack", "messages.post", POST, CHANNEL.body),
        *(("GET", "/api/conversations.info"), ("POST", "/api/chat.postMessage"), POSTED.body),
    ),
    (
        *("gmail", "email.send", mail.MAIL, mail.THREAD, ("GET", "/gmail/v1/users/me/threads/18c0ff00")),
        *(("POST", "/gmail/v1/users/me/messages/send"), {"id": "18c0ffff", "threadId": "18c0ff00"}),
    ),
    ("google_calendar", "events.update", MOVE, agenda.EVENT, ("GET", EVENT), ("PATCH", EVENT), agenda.EVENT),
]


@pytest.mark.parametrize(
    ("name", "operation", "arguments", "before", "reading", "writing", "after"),
    [sending for sending in SENDINGS if sending[0] != "gmail"],
)
async def test_a_sending_that_is_limited_is_sent_later_once_under_the_same_approval(
    person: Person,
    provider: ProviderProcess,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    before: Any,
    reading: tuple[str, str],
    writing: tuple[str, str],
    after: Any,
) -> None:
    one = await account(person, name, provider)
    await provider.on(*reading, Reply(body=before))
    await provider.on(
        *writing, Reply(429, {"ok": False, "error": "ratelimited"}, {"retry-after": "1"}), Reply(body=after)
    )
    row, message = await one.approved(operation, arguments, before)
    with pytest.raises(Refused) as caught:
        await one.person.ask("Send", message)
    assert caught.value.code == "throttled"
    assert (await one.person.patiently("Send", message))["state"] == "done"
    assert len(await provider.writes()) == 2
    effect = await one.person.effect(row)
    assert effect is not None
    result = connector(name).gated(operation)
    kept = result.result(result.parse(arguments), ProviderResponse.model_validate(effect.response))
    assert kept.get("id") or kept.get("message_id")


@pytest.mark.parametrize(("name", "operation", "arguments", "before", "reading", "writing", "after"), SENDINGS)
@pytest.mark.parametrize("status", [200, 401])
async def test_where_the_read_before_tells_nothing_nothing_is_sent(
    person: Person,
    provider: ProviderProcess,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    before: Any,
    reading: tuple[str, str],
    writing: tuple[str, str],
    after: Any,
    status: int,
) -> None:
    one = await account(person, name, provider)
    await provider.on(*reading, Reply(status, "<html>"))
    row, message = await one.approved(operation, arguments, before)
    with pytest.raises(Refused) as caught:
        await one.person.ask("Send", message)
    assert caught.value.code == ("invalid" if status == 200 else "connection_unusable")
    assert await provider.writes() == []
    assert not await one.person.spent(row)


async def test_mail_answered_with_too_many_requests_is_a_persons_to_settle(
    person: Person, provider: ProviderProcess
) -> None:
    one = await account(person, "gmail", provider)
    await provider.on("POST", "/gmail/v1/users/me/messages/send", Reply(429, {"error": {}}, {"retry-after": "1"}))
    _, message = await one.approved("email.send", mail.PLAIN)
    assert (await one.person.ask("Send", message))["state"] == "unknown"
    assert len(await provider.writes()) == 1


async def test_a_reply_is_not_sent_after_another_message_came(person: Person, provider: ProviderProcess) -> None:
    one = await account(person, "gmail", provider)
    newer = {**mail.MESSAGE, "id": "18c0fff0", "snippet": "Forget it"}
    thread = {**mail.THREAD, "messages": [mail.MESSAGE, newer]}
    await provider.on("GET", "/gmail/v1/users/me/threads/18c0ff00", Reply(body=thread))
    _, message = await one.approved("email.send", mail.MAIL, mail.THREAD)
    assert (await one.person.ask("Send", message))["state"] == "drifted"
    assert await provider.writes() == []


async def test_a_reply_whose_answer_was_lost_is_found_in_its_thread(person: Person, provider: ProviderProcess) -> None:
    one = await account(person, "gmail", provider)
    header = {"name": KEY_HEADER, "value": key_of(MessageArguments.model_validate(mail.MAIL))}
    sent = {**mail.MESSAGE, "id": "18c0fff1", "labelIds": ["SENT"], "payload": {"headers": [header]}}
    with_it = {**mail.THREAD, "messages": [mail.MESSAGE, sent]}
    await provider.on(*("GET", "/gmail/v1/users/me/threads/18c0ff00"), *(Reply(body=mail.THREAD), Reply(body=with_it)))
    await provider.on("POST", "/gmail/v1/users/me/messages/send", Reply(fault="drop"))
    row, message = await one.approved("email.send", mail.MAIL, mail.THREAD)
    assert (await one.person.ask("Send", message))["state"] == "done"
    effect = await one.person.effect(row)
    assert effect is not None
    assert effect.detail["settled_by"] == "read-back"
    assert len(await provider.writes()) == 1


@pytest.mark.parametrize("fault", ["drop", "hang"])
async def test_an_event_whose_answer_was_lost_is_created_once(
    person: Person, provider: ProviderProcess, fault: str
) -> None:
    one = await account(person, "google_calendar", provider)
    arguments = {**agenda.CREATE, "calendar": "primary"}
    made = event_id(CreateEventArguments.model_validate(arguments))
    missing, there = Reply(404, {"error": {"code": 404}}), Reply(body={**agenda.EVENT, "id": made})
    await provider.on("GET", f"/calendar/v3/calendars/primary/events/{made}", missing, there)
    await provider.on("POST", "/calendar/v3/calendars/primary/events", Reply(fault=fault))
    row = await person.propose(one.run, one.info, "events.create", arguments, agenda.NOT_THERE)
    await person.set_run(one.run.id, state="working")
    message = person.sending(row, await person.grant(row), BEARER)
    assert (await one.person.ask("Send", message))["state"] == "done"
    [write] = await provider.writes()
    assert write.query == {"sendUpdates": "all"}
    assert write.json()["id"] == made


async def test_an_event_that_is_not_seen_after_a_fault_is_a_persons_to_settle(
    person: Person, provider: ProviderProcess
) -> None:
    one = await account(person, "google_calendar", provider)
    await provider.on("GET", EVENT, Reply(body=agenda.EVENT))
    await provider.on("PATCH", EVENT, Reply(500, {"error": {"code": 500}}))
    _, message = await one.approved("events.update", MOVE, agenda.EVENT)
    assert (await one.person.ask("Send", message))["state"] == "unknown"
    assert len(await provider.writes()) == 1


async def test_a_draft_that_is_gone_after_a_fault_was_deleted(person: Person, provider: ProviderProcess) -> None:
    one = await account(person, "gmail", provider)
    path = "/gmail/v1/users/me/drafts/r-51"
    await provider.on("GET", path, Reply(body=mail.DRAFT), Reply(404, {"error": {"code": 404}}))
    await provider.on("DELETE", path, Reply(502, "<html>"))
    _, message = await one.approved("drafts.delete", {"id": "r-51"}, mail.DRAFT)
    assert (await one.person.ask("Send", message))["state"] == "done"
    assert len(await provider.writes()) == 1
