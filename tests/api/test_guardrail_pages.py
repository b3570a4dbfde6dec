"""Guardrails and trust on the pages: write, confirm, graduate, take back, review, stop."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api.public.pages.marking import marked
from api.public.parts import Parts
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.english.problems import Problem
from tests.api.cards import Card, make_card
from tests.api.pages import Visitor, visit
from tests.api.people import Person
from tests.api.trusted import (
    NOTIFY,
    RULE,
    approved,
    confirmed,
    graduated,
    into,
    needs_one_run,
    ran_alone,
    states_of,
    told_first,
    trust_of,
)
from tests.conftest import Postgres


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id, updates=3)


@pytest.fixture
async def visitor(ada: Person, app: FastAPI, parts: Parts) -> AsyncIterator[Visitor]:
    async with visit(app, parts, ada.email) as visitor:
        yield visitor


async def write(visitor: Visitor, card: Card, sentence: str, guardrail_id: str = "") -> httpx.Response:
    form: dict[str, str | list[str]] = {"sentence": sentence, "guardrail_id": guardrail_id}
    return await visitor.post(f"/workflows/{card.workflow_id}/guardrails", form)


def hidden(page: str, name: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(rf'name="{name}" value="([^"]*)"', page)]


async def test_a_refused_sentence_comes_back_with_its_problems_marked(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    response = await write(visitor, card, "Archive important contacts <b>soon</b>.")
    assert response.status_code == 422
    assert "<mark>important</mark>" in response.text
    assert "<b>" not in response.text
    assert "is a judgement, not a fact" in html.unescape(response.text)
    assert "key account" in response.text
    assert "Archive important contacts &lt;b&gt;soon" in response.text.partition("<textarea")[2]
    assert states_of(postgres, card.workflow_id) == []


async def test_a_sentence_that_is_too_long_is_refused(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    response = await write(visitor, card, "Archive contacts tagged " + "x" * 2000)
    assert response.status_code == 422
    assert "at most 2,000 characters" in response.text
    assert states_of(postgres, card.workflow_id) == []


async def test_a_sentence_is_shown_as_it_was_understood_and_counts_only_once_confirmed(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    await approved(postgres, card, reject=1)
    response = await write(visitor, card, RULE)
    assert response.status_code == 303
    address = response.headers["location"]
    page = html.unescape(await visitor.get(address))
    compiled = compile_sentence(RULE)
    assert compiled.reading in page
    assert "What it does not cover" in page
    assert "any operation but contact.enrich" in page
    assert "agrees with 2 of 3 of your decisions" in page.lower()
    assert "You rejected it; it would have run." in page
    assert "Inside the line" in page
    assert states_of(postgres, card.workflow_id) == [(1, "proposed")]
    wrong = await visitor.post(f"{address}/confirm", {"reading": "Archive everything."})
    assert wrong.status_code == 409
    assert "not the one you were shown" in wrong.text
    assert states_of(postgres, card.workflow_id) == [(1, "proposed")]
    done = await visitor.post(f"{address}/confirm", {"reading": hidden(page, "reading")[0]})
    assert (done.status_code, done.headers["location"]) == (303, f"/workflows/{card.workflow_id}#rules")
    assert states_of(postgres, card.workflow_id) == [(1, "confirmed")]
    assert "In force" in await visitor.get(f"/workflows/{card.workflow_id}")
    again = await visitor.post(f"{address}/confirm", {"reading": compiled.reading})
    assert again.status_code == 409
    assert "already confirmed" in again.text


async def test_a_change_is_a_new_version_shown_next_to_the_one_in_force(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    rule = await confirmed(postgres, card, 'Archive contacts tagged "old".')
    looser = await write(visitor, card, 'Archive contacts tagged "old" or "test".', str(rule.id))
    page = await visitor.get(looser.headers["location"])
    assert "Looser" in page
    assert "Covered only by this version" in page
    assert states_of(postgres, card.workflow_id) == [(1, "confirmed"), (2, "proposed")]
    assert "waits for you to confirm it" in await visitor.get(f"/workflows/{card.workflow_id}")
    third = await write(visitor, card, 'Archive contacts tagged "old" that have no city.', str(rule.id))
    page = await visitor.get(third.headers["location"])
    assert "Stricter" in page
    assert "Covered only by the version before" in page
    passed_over = await visitor.post(f"{looser.headers['location']}/confirm", {"reading": hidden(page, "reading")[0]})
    assert passed_over.status_code == 409
    assert "version 3 has taken its place" in passed_over.text
    await visitor.post(f"{third.headers['location']}/confirm", {"reading": hidden(page, "reading")[0]})
    assert states_of(postgres, card.workflow_id) == [(1, "retired"), (2, "retired"), (3, "confirmed")]


async def test_overlap_with_another_guardrail_is_shown_with_a_record(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    await confirmed(postgres, card, 'Archive contacts tagged "old".')
    other = await write(visitor, card, 'Archive contacts tagged "test".')
    page = await visitor.get(other.headers["location"])
    assert "Overlaps with" in page
    assert "Both cover, for example" in page


async def test_a_rule_that_can_never_apply_is_not_switched_on(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    response = await write(visitor, card, "Update deals over $10k and under $5k.")
    if response.status_code == 422:  # the compiler itself may see the contradiction
        assert states_of(postgres, card.workflow_id) == []
        return
    address = response.headers["location"]
    page = await visitor.get(address)
    assert "can never apply" in page
    assert "Confirm: this is what I mean" not in page
    [reading] = {compile_sentence("Update deals over $10k and under $5k.").reading}
    refused = await visitor.post(f"{address}/confirm", {"reading": reading})
    assert refused.status_code == 422
    assert states_of(postgres, card.workflow_id) == [(1, "proposed")]


async def test_a_guardrail_is_retired(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await confirmed(postgres, card)
    response = await visitor.post(f"/guardrails/{rule.id}/retire", {})
    assert response.status_code == 303
    assert states_of(postgres, card.workflow_id) == [(1, "retired")]


async def test_the_page_says_why_a_workflow_may_not_run_alone_yet(visitor: Visitor, card: Card) -> None:
    page = await visitor.get(f"/workflows/{card.workflow_id}")
    assert "0 of the 3 approved runs without a rejected action that are needed" in page
    assert "no confirmed guardrail" in page
    assert "Let it run alone" not in page
    early = await visitor.post(f"/workflows/{card.workflow_id}/graduate", {"days": "7", "actions": "5", "credits": "9"})
    assert early.status_code == 409
    assert "0 of the 3 approved runs" in early.text


async def test_graduate_and_take_back(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    await approved(postgres, card)
    await confirmed(postgres, card)
    await needs_one_run(postgres, card)
    path = f"/workflows/{card.workflow_id}"
    page = await visitor.get(path)
    assert "Its guardrail agrees with 3 of 3 of your decisions" in page
    rule = hidden(page, "rule")
    terms: dict[str, str | list[str]] = {"rule": rule, "days": "7", "actions": "5", "credits": "9"}
    for name, bad in (("days", "x"), ("days", "400"), ("actions", "0")):
        assert (await visitor.post(f"{path}/graduate", {**terms, name: bad})).status_code == 422
    assert (await visitor.post(f"{path}/graduate", terms)).status_code == 303
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    page = await visitor.get(path)
    assert "0 of 5 used" in page
    assert "0 of 9 used" in page
    assert "Let it run alone" not in page
    for _ in range(2):
        assert (await visitor.post(f"{path}/take-back", {})).status_code == 303
        assert trust_of(postgres, card.workflow_id) == "approve_each"


async def test_only_the_guardrails_that_were_shown_are_graduated(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    await approved(postgres, card)
    await confirmed(postgres, card)
    await needs_one_run(postgres, card)
    path = f"/workflows/{card.workflow_id}"
    rule = hidden(await visitor.get(path), "rule")
    await confirmed(postgres, card, 'Archive contacts tagged "old".')
    terms: dict[str, str | list[str]] = {"rule": rule, "days": "7", "actions": "5", "credits": "9"}
    response = await visitor.post(f"{path}/graduate", terms)
    assert response.status_code == 409
    assert "not those you were shown" in response.text
    assert trust_of(postgres, card.workflow_id) == "approve_each"


async def test_settings_are_kept_and_only_offered_operations_are_reserved(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    path = f"/workflows/{card.workflow_id}"
    form: dict[str, str | list[str]] = {"runs_needed": "5", "review_percent": "40", "reserved": ["email.send"]}
    assert (await visitor.post(f"{path}/trust/settings", form)).status_code == 303
    page = await visitor.get(path)
    assert "of the 5 approved runs" in page
    assert re.search(r'value="email.send" checked', page)
    assert (await visitor.post(f"{path}/trust/settings", form | {"reserved": ["nothing.like"]})).status_code == 422
    assert (await visitor.post(f"{path}/trust/settings", form | {"runs_needed": "0"})).status_code == 422


async def test_the_card_names_the_guardrail_that_let_an_action_run(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    rule = await graduated(postgres, card)
    later = await make_card(postgres, card.user_id, updates=1)
    await into(postgres, card, later)
    await ran_alone(postgres, rule, later.action)
    page = await visitor.get(f"/runs/{later.run_id}")
    assert f'href="/guardrails/{rule.id}/versions/1">guardrail, version 1</a>; nobody was asked' in page
    assert "the contact has a first name" in page
    assert "contact › first name: Grace" in page
    # What a person approved names no guardrail.
    assert "nobody was asked" not in await visitor.get(f"/runs/{card.run_id}")


async def test_a_review_that_says_wrong_takes_the_workflow_back(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    rule = await graduated(postgres, card)
    later = await make_card(postgres, card.user_id, updates=2)
    await into(postgres, card, later)
    for action in later.actions:
        await ran_alone(postgres, rule, action)
    path = f"/workflows/{card.workflow_id}"
    page = await visitor.get(path)
    assert 'Ran alone, for you to review <span class="count">2</span>' in page
    first, second = (f"/actions/{action.id}/review" for action in later.actions)
    assert (await visitor.post(first, {"verdict": "ok"})).status_code == 303
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    assert (await visitor.post(first, {"verdict": "ok"})).status_code == 409
    assert (await visitor.post(second, {"verdict": "reject"})).status_code == 422
    assert (await visitor.post(second, {"verdict": "perhaps"})).status_code == 422
    assert (await visitor.post(second, {"verdict": "reject", "reason": "wrong person"})).status_code == 303
    assert trust_of(postgres, card.workflow_id) == "approve_each"
    assert "for you to review" not in await visitor.get(path)


async def test_what_runs_unless_stopped_has_a_stop_button(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await graduated(postgres, card, NOTIFY)
    later = await make_card(postgres, card.user_id, updates=1)
    await into(postgres, card, later)
    await told_first(postgres, rule, later.action)
    for path in ("/", f"/runs/{later.run_id}"):
        page = await visitor.get(path)
        assert "only if you let it stand before then" in page
        assert "Stop it" in page
    stand = await visitor.post(f"/actions/{later.action.id}/notice/seen", {})
    assert stand.status_code == 200
    assert "You let it stand." in stand.text
    form: dict[str, str | list[str]] = {
        "verdict": "reject",
        "digest": later.action.digest,
        "reason": "Stopped before its time.",
    }
    assert (await visitor.post(f"/actions/{later.action.id}/decide", form)).status_code == 303
    page = await visitor.get(f"/runs/{later.run_id}")
    assert "Rejected" in page
    assert "Stop it" not in page


async def test_a_notice_of_a_workflow_that_was_taken_back_promises_nothing(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    rule = await graduated(postgres, card, NOTIFY)
    later = await make_card(postgres, card.user_id, updates=1)
    await into(postgres, card, later)
    await told_first(postgres, rule, later.action)
    await visitor.post(f"/workflows/{card.workflow_id}/take-back", {})
    page = await visitor.get(f"/runs/{later.run_id}")
    assert "Runs by itself" not in page
    assert "Waits for you" in page


async def test_a_form_without_the_pages_token_changes_nothing(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    await graduated(postgres, card)
    for path in (f"/workflows/{card.workflow_id}/take-back", f"/workflows/{card.workflow_id}/guardrails"):
        assert (await visitor.post(path, {"sentence": RULE}, csrf="x")).status_code == 403
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    assert states_of(postgres, card.workflow_id) == [(1, "confirmed")]


@pytest.mark.parametrize(
    ("span", "pieces"),
    [
        ((4, 7), [("one ", False), ("two", True), (" three", False)]),
        ((0, 13), [("one two three", True)]),
        ((13, 13), [("one two ", False), ("three", True)]),
        ((0, 0), [("one two three", False)]),
    ],
)
def test_marking_keeps_the_sentence_whole(span: tuple[int, int], pieces: list[tuple[str, bool]]) -> None:
    assert marked("one two three", [Problem(span, "", "")]) == pieces
