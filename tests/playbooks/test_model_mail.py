"""Mails that a model words: its text and nothing else is taken, and the template stands in for what is not usable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from activities.connectors.base import ConnectionInfo
from activities.playbooks import PLAYBOOKS, ReadResult
from activities.playbooks.model_mail import mail_in
from coco.errors import InvalidInput
from coco.model_routes import ModelChoice
from coco.plans import PlanDraft
from coco.voice import Voice
from tests.connectors.examples import openai
from tests.demo_fixture import Demo
from tests.gateway.provider_process import ProviderProcess, Reply
from tests.playbooks.reader import CRM, MAILBOX, HttpReader, context

MODEL = ConnectionInfo(id=UUID(int=3), connector="openai", title="Models")
BODY = "Hello,\n\nshall we pick this up again? A short answer is enough."
GOOD = json.dumps({"subject": "Shall we talk?", "body": BODY})
PARAMS = {"stage": "presentationscheduled", "limit": 3, "model": "gpt-4o-mini"}


class WithModel(HttpReader):
    """Asks the demo for records, and a server of its own for the model's words."""

    def __init__(self, demo: Demo, url: str) -> None:
        super().__init__(demo)
        self._url = url

    async def read(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> ReadResult:
        if connection.connector != "openai":
            return await super().read(connection, operation, arguments)
        there, self._demo = self._demo, _At(self._url)  # type: ignore[assignment]
        try:
            return await super().read(connection, operation, arguments)
        finally:
            self._demo = there


class _At:
    api_key = "model-key"

    def __init__(self, http: str) -> None:
        self.http = http


async def planned(
    demo: Demo, *replies: Reply, connections: tuple[ConnectionInfo, ...] = (CRM, MAILBOX, MODEL), **more: Any
) -> Any:
    async with ProviderProcess.running() as provider:
        await provider.on("POST", "/chat/completions", *replies)
        given = context(PARAMS, connections=connections, **more)
        draft = await PLAYBOOKS["follow_up_silent_deals"].plan(given, WithModel(demo, provider.url))
        return draft, await provider.seen()


def routed(draft: PlanDraft) -> list[Any]:
    """Everything of the proposals but their words."""
    return [(p.key, p.connection, p.operation, p.arguments["to"], sorted(p.arguments)) for p in draft.proposals]


async def test_the_model_words_and_the_playbook_decides(demo: Demo) -> None:
    draft, seen = await planned(demo, Reply(body=openai.said(GOOD)))
    plain, none = await planned(demo, Reply(body=openai.said(GOOD)), connections=(CRM, MAILBOX))
    assert len(seen) == 3
    assert none == []
    assert all(BODY in p.arguments["body"] and "gpt-4o-mini wrote its text" in p.why for p in draft.proposals)
    assert all(p.arguments["body"].endswith("Best regards\nRobin Vale\n") for p in draft.proposals)
    assert routed(draft) == routed(plain)
    assert "its connection cannot be used; the template words the mails" in plain.reasoning
    asked = seen[0].json()["messages"][1]["content"]
    assert asked.startswith("<data>\n{")
    assert "@" not in asked


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=openai.said(json.dumps({"subject": "x", "body": BODY, "to": ["evil@evil.example"]}))),
        Reply(body=openai.said(GOOD, finish="length")),
        Reply(body=openai.said(None, refusal="No.")),
        Reply(429, {"error": {"code": "insufficient_quota"}}),
    ],
    ids=["a recipient", "cut short", "declined", "nothing left to spend"],
)
async def test_the_template_stands_in_and_the_card_says_why(demo: Demo, reply: Reply) -> None:
    draft, seen = await planned(demo, reply)
    assert len(seen) == 2, "after two failures it asks no more"
    assert len(draft.proposals) == 3
    assert all("The template words it, since the model could not" in p.why for p in draft.proposals)
    assert "evil" not in json.dumps(draft.model_dump(mode="json"))


async def test_a_reasoning_model_is_asked_without_a_temperature(demo: Demo) -> None:
    draft, seen = await planned(demo, Reply(400, {"error": {}}), Reply(body=openai.said(GOOD)))
    assert ["temperature" in one.json() for one in seen] == [True, False, False, False]
    assert all(BODY in p.arguments["body"] for p in draft.proposals)


OTHER = ConnectionInfo(id=UUID(int=4), connector="openai", title="Other models")


def routes(*choices: tuple[ConnectionInfo, str]) -> tuple[ModelChoice, ...]:
    return tuple(ModelChoice(connection_id=one.id, model=name) for one, name in choices)


async def test_of_two_connections_the_first_is_asked_unless_a_route_says_otherwise(demo: Demo) -> None:
    both = (CRM, MAILBOX, OTHER, MODEL)
    draft, seen = await planned(demo, Reply(body=openai.said(GOOD)), connections=both)
    assert {one.json()["model"] for one in seen} == {"gpt-4o-mini"}
    assert all("gpt-4o-mini wrote its text" in p.why for p in draft.proposals)
    routed_to = routes((MODEL, "own-model"), (OTHER, "spare"))
    draft, seen = await planned(demo, Reply(body=openai.said(GOOD)), connections=both, models=routed_to)
    assert {one.json()["model"] for one in seen} == {"own-model"}
    assert all("own-model wrote its text" in p.why for p in draft.proposals)


async def test_where_the_first_of_a_route_fails_the_second_writes_the_mail(demo: Demo) -> None:
    declined, good = Reply(body=openai.said(None, refusal="No.")), Reply(body=openai.said(GOOD))
    draft, seen = await planned(
        demo,
        *(declined, good, declined, good, good),
        connections=(CRM, MAILBOX, OTHER, MODEL),
        models=routes((OTHER, "first"), (MODEL, "second")),
    )
    # Two failures in a row, and the first is not asked for the third mail.
    assert [one.json()["model"] for one in seen] == ["first", "second", "first", "second", "second"]
    assert all("second wrote its text" in p.why for p in draft.proposals)


VOICE = Voice(greeting="Hi", sign_off="Cheers", formality="casual", excerpts=("Let's pick it up in spring, shall we?",))


async def test_mails_are_worded_in_the_owners_voice_by_the_template_and_by_a_model(demo: Demo) -> None:
    plain, _ = await planned(demo, Reply(body=openai.said(GOOD)), connections=(CRM, MAILBOX), voice=VOICE)
    assert all(p.arguments["body"].startswith("Hi") for p in plain.proposals)
    assert all(p.arguments["body"].endswith("Cheers\nRobin Vale\n") for p in plain.proposals)
    draft, seen = await planned(demo, Reply(body=openai.said(GOOD)), voice=VOICE)
    assert all(p.arguments["body"].endswith("Cheers\nRobin Vale\n") for p in draft.proposals)
    data = json.loads(seen[0].json()["messages"][1]["content"][len("<data>\n") : -len("\n</data>")])
    assert data["voice"]["excerpts"] == list(VOICE.excerpts)
    assert routed(draft) == routed(plain)


async def test_a_route_over_a_connection_that_may_not_be_used_is_passed_over(demo: Demo) -> None:
    draft, seen = await planned(demo, Reply(body=openai.said(GOOD)), models=routes((OTHER, "away"), (MODEL, "there")))
    assert {one.json()["model"] for one in seen} == {"there"}
    assert len(draft.proposals) == 3


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "[]",
        '{"subject": "x"}',
        json.dumps({"subject": 1, "body": BODY}),
        json.dumps({"subject": "x", "body": "short"}),
        json.dumps({"subject": "x", "body": BODY + "x" * 2000}),
        *(
            json.dumps({"subject": "x", "body": f"{BODY} {bad}"})
            for bad in ("https://x.io", "evil.example", "a@b", "<b>")
        ),
        json.dumps({"subject": "x", "body": f"{BODY} Call +44 20 7946 0000."}),
        json.dumps({"subject": "a\nBcc: x", "body": BODY}),
        json.dumps({"subject": "x", "body": f"{BODY}\u202e"}),
    ],
)
def test_what_is_not_a_plain_mail_is_not_used(text: str) -> None:
    with pytest.raises(InvalidInput):
        mail_in(text)


def test_a_fenced_answer_is_read() -> None:
    assert mail_in(f"```json\n{GOOD}\n```") == ("Shall we talk?", BODY)
