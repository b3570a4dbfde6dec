"""The pages without scripts: what a card shows, and what a click on it does."""

from __future__ import annotations

import html
import re

import pytest

from api.public.parts import Parts
from tests.api.cards import Card, make_card, set_action_state
from tests.api.pages import Visitor
from tests.api.people import Person
from tests.conftest import Postgres


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id, updates=2, mails=1)


def notice(page: str) -> str:
    found = re.search(r'<p class="notice">(.*?)</p>', page, re.S)
    return html.unescape(found[1]) if found else ""


async def test_the_card_shows_plan_and_actions_with_everything_to_decide_on(visitor: Visitor, card: Card) -> None:
    page = html.unescape(await visitor.get(f"/runs/{card.run_id}"))
    for text in (
        "Complete the contacts tagged “design partner candidate”",
        "Search the tagged contacts",
        "12 contacts tagged",
        "Three contacts lack a city",
        "Contact 77: its company has no address.",
        "Stays inside.",
        "Set City of Grace Hopper to Arlington",
        "The company’s record names it.",
        "Can be undone",
        "Cannot be undone",
        "5 credits",
        card.action.digest,
        card.action.digest[:10],
        "we spoke in spring about the pilot.",
        "Run started",
    ):
        assert text in page, text


async def test_the_card_links_to_the_temporal_ui_where_there_is_one(visitor: Visitor, card: Card, parts: Parts) -> None:
    assert "Temporal UI" not in await visitor.get(f"/runs/{card.run_id}")
    parts.settings.temporal_ui_url = "http://127.0.0.1:8233/"
    page = await visitor.get(f"/runs/{card.run_id}")
    wanted = f"http://127.0.0.1:8233/namespaces/default/workflows/run%3A{card.user_id}%3A{card.run_id}"
    assert f'href="{wanted}"' in page


async def test_what_providers_wrote_is_text_and_never_markup(
    visitor: Visitor, ada: Person, card: Card, postgres: Postgres
) -> None:
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    with postgres.connect() as owner:
        owner.execute(
            "UPDATE actions SET body = jsonb_set(jsonb_set(body, '{preview,summary}', to_jsonb(%s::text)), "
            "'{preview,body}', to_jsonb(%s::text)), why = %s",
            (evil, evil, evil),
        )
        owner.execute(
            "UPDATE runs SET card = jsonb_set(card, '{reasoning}', to_jsonb(%s::text)), goal = %s", (evil, evil)
        )
    for path in ("/", f"/runs/{card.run_id}", f"/actions/{card.action.id}/edit", "/runs"):
        page = await visitor.get(path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "alert(1)" in page


async def test_approving_rejecting_and_editing_by_form(visitor: Visitor, ada: Person, card: Card) -> None:
    first, second, mail = card.actions
    back = await visitor.post(f"/actions/{first.id}/decide", {"verdict": "approve", "digest": first.digest})
    assert back.headers["location"] == f"/runs/{card.run_id}#action-{first.id}"
    form = {"verdict": "reject", "digest": second.digest, "reason": "She moved", "back": "inbox"}
    back = await visitor.post(f"/actions/{second.id}/decide", form)
    assert back.headers["location"] == "/"
    page = await visitor.get(f"/actions/{mail.id}/edit")
    assert "we spoke in spring" in page
    back = await visitor.post(
        f"/actions/{mail.id}/edit",
        {
            "digest": mail.digest,
            "operation": "email.send",
            "f.to": "person0@example.org\r\nsecond@example.org",
            "f.subject": "Another subject",
            "f.body": "Hello Grace,\r\n\r\na new text.",
            "f.key": "not mine to change",
        },
    )
    assert back.status_code == 303, back.text
    whole = await ada.get(f"/runs/{card.run_id}")
    assert [item["state"] for item in whole["actions"]] == ["approved", "rejected", "pending"]
    edited = whole["actions"][2]["arguments"]
    assert edited["to"] == ["person0@example.org", "second@example.org"]
    assert edited["body"] == "Hello Grace,\n\na new text."
    assert edited["key"] == mail.arguments["key"]
    assert back.headers["location"] == f"/runs/{card.run_id}#action-{whole['actions'][2]['id']}"
    page = html.unescape(await visitor.get(f"/runs/{card.run_id}"))
    assert "Your reason: She moved" in page
    assert "Earlier versions (1)" in page


async def test_an_edit_of_fields_adds_changes_and_leaves_out(visitor: Visitor, ada: Person, card: Card) -> None:
    await visitor.post(
        f"/actions/{card.action.id}/edit",
        {
            "digest": card.action.digest,
            "f.id": "1002",
            "f.properties.city": "Arlington",
            "drop.properties": "city",
            "new.properties.name": ["jobtitle", ""],
            "new.properties.value": ["Commodore", ""],
        },
    )
    edited = (await ada.get(f"/runs/{card.run_id}"))["actions"][0]
    assert edited["arguments"] == {"id": "1001", "properties": {"jobtitle": "Commodore"}}


async def test_an_edit_that_cannot_be_comes_back_with_what_was_typed(visitor: Visitor, card: Card) -> None:
    mail = card.actions[2]
    response = await visitor.post(
        f"/actions/{mail.id}/edit",
        {"digest": mail.digest, "f.to": "no address", "f.subject": "My typed subject", "f.body": "x"},
    )
    assert response.status_code == 422
    assert "to" in notice(response.text)
    assert "My typed subject" in response.text


async def test_the_edit_offers_what_the_action_could_become(visitor: Visitor, card: Card) -> None:
    page = await visitor.get(f"/actions/{card.action.id}/edit")
    assert "Archive a contact" in page
    assert "Change a deal" not in page
    archived = await visitor.post(
        f"/actions/{card.action.id}/edit", {"digest": card.action.digest, "operation": "contacts.archive"}
    )
    assert archived.status_code == 303
    assert "Archive the contact Grace Hopper" in await visitor.get(f"/runs/{card.run_id}")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("approved", "it was already approved"),
        ("rejected", "it was already rejected"),
        ("superseded", "it was edited"),
        ("cancelled", "its run was cancelled"),
        ("done", "it is already done"),
        ("failed", "it already failed"),
    ],
)
@pytest.mark.parametrize("back", ["", "inbox"])
async def test_a_late_click_says_how_it_stands(
    visitor: Visitor, card: Card, postgres: Postgres, state: str, said: str, back: str
) -> None:
    set_action_state(postgres, card.action.id, state)
    form = {"verdict": "approve", "digest": card.action.digest, "back": back}
    response = await visitor.post(f"/actions/{card.action.id}/decide", form)
    assert response.status_code == 409
    assert notice(response.text).startswith("Nothing was changed: ")
    assert said in notice(response.text)


async def test_a_late_click_after_the_run_was_cancelled(visitor: Visitor, ada: Person, card: Card) -> None:
    assert (await visitor.post(f"/runs/{card.run_id}/cancel", {})).status_code == 303
    form = {"verdict": "approve", "digest": card.action.digest}
    response = await visitor.post(f"/actions/{card.action.id}/decide", form)
    assert notice(response.text) == "Nothing was changed: its run was cancelled."
    assert "Cancelling" in response.text
    assert "Approve<" not in response.text


async def test_approve_all_approves_what_was_shown_and_says_what_was_not(
    visitor: Visitor, ada: Person, card: Card
) -> None:
    items = [f"{row.id}:{row.digest}" for row in card.actions]
    await ada.post(f"/actions/{card.actions[1].id}/reject", {"digest": card.actions[1].digest, "reason": "no"})
    response = await visitor.post(f"/runs/{card.run_id}/approve-all", {"item": items})
    assert response.status_code == 409
    assert notice(response.text) == "2 approved, 1 not. Nothing was changed: it was already rejected."
    whole = await ada.get(f"/runs/{card.run_id}")
    assert [item["state"] for item in whole["actions"]] == ["approved", "rejected", "approved"]


async def test_an_unknown_outcome_is_settled_by_form(
    visitor: Visitor, ada: Person, card: Card, postgres: Postgres
) -> None:
    set_action_state(postgres, card.action.id, "outcome_unknown")
    page = html.unescape(await visitor.get("/"))
    assert "did it happen?" in page
    form = {"verdict": "did_not_happen", "digest": card.action.digest}
    assert (await visitor.post(f"/actions/{card.action.id}/decide", form)).status_code == 303
    assert "You said that it did not happen." in await visitor.get(f"/runs/{card.run_id}")


async def test_a_question_is_answered_by_form(visitor: Visitor, ada: Person, postgres: Postgres) -> None:
    card = await make_card(postgres, ada.user_id, updates=0, question=True)
    question = card.questions[0]
    assert "Which stage?" in await visitor.get("/")
    back = await visitor.post(f"/questions/{question.id}/answer", {"text": "Proposal"})
    assert back.headers["location"] == f"/runs/{card.run_id}#question-{question.id}"
    page = await visitor.get(f"/runs/{card.run_id}")
    assert '<p class="answer">Proposal</p>' in page
    late = await visitor.post(f"/questions/{question.id}/answer", {"text": "Qualified"})
    assert notice(late.text) == "Nothing was changed: this question is already answered."


async def test_a_double_submit_of_the_start_form_starts_one_run(visitor: Visitor, ada: Person, card: Card) -> None:
    page = await visitor.get(f"/workflows/{card.workflow_id}")
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    places = {
        (await visitor.post(f"/workflows/{card.workflow_id}/runs", {"key": key[1], "goal": ""})).headers["location"]
        for _ in range(2)
    }
    assert len(places) == 1
    assert len((await ada.get("/runs"))["items"]) == 2


async def test_a_workflow_is_set_up_by_its_schemas_form(visitor: Visitor, ada: Person, card: Card) -> None:
    page = await visitor.get("/workflows/new?playbook=enrich_tagged_contacts")
    assert 'name="f.tag"' in page
    form: dict[str, str | list[str]] = {
        "playbook": "enrich_tagged_contacts",
        "title": "Tidy up",
        "connection": str(card.crm),
        "f.tag": "customer",
        "f.tag_property": "tags",
        "f.fields": ["city", "country"],
        "f.limit": "7",
    }
    back = await visitor.post("/workflows/new", form)
    assert back.status_code == 303, notice(back.text)
    made = await ada.get(f"/workflows/{back.headers['location'].rpartition('/')[2]}")
    assert made["params"] == {
        "tag": "customer",
        "tag_property": "tags",
        "fields": ["city", "country"],
        "normalise": False,
        "limit": 7,
    }
    wrong = await visitor.post("/workflows/new", form | {"f.limit": "many"})
    assert wrong.status_code == 422
    assert "limit" in notice(wrong.text)
    assert "Tidy up" in wrong.text


async def test_activity_tells_who_did_what_and_what_it_cost(visitor: Visitor, ada: Person, card: Card) -> None:
    await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
    page = html.unescape(await visitor.get("/activity"))
    assert "Approved</strong> Set City of Grace Hopper to Arlington" in page
    assert "by you" in page
    credits_page = await visitor.get("/credits")
    assert "<strong>1,000</strong>" in credits_page
