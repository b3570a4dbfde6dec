"""Guardrails and trust on the pages: write, confirm, graduate, take back, review, stop."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from api.public.pages.marking import marked
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.english.problems import Problem
from store import digests, trust
from store.tables import Connection
from tests.api.cards import Card, make_card
from tests.api.pages import Visitor
from tests.api.people import Person, code
from tests.api.trusted import (
    NOTIFY,
    RULE,
    approved,
    confirmed,
    graduated,
    into,
    needs_one_run,
    place,
    ran_alone,
    states_of,
    told_first,
    trust_of,
)
from tests.conftest import Postgres

AMBIGUOUS = 'Archive contacts tagged "a" or tagged "b" and that have no city.'


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id, updates=3)


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
    assert "characters 9 to 17" in response.text
    assert states_of(postgres, card.workflow_id) == []


async def test_a_suggestion_is_taken_up_with_one_click(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    response = await write(visitor, card, "Archive important contacts.")
    [better] = hidden(response.text, "sentence")
    assert better == 'Archive contacts tagged "key account".'
    assert (await write(visitor, card, better)).status_code == 303
    assert states_of(postgres, card.workflow_id) == [(1, "proposed")]


async def test_what_could_mean_two_things_says_so(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    response = await write(visitor, card, AMBIGUOUS)
    assert response.status_code == 422
    page = html.unescape(response.text)
    assert "can be grouped in two ways" in page
    assert hidden(response.text, "sentence") == ['Archive contacts (tagged "a" or tagged "b") and that have no city.']
    assert states_of(postgres, card.workflow_id) == []


@pytest.mark.parametrize(
    ("before", "after", "relation"),
    [
        ('Archive contacts tagged "old".', 'Archive every contact tagged "old".', "Equivalent"),
        ('Archive contacts tagged "old".', 'Archive contacts tagged "test".', "Incomparable"),
    ],
)
async def test_a_change_that_is_neither_stricter_nor_looser(
    visitor: Visitor, card: Card, postgres: Postgres, before: str, after: str, relation: str
) -> None:
    rule = await confirmed(postgres, card, before)
    page = await visitor.get((await write(visitor, card, after, str(rule.id))).headers["location"])
    assert f">{relation}</span>" in page
    assert ("Covered only by the version before" in page) is (relation == "Incomparable")


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
    assert "agrees with 2 of 3 of your decisions</strong>; here is the one that differs" in page.lower()
    assert f'<a href="/runs/{card.run_id}#action-{card.actions[2].id}">' in page
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
    assert "<dd>test</dd>" in page.partition("Covered only by this version")[2].partition("</dl>")[0]
    assert "It widens what may run alone" in page
    assert states_of(postgres, card.workflow_id) == [(1, "confirmed"), (2, "proposed")]
    assert "waits for you to confirm it" in await visitor.get(f"/workflows/{card.workflow_id}")
    third = await write(visitor, card, 'Archive contacts tagged "old" that have no city.', str(rule.id))
    page = await visitor.get(third.headers["location"])
    assert "Stricter" in page
    assert "Covered only by the version before" in page
    assert "It widens nothing" in page
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
    assert "It overlaps with another guardrail" in page
    both = page.partition("A made-up record that both cover")[2].partition("</dl>")[0]
    assert re.search(r"<dd>(old, test|test, old)</dd>", both)


async def test_a_contradiction_is_refused_with_the_conditions_that_exclude_each_other(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    response = await write(visitor, card, "Update deals that have an amount and have no amount.")
    page = html.unescape(response.text)
    assert response.status_code == 422
    assert "a contradiction: nothing can be true of the deal's amount here" in page
    assert states_of(postgres, card.workflow_id) == []


async def test_a_rule_that_can_never_apply_is_not_switched_on(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    """One that the compiler lets pass, and the solver finds out."""
    rule = await confirmed(postgres, card, RULE, confirm=False, found={"applies": None})
    address = f"/guardrails/{rule.id}/versions/1"
    page = await visitor.get(address)
    assert "It can never apply" in page
    assert "Confirm: this is what I mean" not in page
    refused = await visitor.post(f"{address}/confirm", {"reading": rule.reading})
    assert refused.status_code == 422
    assert states_of(postgres, card.workflow_id) == [(1, "proposed")]


async def test_what_was_checked_is_shown_with_records(visitor: Visitor, card: Card) -> None:
    page = await visitor.get((await write(visitor, card, RULE)).headers["location"])
    assert "It can apply" in page
    assert "contact › first name" in page.partition("A made-up record that it covers")[2].partition("</dl>")[0]
    assert "It does not cover everything" in page
    assert "A made-up record that it leaves to you" in page
    assert "No overlap" in page
    page = await visitor.get((await write(visitor, card, "Archive all contacts.")).headers["location"])
    assert "It covers everything" in page
    bare = page.partition("Even a contact of which no more is known")[2].partition("</dl>")[0]
    assert "contact.archive" in bare


@pytest.mark.parametrize("version", ["0", "-1", "2147483648", "9" * 40])
async def test_a_version_that_no_guardrail_can_have_is_not_there(
    visitor: Visitor, ada: Person, card: Card, postgres: Postgres, version: str
) -> None:
    rule = await confirmed(postgres, card, confirm=False)
    address = f"/guardrails/{rule.id}/versions/{version}"
    await visitor.get(address, status=404)
    assert (await visitor.post(f"{address}/confirm", {"reading": rule.reading})).status_code == 404
    response = await ada.call("POST", f"{address}/confirm", json={"reading": rule.reading})
    assert (response.status_code, code(response)) == (422, "invalid")
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
        refused = await visitor.post(f"{path}/graduate", {**terms, name: bad})
        assert refused.status_code == 422
        assert re.search(rf'name="{name}" type="number"[^>]* value="{bad}"', refused.text)
        assert '<details class="graduate" open>' in refused.text
    assert (await visitor.post(f"{path}/graduate", terms)).status_code == 303
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    page = await visitor.get(path)
    assert "0 of 5 used" in page
    assert "0 of 9 used" in page
    assert "Let it run alone" not in page
    for _ in range(2):
        assert (await visitor.post(f"{path}/take-back", {})).status_code == 303
        assert trust_of(postgres, card.workflow_id) == "approve_each"
    assert "Why: Its owner took it back." in await visitor.get(path)


async def test_the_inbox_offers_to_let_a_proven_workflow_run_alone(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    await approved(postgres, card)
    await confirmed(postgres, card)
    assert "may run alone" not in await visitor.get("/")
    await needs_one_run(postgres, card)
    page = await visitor.get("/")
    assert "“Complete tagged contacts” may run alone" in page
    assert "Its guardrail agrees with 3 of 3 of your decisions" in page
    terms: dict[str, str | list[str]] = {"rule": hidden(page, "rule"), "days": "7", "actions": "5", "credits": "9"}
    assert (await visitor.post(f"/workflows/{card.workflow_id}/graduate", terms)).status_code == 303
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    assert "may run alone" not in await visitor.get("/")


async def test_a_workflow_that_fell_back_by_itself_says_why(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    await graduated(postgres, card)
    why = "contact.country is FR; so far it was DE"
    async with postgres.control.user(card.user_id) as session:
        await trust.take_back(session, card.user_id, card.workflow_id, why, actor="system")
    for path in ("/", f"/workflows/{card.workflow_id}"):
        page = await visitor.get(path)
        assert "asks for each action since" in page
        assert f"Why: {why}" in page


async def test_digests_say_what_was_done_alone(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await graduated(postgres, card)
    later = await make_card(postgres, card.user_id, updates=3)
    await into(postgres, card, later)
    for action in later.actions[:2]:
        await ran_alone(postgres, rule, action)
    for path in ("/", f"/workflows/{card.workflow_id}"):
        assert "2 done, 1 waiting for you" in await visitor.get(path)
    place(postgres, "UPDATE grants SET spent_at = now() - interval '25 hours'")
    assert "0 done, 1 waiting for you" in await visitor.get("/")


async def test_a_runs_digest_stays_until_it_was_seen(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await graduated(postgres, card)
    later = await make_card(postgres, card.user_id, updates=3)
    await into(postgres, card, later)
    for action in later.actions[:2]:
        await ran_alone(postgres, rule, action)
    async with postgres.control.user(card.user_id) as session:
        await digests.write(session, card.user_id, later.run_id)
    page = await visitor.get("/")
    assert f'<a href="/runs/{later.run_id}">2 done inside its guardrails; 1 wait for your approval</a>' in page
    assert f'<a href="/runs/{later.run_id}#action-{later.actions[1].id}">' in page.partition('id="digests"')[2]
    for _ in range(2):
        seen = await visitor.post(f"/digests/{later.run_id}/seen", {"back": "inbox"})
        assert (seen.status_code, seen.headers["location"]) == (303, "/")
    assert "done inside its guardrails" not in await visitor.get("/")


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
    wrong = await visitor.post(f"{path}/trust/settings", form | {"runs_needed": "many", "reserved": []})
    assert wrong.status_code == 422
    assert "Approved runs needed: a whole number" in wrong.text
    assert 'value="many"' in wrong.text
    assert not re.search(r'value="email.send" checked', wrong.text)
    assert (await visitor.post(f"{path}/trust/settings", form | {"reserved": ["nothing.like"]})).status_code == 422
    assert (await visitor.post(f"{path}/trust/settings", form | {"runs_needed": "0"})).status_code == 422


async def test_rest_reserves_only_what_the_connections_offer(ada: Person, card: Card) -> None:
    path = f"/workflows/{card.workflow_id}/trust/settings"
    kept = await ada.post(path, {"reserved_operations": ["email.send"]})
    assert kept["reserved_operations"] == ["email.send"]
    refused = await ada.call("POST", path, json={"reserved_operations": ["email.send", "emial.send"]})
    assert (refused.status_code, code(refused)) == (422, "invalid")
    told = refused.json()["error"]["message"]
    assert "no operation 'emial.send'" in told
    assert "contacts.update" in told  # what could be chosen
    assert (await ada.get(f"/workflows/{card.workflow_id}/trust"))["reserved_operations"] == ["email.send"]


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
    page = html.unescape(await visitor.get(path))
    assert "for you to review" not in page
    assert "asks for each action since" in page
    assert "was rejected in review: wrong person" in page


async def test_a_review_in_the_inbox(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await graduated(postgres, card)
    later = await make_card(postgres, card.user_id, updates=2)
    await into(postgres, card, later)
    for action in later.actions:
        await ran_alone(postgres, rule, action)
    assert 'for you to review <span class="count">2</span>' in await visitor.get("/")
    first, second = (f"/actions/{action.id}/review" for action in later.actions)
    done = await visitor.post(first, {"verdict": "ok", "back": "inbox"})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    mute = await visitor.post(second, {"verdict": "undo", "back": "inbox", "reason": " "})
    assert mute.status_code == 422
    assert "Say what was wrong" in mute.text
    fell = await visitor.post(second, {"verdict": "undo", "back": "inbox", "reason": "the wrong Grace"})
    assert fell.status_code == 200
    assert "“Complete tagged contacts” asks for each action again" in fell.text
    assert "for you to review" not in fell.text
    assert trust_of(postgres, card.workflow_id) == "approve_each"
    # What takes it back waits in the same inbox, for approval like anything else.
    assert "What takes it back waits here" in fell.text
    assert "Take back: " in fell.text


async def test_what_runs_unless_stopped_has_a_stop_button(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await graduated(postgres, card, NOTIFY)
    later = await make_card(postgres, card.user_id, updates=1)
    await into(postgres, card, later)
    await told_first(postgres, rule, later.action)
    for path in ("/", f"/runs/{later.run_id}"):
        page = await visitor.get(path)
        assert "only if you let it stand before then" in page
        assert "Stop it" in page
        assert re.search(r"<span data-until=[^>]+>23 h 5\d min</span> left", page)
    stand = await visitor.post(f"/actions/{later.action.id}/notice/seen", {})
    assert stand.status_code == 200
    assert "You let it stand." in stand.text
    page = await visitor.get(f"/runs/{later.run_id}")
    assert "You let it stand: it runs by itself" in page
    assert "Stop it" in page
    assert ">Let it stand" not in page
    form: dict[str, str | list[str]] = {
        "verdict": "reject",
        "digest": later.action.digest,
        "reason": "Stopped before its time.",
    }
    assert (await visitor.post(f"/actions/{later.action.id}/decide", form)).status_code == 303
    page = await visitor.get(f"/runs/{later.run_id}")
    assert "Rejected" in page
    assert "Stop it" not in page


async def test_a_notice_whose_time_is_up_has_none(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    rule = await graduated(postgres, card, NOTIFY)
    later = await make_card(postgres, card.user_id, updates=1)
    await into(postgres, card, later)
    await told_first(postgres, rule, later.action)
    place(postgres, "UPDATE notices SET not_before = now() - interval '1 minute'")
    page = await visitor.get(f"/runs/{later.run_id}")
    assert "Its time came" in page
    assert "Stop it" not in page
    late = await visitor.post(f"/actions/{later.action.id}/notice/seen", {})
    assert late.status_code == 409
    assert "Its time was up before" in late.text


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


async def test_what_a_model_may_have_written_waits_and_the_page_says_so(
    visitor: Visitor, ada: Person, card: Card, postgres: Postgres
) -> None:
    path = f"/workflows/{card.workflow_id}"
    assert "Let what a language model may have written run alone" not in await visitor.get(path)
    assert not (await ada.get(f"{path}/trust"))["asks_model"]
    async with postgres.api.user(card.user_id) as session:
        model = Connection(user_id=card.user_id, connector="openai", title="Models", base_url="http://127.0.0.1:1")
        session.add(model)
        await session.flush()
    place(
        postgres,
        "UPDATE workflows SET connections = connections || to_jsonb(%s::text) WHERE id = %s",
        str(model.id),
        card.workflow_id,
    )
    page = await visitor.get(path)
    assert "everything it proposes waits for you" in page
    assert "no guardrail judges what a text says, and its settings do not let such text run alone" in page
    told = await ada.get(f"{path}/trust")
    assert told["asks_model"]
    assert not told["eligibility"]["eligible"]
    assert "it may ask a language model" in told["eligibility"]["why"]

    form: dict[str, str | list[str]] = {"runs_needed": "5", "review_percent": "40", "model_text_alone": "yes"}
    assert (await visitor.post(f"{path}/trust/settings", form)).status_code == 303
    page = await visitor.get(path)
    assert "you let what that may have written run alone" in page
    assert re.search(r'name="model_text_alone" value="yes" checked', page)
    told = await ada.get(f"{path}/trust")
    assert told["model_text_alone"]
    assert "language model" not in told["eligibility"]["why"]
    assert not (await ada.post(f"{path}/trust/settings", {}))["model_text_alone"]
