"""Language models through the real gateway, against a server that is a process: what is sent, what is kept, faults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.connectors.model_api import COMPLETE, LIST
from activities.connectors.registry import connector
from coco.errors import InvalidInput
from coco.model_calls import COMPLETION_PATHS
from store.tables import ReadRow
from tests.connectors.examples import anthropic, examples_of, openai
from tests.gateway.accounts import SECRET, Account
from tests.gateway.at_a_provider import person, process, provider, stage
from tests.gateway.harness import Person, Refused
from tests.gateway.provider_process import ProviderProcess, Reply

__all__ = ["person", "process", "provider", "stage"]

each_provider = pytest.mark.parametrize("name", sorted(COMPLETION_PATHS))
SAID = {"anthropic": anthropic.said("Hello."), "openai": openai.said("Hello.")}


def asked(name: str) -> dict[str, Any]:
    return examples_of(name).operations[COMPLETE][0].arguments


@each_provider
async def test_a_call_is_carried_and_kept_whole(person: Person, provider: ProviderProcess, name: str) -> None:
    one = await Account.at(person, name, provider.url)
    await provider.on("POST", COMPLETION_PATHS[name], Reply(body=SAID[name]))
    assert (await one.read(COMPLETE, asked(name)))["text"] == "Hello."
    [seen] = await provider.seen()
    where = "authorization" if name == "openai" else "x-api-key"
    assert SECRET in seen.headers[where]
    assert SECRET not in seen.body
    [row] = [row for row in await person.rows(ReadRow) if row.run_id == one.run.id]
    assert row.request["body"] == seen.body
    assert json.loads(row.response["body"]) == SAID[name]
    assert SECRET not in json.dumps(row.request) + json.dumps(row.response)


@each_provider
async def test_the_check_lists_models(person: Person, provider: ProviderProcess, name: str) -> None:
    one = await Account.at(person, name, provider.url)
    path = connector(name).read(LIST).route.path
    await provider.on("GET", path, Reply(body={"data": [{"id": "m-1"}]}))
    assert await one.read(LIST, {}) == {"models": ["m-1"]}


@each_provider
async def test_a_server_that_is_busy_or_down_is_asked_again(
    person: Person, provider: ProviderProcess, name: str
) -> None:
    one = await Account.at(person, name, provider.url)
    limited = Reply(429, {"error": {"type": "rate_limit_error"}}, {"retry-after": "1"})
    await provider.on("POST", COMPLETION_PATHS[name], limited, Reply(529, {}), Reply(body=SAID[name]))
    with pytest.raises(Refused) as caught:
        await one.read(COMPLETE, asked(name))
    assert caught.value.code == "throttled"
    assert (await one.read(COMPLETE, asked(name), patient=True))["text"] == "Hello."
    assert len(await provider.seen()) == 3


@each_provider
async def test_a_refused_key_needs_reconnection(person: Person, provider: ProviderProcess, name: str) -> None:
    one = await Account.at(person, name, provider.url)
    await provider.on("POST", COMPLETION_PATHS[name], Reply(401, {"error": {"type": "authentication_error"}}))
    with pytest.raises(Refused) as caught:
        await one.read(COMPLETE, asked(name))
    assert caught.value.code == "connection_unusable"
    assert await one.state() == "needs_reconnection"


async def test_an_empty_account_is_said_and_not_waited_for(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "openai", provider.url)
    spent = Reply(429, {"error": {"code": "insufficient_quota", "type": "insufficient_quota"}})
    await provider.on("POST", COMPLETION_PATHS["openai"], spent)
    with pytest.raises(InvalidInput, match="answered 429"):
        await one.read(COMPLETE, asked("openai"))


@each_provider
async def test_what_is_more_than_text_never_leaves(person: Person, provider: ProviderProcess, name: str) -> None:
    one = await Account.at(person, name, provider.url)
    operation = connector(name).read(COMPLETE)
    request = operation.request(one.info, operation.parse(asked(name)))
    body = json.dumps(json.loads(request.body) | {"tools": [{"type": "web_search_20250305", "name": "web_search"}]})
    with pytest.raises(Refused) as caught:
        await person.ask("Read", one.reading(request.model_copy(update={"body": body})))
    assert caught.value.code == "not_in_manifest"
    assert await provider.seen() == []
