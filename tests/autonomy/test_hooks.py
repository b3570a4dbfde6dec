"""Webhooks: a signed delivery starts one run; a forged, late or repeated one starts none."""

from __future__ import annotations

import hashlib
import hmac
import time
from uuid import uuid4

import httpx

from tests.api.cards import make_card
from tests.api.conftest import ada, eve
from tests.api.people import Person, code
from tests.conftest import Postgres

__all__ = ["ada", "eve"]


def signed(secret: str, delivery: str, body: bytes, *, at: float | None = None) -> dict[str, str]:
    moment = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), f"{moment}.{delivery}.".encode() + body, hashlib.sha256).hexdigest()
    return {"coco-timestamp": moment, "coco-delivery": delivery, "coco-signature": f"sha256={mac}"}


def runs_of(postgres: Postgres) -> int:
    with postgres.connect() as owner:
        row = owner.execute("SELECT count(*) FROM runs").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_signed_delivery_starts_one_run(client: httpx.AsyncClient, ada: Person, postgres: Postgres) -> None:
    card = await make_card(postgres, ada.user_id)
    made = await ada.post(f"/workflows/{card.workflow_id}/hooks", status=201)
    body = b'{"event": "contact.created"}'
    headers = signed(made["secret"], "d1", body)
    first = await client.post(made["path"], content=body, headers=headers)
    assert first.status_code == 202, first.text
    assert first.json()["new"]
    assert runs_of(postgres) == 2
    # The very same again, and the same delivery signed anew: the sender tried again.
    for again in (headers, signed(made["secret"], "d1", body)):
        response = await client.post(made["path"], content=body, headers=again)
        assert response.json() == {"run_id": first.json()["run_id"], "new": False}
    assert runs_of(postgres) == 2
    with postgres.connect() as owner:
        actor = owner.execute("SELECT actor FROM audit WHERE kind = 'run_started' ORDER BY seq DESC LIMIT 1").fetchone()
        workflows = owner.execute("SELECT DISTINCT workflow_id FROM runs").fetchall()
    assert actor == (f"hook:{made['id']}",)
    assert workflows == [(card.workflow_id,)]


async def test_whatever_is_not_signed_right_starts_nothing(
    client: httpx.AsyncClient, ada: Person, postgres: Postgres
) -> None:
    card = await make_card(postgres, ada.user_id)
    made = await ada.post(f"/workflows/{card.workflow_id}/hooks", status=201)
    secret, body = made["secret"], b"{}"
    good = signed(secret, "d1", body)
    tries: list[tuple[str, bytes, dict[str, str]]] = [
        (made["path"], body, {}),
        (made["path"], b'{"other": 1}', good),
        (made["path"], body, good | {"coco-delivery": "d2"}),
        (made["path"], body, good | {"coco-timestamp": str(int(time.time()) + 1)}),
        (made["path"], body, good | {"coco-signature": "sha256=" + "0" * 64}),
        (made["path"], body, signed("another", "d1", body)),
        (made["path"], body, signed(secret, "d1", body, at=time.time() - 301)),
        (made["path"], body, signed(secret, "d1", body, at=time.time() + 900)),
        (made["path"], body, signed(secret, "", body)),
        (f"/hooks/{uuid4()}", body, good),
    ]
    told = set()
    for path, content, headers in tries:
        response = await client.post(path, content=content, headers=headers)
        assert response.status_code == 401, headers
        told.add(response.json()["error"]["message"])
    assert len(told) == 1
    assert runs_of(postgres) == 1


async def test_a_copied_delivery_is_not_taken_for_another_by_moving_where_its_id_ends(
    client: httpx.AsyncClient, ada: Person, postgres: Postgres
) -> None:
    """What is signed is time, id and body with dots between: a part of the body must not pass as a part of the id."""
    card = await make_card(postgres, ada.user_id)
    made = await ada.post(f"/workflows/{card.workflow_id}/hooks", status=201)
    body = b'{"score":1.5}'
    good = signed(made["secret"], "d1", body)
    assert (await client.post(made["path"], content=body, headers=good)).status_code == 202
    moved = good | {"coco-delivery": 'd1.{"score":1'}
    response = await client.post(made["path"], content=b"5}", headers=moved)
    assert response.status_code == 401
    assert runs_of(postgres) == 2


async def test_another_secret_and_a_disabled_webhook(
    client: httpx.AsyncClient, ada: Person, eve: Person, postgres: Postgres
) -> None:
    card = await make_card(postgres, ada.user_id)
    made = await ada.post(f"/workflows/{card.workflow_id}/hooks", status=201)
    path = f"/workflow-hooks/{made['id']}"
    assert code(await eve.call("POST", f"{path}/rotate")) == "not_found"
    fresh = await ada.post(f"{path}/rotate")
    assert fresh["secret"] != made["secret"]
    old = await client.post(made["path"], content=b"", headers=signed(made["secret"], "d1", b""))
    assert old.status_code == 401
    new = await client.post(made["path"], content=b"", headers=signed(fresh["secret"], "d1", b""))
    assert new.status_code == 202
    await ada.post(f"{path}/disable")
    gone = await client.post(made["path"], content=b"", headers=signed(fresh["secret"], "d2", b""))
    assert gone.status_code == 401
    assert code(await ada.call("POST", f"{path}/rotate")) == "conflict"
    assert runs_of(postgres) == 2


async def test_a_webhook_starts_only_so_many(client: httpx.AsyncClient, ada: Person, postgres: Postgres) -> None:
    card = await make_card(postgres, ada.user_id)
    made = await ada.post(f"/workflows/{card.workflow_id}/hooks", status=201)
    statuses = []
    for number in range(62):
        headers = signed(made["secret"], f"d{number}", b"")
        statuses.append((await client.post(made["path"], content=b"", headers=headers)).status_code)
    assert statuses.count(202) == 60
    assert statuses[60:] == [503, 503]
