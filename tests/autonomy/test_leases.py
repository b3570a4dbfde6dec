"""The end of a lease, and what data it was given on."""

from __future__ import annotations

from coco.trust import Profile, profile_of, unlike
from tests.autonomy.test_the_database_holds_it import scene_of
from tests.conftest import Postgres
from workers.leases import LeaseKeeper


async def test_an_expired_lease_ends_where_no_run_would_notice(postgres: Postgres) -> None:
    over, running = await scene_of(postgres), await scene_of(postgres, "eve@example.com")
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE leases DISABLE TRIGGER check_lease")
        owner.execute("UPDATE leases SET expires_at = now() - interval '1 second' WHERE id = %s", (over.lease,))
        owner.execute("ALTER TABLE leases ENABLE TRIGGER check_lease")
    keeper = LeaseKeeper(postgres.control)
    assert await keeper.end_expired() == 1
    assert await keeper.end_expired() == 0
    with postgres.connect() as owner:
        rows = owner.execute("SELECT id, state, ended_reason FROM leases").fetchall()
        levels = owner.execute("SELECT user_id, trust_level FROM workflows").fetchall()
        [(actor, reason)] = owner.execute(
            "SELECT actor, body ->> 'reason' FROM audit WHERE kind = 'workflow_taken_back'"
        ).fetchall()
    assert {row[0]: row[1:] for row in rows} == {
        over.lease: ("ended", "The lease has expired."),
        running.lease: ("active", ""),
    }
    assert dict(levels) == {over.who.id: "approve_each", running.who.id: "autonomous"}
    assert (actor, reason) == ("system", "The lease has expired.")


def mails_to(*houses: str) -> Profile:
    return profile_of({"action.operation": "email.send", "action.recipient_domains": (house,)} for house in houses)


def test_a_workflow_that_writes_to_one_house_is_not_let_write_to_another() -> None:
    elsewhere = {"action.operation": "email.send", "action.recipient_domains": ("evil.example",)}
    why = unlike(mails_to(*["acme.example"] * 4), elsewhere)
    assert why == "action.recipient_domains is evil.example; so far it was acme.example"


def test_where_each_mail_goes_to_a_new_house_a_new_one_says_nothing() -> None:
    elsewhere = {"action.operation": "email.send", "action.recipient_domains": ("d.example",)}
    assert unlike(mails_to("a.example", "b.example", "c.example"), elsewhere) is None
    assert unlike(mails_to("a.example", "b.example", "c.example"), {"action.operation": "contact.archive"}) is not None
