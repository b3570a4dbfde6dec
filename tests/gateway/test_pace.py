"""How fast a connection is asked: its provider's word and its published limit, shared by all runs and gateways."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from activities.sandbox_reader import MAX_FAILURES, patiently
from coco.errors import Later
from coco.gateway_protocol import RETRY_METADATA
from sandbox.gateway.rate_headers import DEFAULT_SECONDS, pause_asked
from store import pacing
from store.tables import ActionRow, CallRow, Pace, utc_now
from tests.conftest import Postgres
from tests.gateway.harness import BEARER, Person, Provider, Refused, Stage, a_stage, answer, contact
from tests.gateway.provider_process import ProviderProcess, Reply
from tests.gateway.test_reads import planning, reading
from tests.gateway.test_revoking import outcomes
from tests.gateway.test_sending import approved

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
CREATE = {"properties": {"email": "a@example.test"}}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {}, None),
        (404, {"retry-after": "30"}, None),
        (429, {}, DEFAULT_SECONDS),
        (429, {"retry-after": "7"}, 7),
        (429, {"Retry-After": "0.5"}, 0.5),
        (429, {"retry-after": "Fri, 27 Nov 2026 12:01:30 GMT"}, 90),
        (429, {"retry-after": "Fri, 27 Nov 2026 11:00:00 GMT"}, 0),
        (429, {"retry-after": "tomorrow", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "20"}, 20),
        (429, {"retry-after": "9" * 400}, DEFAULT_SECONDS),
        (429, {"retry-after": "Mon, 1 Jan 99999999999999999999 00:00:00 GMT"}, DEFAULT_SECONDS),
        (200, {"retry-after": "Mon, 1 Jan 2026 00:00:00 +99999999999999"}, None),
        (429, {"retry-after": "\u0661"}, DEFAULT_SECONDS),
        (429, {"retry-after": "-5"}, DEFAULT_SECONDS),
        (429, {"retry-after": "1e3"}, DEFAULT_SECONDS),
        (429, {"retry-after": "nan"}, DEFAULT_SECONDS),
        (429, {"retry-after": "30, 60"}, DEFAULT_SECONDS),
        (429, {"retry-after": ""}, DEFAULT_SECONDS),
        (429, {"retry-after": "864000"}, 864_000),
        (503, {"retry-after": "-1"}, None),
        (503, {"retry-after": "Fri, 27 Nov 2026 12:00:30 GMT"}, 30),
        (403, {"retry-after": "30"}, None),
        (503, {}, None),
        (503, {"retry-after": "120"}, 120),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH + 45)}, 45),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str((EPOCH + 45) * 1000)}, 45),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH - 45)}, None),
        (200, {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "45"}, None),
        (200, {"x-ratelimit-remaining": "0"}, None),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12),
        (200, {"ratelimit": "limit=100, remaining=0, reset=8"}, 8),
        (200, {"ratelimit": "limit=100, remaining=1, reset=8"}, None),
        (200, {"ratelimit": '"burst";r=0;t=3, "daily";r=0;t=600'}, 600),
        (200, {"ratelimit": '"burst";r=5;t=3'}, None),
        (
            200,
            {"x-hubspot-ratelimit-remaining": "0", "x-hubspot-ratelimit-interval-milliseconds": "10000"},
            10,
        ),
        (200, {"x-hubspot-ratelimit-secondly-remaining": "0"}, 1),
        (200, {"x-hubspot-ratelimit-remaining": "99", "x-hubspot-ratelimit-daily-remaining": "0"}, None),
    ],
)
def test_what_headers_say(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked(status, headers.items(), NOW) == seconds


@pytest.fixture(scope="module")
async def other_stage(module_postgres: Postgres, short_dir: Path) -> object:
    """Another gateway on the same database."""
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=3) as made:
        yield made


async def throttled(stage: Stage, provider: Provider, seconds: int) -> object:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(429, {"message": "slow down"}, f"retry-after: {seconds}\r\n")]
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert (caught.value.status, caught.value.code) == ("RESOURCE_EXHAUSTED", "throttled")
    return person, run, connection


async def test_a_throttle_holds_for_every_run_and_gateway_and_for_nobody_else(
    stage: Stage, other_stage: Stage, provider: Provider
) -> None:
    person, run, connection = await throttled(stage, provider, 3600)  # type: ignore[misc]
    provider.answers = [answer(200, contact())]
    seen = len(provider.seen)
    second = await person.run(connection)
    for which in (run, second):
        with pytest.raises(Refused) as caught:
            await person.ask("Read", reading(which, connection))
        assert caught.value.code == "throttled"
    assert other_stage.gateway is not None
    elsewhere = await other_stage.gateway.listen(person.user_id)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection), folder=elsewhere)
    assert caught.value.code == "throttled"
    assert len(provider.seen) == seen
    # Another connection of hers, and another user's at the same provider, are asked at once.
    own = await planning(person, provider)
    assert (await person.ask("Read", reading(*own)))["response"]["status"] == 200
    other = await stage.person()
    assert (await other.ask("Read", reading(*await planning(other, provider))))["response"]["status"] == 200
    # No refusal is recorded for it: the sandbox did nothing wrong.
    with stage.postgres.connect() as owner:
        count = owner.execute("SELECT count(*) FROM refusals WHERE user_id = %s", (person.user_id,)).fetchone()
    assert count == (0,)


async def test_the_caller_is_told_when_and_then_it_works(stage: Stage, provider: Provider) -> None:
    person, run, connection = await throttled(stage, provider, 1)  # type: ignore[misc]
    provider.answers = [answer(200, contact())]
    assert (await person.patiently("Read", reading(run, connection)))["response"]["status"] == 200
    assert outcomes(await person.rows(CallRow)) == [("read", 429, "throttled"), ("read", 200, "answered")]
    import grpc

    channel = person.new_channel(person.folder)
    try:
        provider.answers = [answer(429, None, "retry-after: 77\r\n")]
        call = channel.unary_unary("/coco.gateway.v1.Gateway/Read")
        import json

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(
                json.dumps(reading(run, connection)).encode(), metadata=(("authorization", f"Bearer {person.token}"),)
            )
        told = dict(caught.value.trailing_metadata() or ())
        assert 70 < float(told[RETRY_METADATA]) <= 77
    finally:
        await channel.close()


async def test_an_answer_that_leaves_nothing_holds_the_next_request(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact(), "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 3600\r\n")]
    assert (await person.ask("Read", reading(run, connection)))["response"]["status"] == 200
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == "throttled"
    assert len(provider.seen) == 1


async def test_failures_back_off_longer_each_time_and_an_answer_ends_it(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(500)]
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            await person.ask("Read", reading(run, connection))
        assert caught.value.code == "unavailable"
        with stage.postgres.connect() as owner:
            owner.execute("UPDATE paces SET blocked_until = now() WHERE connection_id = %s", (connection.id,))
    [pace] = await person.rows(Pace)
    assert (pace.failures, pace.reason) == (3, "failing")
    provider.answers = [answer(200, contact())]
    assert (await person.ask("Read", reading(run, connection)))["response"]["status"] == 200
    [pace] = await person.rows(Pace)
    assert pace.failures == 0


async def test_back_off_doubles_within_its_bounds(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    connection = await person.connect("hubspot", provider.url)
    async with stage.postgres.gateway.user(person.user_id) as session:
        await pacing.take(session, person.user_id, connection.id, None)
        for turn in range(12):
            longest = min(pacing.LONGEST_PAUSE, pacing.FIRST_PAUSE * 2**turn)
            await session.execute(Pace.__table__.update().values(blocked_until=None))  # type: ignore[attr-defined]
            wait = await pacing.failed(session, person.user_id, connection.id)
            assert longest / 2 <= wait <= longest


async def test_no_window_sees_more_than_the_published_limit(stage: Stage, provider: Provider) -> None:
    """The bucket against a clock that the test moves on, by moving the row's back."""
    from datetime import timedelta

    from sqlalchemy import text

    rate = pacing.Rate(requests=100, seconds=10)
    person = await stage.person()
    connection = await person.connect("hubspot", provider.url)
    skipped, started, taken = 0.0, time.monotonic(), []
    async with stage.postgres.gateway.user(person.user_id) as session:
        while skipped < 25:
            wait, _ = await pacing.take(session, person.user_id, connection.id, rate)
            if wait == 0:
                taken.append(skipped + time.monotonic() - started)
                continue
            skipped += max(wait, 0.05)
            await session.execute(
                text("UPDATE paces SET at = at - :s WHERE connection_id = :c"),
                {"s": timedelta(seconds=max(wait, 0.05)), "c": connection.id},
            )
    busiest = max(sum(start <= at < start + 10 for at in taken) for start in taken)
    assert rate.burst < busiest <= 101
    assert len(taken) > 150


async def test_a_429_on_a_sending_is_sent_again_where_the_provider_says_that_it_was_not_carried_out(
    stage: Stage, provider: Provider
) -> None:
    person = await stage.person()
    provider.answers = [answer(429, None, "retry-after: 1\r\n"), answer(201, {"id": "5"})]
    row, grant = await approved(person, provider, "contacts.create", CREATE)
    message = person.sending(row, grant, BEARER)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", message)
    assert caught.value.code == "throttled"
    effect = await person.effect(row)
    assert effect is not None
    assert effect.state == "turned_away"
    assert (await person.patiently("Send", message))["state"] == "done"
    assert len(provider.writes()) == 2
    assert outcomes(await person.rows(CallRow)) == [("send", 429, "throttled"), ("send", 201, "done")]


async def test_a_429_whose_meaning_nobody_documents_goes_to_a_person(
    stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from activities.connectors.hubspot import HUBSPOT

    monkeypatch.setattr(HUBSPOT, "rate_limit", None)
    person = await stage.person()
    provider.answers = [answer(429)]
    row, grant = await approved(person, provider, "contacts.create", CREATE)
    message = person.sending(row, grant, BEARER)
    assert (await person.ask("Send", message))["state"] == "unknown"
    assert (await person.ask("Send", message))["state"] == "unknown"
    assert len(provider.writes()) == 1


async def test_what_was_turned_away_goes_on_under_a_later_grant_and_only_once(stage: Stage, provider: Provider) -> None:
    from coco import grants as grant_rules
    from tests.gateway.harness import SIGNING_KEY

    person = await stage.person()
    provider.answers = [answer(429, None, "retry-after: 0\r\n"), answer(201, {"id": "5"})]
    row, grant = await approved(person, provider, "contacts.create", CREATE)
    with pytest.raises(Refused):
        await person.ask("Send", person.sending(row, grant, BEARER))
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE paces SET blocked_until = NULL WHERE user_id = %s", (person.user_id,))
        owner.execute("ALTER TABLE grants DISABLE TRIGGER spend_once")
        owner.execute(
            "UPDATE grants SET expires_at = now() - interval '1 second', issued_at = now() - interval '1 hour' "
            "WHERE action_id = %s",
            (row.id,),
        )
        owner.execute("ALTER TABLE grants ENABLE TRIGGER spend_once")
    later = await person.mint(row)
    token = grant_rules.sign(later, SIGNING_KEY)
    replies = await asyncio.gather(
        *(person.patiently("Send", person.sending(row, token, BEARER)) for _ in range(3)), return_exceptions=True
    )
    assert {reply["state"] for reply in replies if isinstance(reply, dict)} == {"done"}
    assert len(provider.writes()) == 2
    [effect] = [await person.effect(row)]
    assert effect is not None
    assert effect.jti == later.jti
    assert [item.state for item in await person.rows(ActionRow)] == ["approved"]


async def release(stage: Stage, person: Person) -> Pace:
    """Lets the pause pass; how the connection's pace stood in it."""
    [pace] = await person.rows(Pace)
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE paces SET blocked_until = now() WHERE user_id = %s", (person.user_id,))
    return pace


def held_for(pace: Pace, since: datetime) -> float:
    assert pace.blocked_until is not None
    return (pace.blocked_until - since).total_seconds()


@pytest.mark.parametrize("told", ["0", "0.0", "Fri, 27 Nov 2020 12:00:00 GMT", "0.001"])
async def test_refusals_that_ask_for_no_pause_are_asked_ever_more_slowly_until_an_answer(
    stage: Stage, told: str
) -> None:
    person = await stage.person()
    async with ProviderProcess.running() as provider:
        connection = await person.connect("hubspot", provider.url)
        run = await person.run(connection)
        target = reading(run, connection)["request"]["target"].partition("?")[0]
        await provider.on("GET", target, Reply(429, {}, {"retry-after": told}))
        for turn in range(9):
            since = utc_now()
            with pytest.raises(Refused) as caught:
                await person.ask("Read", reading(run, connection))
            assert caught.value.code == "throttled"
            least = min(pacing.LONGEST_PAUSE, pacing.FIRST_PAUSE * 2**turn)
            pace = await release(stage, person)
            assert pace.failures == turn + 1
            # Postgres' clock and this one are one machine's; the call itself takes less than the least growth there is.
            assert held_for(pace, since) >= least
            assert held_for(pace, utc_now()) <= least
        await provider.on("GET", target, Reply(200, contact()))
        assert (await person.ask("Read", reading(run, connection)))["response"]["status"] == 200
        [pace] = await person.rows(Pace)
        assert pace.failures == 0


async def test_a_sending_backs_off_as_reads_do_and_its_success_ends_it(stage: Stage) -> None:
    person = await stage.person()
    async with ProviderProcess.running() as provider:
        connection = await person.connect("hubspot", provider.url)
        run = await person.run(connection)
        row = await person.propose(run, connection, "contacts.create", CREATE)
        await person.set_run(run.id, state="waiting")
        message = person.sending(row, await person.grant(row), BEARER)
        target = row.body["request"]["target"]
        await provider.on("POST", target, Reply(429, {}, {"retry-after": "0"}))
        for turn in range(3):
            since = utc_now()
            with pytest.raises(Refused) as caught:
                await person.ask("Send", message)
            assert caught.value.code == "throttled"
            pace = await release(stage, person)
            assert pacing.FIRST_PAUSE * 2**turn <= held_for(pace, since) < 10
            assert pace.failures == turn + 1
        await provider.on("POST", target, Reply(201, {"id": "5"}))
        assert (await person.ask("Send", message))["state"] == "done"
        [pace] = await person.rows(Pace)
        assert pace.failures == 0


async def test_refusals_of_what_was_on_its_way_already_are_one(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(429, None, "retry-after: 30\r\n")]
    provider.hold.clear()
    asked = [asyncio.create_task(person.ask("Read", reading(run, connection))) for _ in range(4)]
    while len(provider.seen) < 4:
        await asyncio.sleep(0.01)
    provider.hold.set()
    for task in asked:
        with pytest.raises(Refused):
            await task
    [pace] = await person.rows(Pace)
    assert pace.failures == 1


@pytest.mark.parametrize("told", ["99999999999999", "Mon, 01 Jan 2999 00:00:00 GMT"])
async def test_no_provider_holds_a_connection_for_more_than_a_day(stage: Stage, provider: Provider, told: str) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(429, None, f"retry-after: {told}\r\n")]
    with pytest.raises(Refused):
        await person.ask("Read", reading(run, connection))
    [pace] = await person.rows(Pace)
    assert 86_000 < held_for(pace, utc_now()) <= pacing.MAX_BLOCK


async def test_a_sandbox_that_is_told_to_come_back_at_once_for_ever_gives_up() -> None:
    tries = 0

    async def at_once() -> None:
        nonlocal tries
        tries += 1
        raise Later("later", 0.0)

    with pytest.raises(Later):
        await patiently(at_once)
    assert tries == MAX_FAILURES
