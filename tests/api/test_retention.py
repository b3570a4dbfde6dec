"""How long things are kept, as its owner sets it, and how what was removed looks to them."""

from __future__ import annotations

import psycopg
import pytest
from fastapi import FastAPI

from api.public.parts import Parts
from coco.retention import Kept
from tests.api.cards import make_card
from tests.api.pages import visit
from tests.api.people import PASSWORD, Person, code
from tests.conftest import Postgres
from workers.retention import sweep

KEEP_ALL = dict.fromkeys(Kept, 0)


async def test_the_defaults_are_told_and_own_days_set_and_taken_back(ada: Person, eve: Person) -> None:
    told = await ada.get("/account/retention")
    assert told["reads"] == {"days": 90, "own": False, "default": 90, "least": 1}
    assert told["audit"] == {"days": 0, "own": False, "default": 0, "least": 90}
    answer = await ada.call("PUT", "/account/retention", json={"reads": 5, "audit": 365, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["reads"]["days"] == 5
    assert answer.json()["audit"] == {"days": 365, "own": True, "default": 0, "least": 90}
    # What is not named stays; null goes back.
    answer = await ada.call("PUT", "/account/retention", json={"reads": None})
    assert answer.json()["reads"]["own"] is False
    assert answer.json()["audit"]["own"] is True
    assert (await eve.get("/account/retention"))["audit"]["own"] is False


@pytest.mark.parametrize("body", [{"audit": 5}, {"runs": 3}, {"reads": -1}, {"reads": 4000}, {"reads": "x"}, {"y": 1}])
async def test_days_out_of_bounds_are_refused(ada: Person, body: dict[str, object]) -> None:
    answer = await ada.call("PUT", "/account/retention", json=body)
    assert (answer.status_code, code(answer)) == (422, "invalid")
    assert (await ada.get("/account/retention"))["audit"]["own"] is False


async def test_the_page_sets_them(ada: Person, app: FastAPI, parts: Parts) -> None:
    async with visit(app, parts, ada.email) as visitor:
        answer = await visitor.post("/account/retention", {"reads": "5", "runs": "", "events": "0", "audit": ""})
        assert answer.status_code == 303
        told = await ada.get("/account/retention")
        assert (told["reads"]["days"], told["events"]["days"], told["runs"]["own"]) == (5, 0, False)
        assert "Now removed after 5 days" in (await visitor.client.get("/account")).text
        for bad in ("soon", "²", "-1"):
            answer = await visitor.post("/account/retention", {"reads": bad})
            assert answer.status_code == 422
            assert "nothing was changed" in answer.text
        answer = await visitor.post("/account/retention", {"audit": "10"})
        assert answer.status_code == 422
    assert await ada.get("/account/retention") == told


async def test_a_stolen_sign_in_does_not_shorten_what_the_audit_keeps(ada: Person, app: FastAPI, parts: Parts) -> None:
    async def put(status: int, **body: object) -> None:
        answer = await ada.call("PUT", "/account/retention", json=body)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert (code(answer), "nothing was changed" in answer.text) == ("forbidden", True)

    await put(403, audit=400, reads=5)
    await put(403, audit=400, reads=5, password="a guess of theirs")
    told = await ada.get("/account/retention")
    assert (told["audit"]["own"], told["reads"]["own"]) == (False, False)
    assert len((await ada.get("/activity?kind=sign_in_failed"))["items"]) == 1
    # Longer, the same, or something else than the audit takes none.
    await put(200, audit=400, password=PASSWORD)
    await put(200, audit=400, reads=5)
    await put(200, audit=500)
    await put(403, audit=499)
    await put(200, audit=None)
    async with visit(app, parts, ada.email) as visitor:
        for password, status in (("", 403), ("a guess", 403), (PASSWORD, 303)):
            answer = await visitor.post("/account/retention", {"audit": "90", "reads": "7", "password": password})
            assert answer.status_code == status, answer.text
            days = (await ada.get("/account/retention"))["audit"]["days"]
            assert days == (90 if status == 303 else 0)


async def test_every_page_shows_what_was_removed(ada: Person, postgres: Postgres, app: FastAPI, parts: Parts) -> None:
    card = await make_card(postgres, ada.user_id, updates=2, mails=1, question=True, goal="Find the heliotrope")
    await ada.call(
        "PUT", "/account/retention", json={"reads": 1, "runs": 7, "events": 1, "audit": 90, "password": PASSWORD}
    )
    with psycopg.connect(postgres.owner, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE runs SET state = 'done', finished_at = now() - interval '200 days'")
        owner.execute("UPDATE actions SET state = 'done'")
        owner.execute(
            "INSERT INTO decisions (id, user_id, run_id, action_id, verdict, stage, digest, reason, at) "
            "SELECT gen_random_uuid(), user_id, run_id, id, 'approve', 'gate', digest, '', now() FROM actions"
        )
        owner.execute("UPDATE reads SET at = at - interval '200 days'")
        # The hash covers the time: the chain does not hold any more, which is nothing that a page looks at.
        owner.execute("UPDATE audit SET at = at - interval '200 days'")
    assert await sweep(postgres.control, KEEP_ALL) == 1
    with postgres.connect() as owner:
        left = owner.execute("SELECT count(*) FROM audit WHERE body::text LIKE '%heliotrope%'").fetchone()
    assert left == (0,)
    run, action, workflow = f"/runs/{card.run_id}", f"/actions/{card.action.id}", f"/workflows/{card.workflow_id}"
    for path in (
        run, "/runs", action, "/actions", "/activity", "/digests", workflow, f"{workflow}/trust", f"{run}/revert",
    ):  # fmt: skip
        answer = await ada.call("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        assert "heliotrope" not in answer.text, path
    undo = await ada.call("POST", f"{action}/undo")
    assert (undo.status_code, code(undo)) == (422, "invalid")
    async with visit(app, parts, ada.email) as visitor:
        for path in ("/", "/runs", run, "/activity", workflow, "/connections", "/credits"):
            page = await visitor.client.get(path)
            assert page.status_code == 200, path
            assert "heliotrope" not in page.text, path
