"""A voice is learned of sent messages through the real gateway, shown, kept or not; the messages are gone after."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from api.public import voicing
from api.public.app import make_parts
from api.public.parts import Parts
from coco.errors import Code, Conflict, InvalidInput, NotFound
from coco.errors import Refused as NotAllowed
from coco.gateway_protocol import Credential, RunRequest
from coco.settings import Settings
from sandbox.gateway import egress_planning
from store import portable, revoking, voices
from store.tables import AuditRow
from store.tables_asking import AskedRead, VoiceRow
from tests.connectors.examples.gmail import MESSAGE, encoded
from tests.domain.test_voice import ALL
from tests.gateway.accounts import Account
from tests.gateway.at_a_provider import person as shared
from tests.gateway.at_a_provider import process, provider, stage
from tests.gateway.harness import PASSWORD, Person, Stage
from tests.gateway.imap_server import ImapServer, Mail
from tests.gateway.provider_process import ProviderProcess, Reply

__all__ = ["process", "provider", "shared", "stage"]

MESSAGES = "/gmail/v1/users/me/messages"


@pytest.fixture(scope="module")
def parts(stage: Stage) -> Parts:
    made = make_parts(Settings(), stage.postgres.api, stage.postgres.master)
    made.check_wait_seconds = 0.0
    return made


@pytest.fixture
async def person(stage: Stage) -> Person:
    made = await stage.person()
    tier(made, "founder")
    return made


def tier(person: Person, name: str) -> None:
    with person.stage.postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = %s WHERE id = %s", (name, person.user_id))


def sent(number: str, words: str, *, labels: tuple[str, ...] = ("SENT",)) -> dict[str, Any]:
    part = {"partId": "0", "mimeType": "text/plain", "filename": "", "body": {"size": 1, "data": encoded(words)}}
    return MESSAGE | {
        "id": number,
        "labelIds": list(labels),
        "payload": {"mimeType": "multipart/mixed", "filename": "", "headers": [], "body": {"size": 0}, "parts": [part]},
    }


async def at_gmail(provider: ProviderProcess, texts: list[str], labels: tuple[str, ...] = ("SENT",)) -> None:
    ids = [{"id": f"m{number}", "threadId": "t"} for number in range(len(texts))]
    await provider.on("GET", MESSAGES, Reply(body={"messages": ids, "resultSizeEstimate": len(ids)}))
    for number, words in enumerate(texts):
        await provider.on("GET", f"{MESSAGES}/m{number}", Reply(body=sent(f"m{number}", words, labels=labels)))


async def learned(parts: Parts, person: Person, connection_id: UUID, credential: Credential) -> VoiceRow:
    """The owner asks, and their sandbox brings the key for each read, as Hermes does."""
    row = await voicing.learn(parts, person.user_id, connection_id)
    for _ in range(5):
        for item in (await person.ask("Sealed"))["asked"]:
            await person.ask("Fetch", {"asked_id": item["id"], "credential": credential.model_dump(mode="json")})
        row = await voicing.awaited(parts, person.user_id, row.id)
        if row.state != "learning":
            break
    return row


async def in_use(person: Person) -> Any:
    """As a run of theirs hears it."""
    run = await person.run()
    told = await egress_planning.context(person.stage.postgres.gateway, person.user_id, RunRequest(run_id=run.id))
    return told.voice


async def test_it_is_learned_shown_and_used_once_it_is_kept(
    parts: Parts, person: Person, provider: ProviderProcess
) -> None:
    one = await Account.at(person, "gmail", provider.url)
    await at_gmail(provider, ALL)
    row = await learned(parts, person, one.info.id, one.credential)
    assert (row.state, row.messages, row.reason) == ("shown", 3, "")
    assert row.voice is not None
    assert (row.voice["greeting"], row.voice["sign_off"]) == ("Hi", "Cheers")
    assert len(row.voice["excerpts"]) == 3
    [listing, *_] = await provider.seen()
    assert (listing.query["labelIds"], listing.query["maxResults"]) == ("SENT", "20")
    assert await person.rows(AskedRead) == []
    assert await in_use(person) is None

    with pytest.raises(InvalidInput):
        await keep(person, row.id, [7])
    kept = await keep(person, row.id, [1])
    assert kept.voice is not None
    assert kept.voice["excerpts"] == [row.voice["excerpts"][1]]
    voice = await in_use(person)
    assert (voice.greeting, len(voice.excerpts)) == ("Hi", 1)
    told = [entry for entry in await person.rows(AuditRow) if entry.kind.startswith("voice_")]
    assert sorted(entry.kind for entry in told) == ["voice_kept", "voice_learned"]
    assert all("Cheers" not in str(entry.body) for entry in told)

    # Without the tier it is not used, and stays; without its owner's wish, it goes.
    tier(person, "free")
    assert await in_use(person) is None
    async with person.stage.postgres.api.user(person.user_id) as session:
        exported = [values async for name, values in portable.rows(session, person.user_id) if name == "voices"]
        assert [values["voice"]["sign_off"] for values in exported] == ["Cheers"]
        await voices.remove(session, person.user_id, row.id)
    assert await person.rows(VoiceRow) == []


async def keep(person: Person, voice_id: UUID, excerpts: list[int]) -> VoiceRow:
    async with person.stage.postgres.api.user(person.user_id) as session:
        return await voices.keep(session, person.user_id, voice_id, excerpts)


async def test_over_imap_the_folder_for_sent_messages_is_read(parts: Parts, person: Person) -> None:
    async with ImapServer.serving() as server:
        raw = [b"Subject: x\r\n\r\n" + one.encode() for one in ALL]
        server.mailboxes = {
            "INBOX": [Mail(1, b"\r\n\r\nDear sir")],
            "Gesendet": [Mail(n + 1, r) for n, r in enumerate(raw)],
        }
        server.uses = {"Gesendet": "\\Sent"}
        info = await person.connect("imap", f"imap://127.0.0.1:{server.port}")
        row = await learned(parts, person, info.id, PASSWORD)
        assert (row.state, row.messages, row.reason) == ("shown", 3, "")
        server.uses = {}
        row = await learned(parts, person, info.id, PASSWORD)
        assert (row.state, row.voice) == ("failed", None)
        assert "no folder that it calls the one for sent messages" in row.reason


@pytest.mark.parametrize(
    ("texts", "labels", "why"),
    [
        ([], ("SENT",), "there are no sent messages"),
        (ALL[:2], ("SENT",), "fewer than 3 messages"),
        (ALL, ("INBOX",), "fewer than 3 messages"),
    ],
    ids=["none", "too few", "not sent by its owner"],
)
async def test_of_too_little_nothing_is_learned(
    parts: Parts, person: Person, provider: ProviderProcess, texts: list[str], labels: tuple[str, ...], why: str
) -> None:
    one = await Account.at(person, "gmail", provider.url)
    await at_gmail(provider, texts, labels)
    row = await learned(parts, person, one.info.id, one.credential)
    assert (row.state, row.voice) == ("failed", None)
    assert why in row.reason
    with pytest.raises(Conflict):
        await keep(person, row.id, [])


async def test_what_was_not_kept_goes_with_the_connection_and_what_was_stays(
    parts: Parts, person: Person, provider: ProviderProcess
) -> None:
    one = await Account.at(person, "gmail", provider.url)
    await at_gmail(provider, ALL)
    first = await learned(parts, person, one.info.id, one.credential)
    await keep(person, first.id, [])
    await learned(parts, person, one.info.id, one.credential)
    assert sorted(row.state for row in await person.rows(VoiceRow)) == ["kept", "shown"]
    async with person.stage.postgres.api.user(person.user_id) as session:
        await session.execute(
            text("UPDATE connections SET state = 'revoked', broken_at = now(), purge_owed_at = now() WHERE id = :c"),
            {"c": one.info.id},
        )
    async with person.stage.postgres.api.user(person.user_id) as session:
        await revoking.purge(session, person.user_id, one.info.id)
    assert [(row.id, row.state) for row in await person.rows(VoiceRow)] == [(first.id, "kept")]


async def test_with_the_account_it_is_erased(parts: Parts, person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "gmail", provider.url)
    await at_gmail(provider, ALL)
    row = await learned(parts, person, one.info.id, one.credential)
    await keep(person, row.id, [0])
    await voicing.learn(parts, person.user_id, one.info.id)
    assert len(await person.rows(VoiceRow)) == 2
    assert len(await person.rows(AskedRead)) == 1
    async with person.stage.postgres.api.user(person.user_id) as session:
        await session.execute(text("SELECT coco_begin_erasure('user')"))
    async with person.stage.postgres.control.user(person.user_id) as session:
        await session.execute(text("SELECT coco_erase_rows()"))
    assert await person.rows(VoiceRow) == await person.rows(AskedRead) == []


async def test_it_comes_with_a_tier_and_is_nobody_elses(
    parts: Parts, stage: Stage, person: Person, provider: ProviderProcess
) -> None:
    one = await Account.at(person, "gmail", provider.url)
    await at_gmail(provider, ALL)
    row = await learned(parts, person, one.info.id, one.credential)
    eve = await stage.person()
    hers = await Account.at(eve, "gmail", provider.url)
    with pytest.raises(NotAllowed, match="custom voice training comes with the Founder tier") as refused:
        await voicing.learn(parts, eve.user_id, hers.info.id)
    assert refused.value.code is Code.TIER
    tier(eve, "team")
    for call in (
        voicing.learn(parts, eve.user_id, one.info.id),
        voicing.awaited(parts, eve.user_id, row.id),
        keep(eve, row.id, []),
        _remove(eve, row.id),
    ):
        with pytest.raises(NotFound):
            await call
    for role in ("api", "gateway"):
        async with getattr(stage.postgres, role).user(eve.user_id) as session:
            assert (await session.execute(text("SELECT count(*) FROM voices"))).scalar_one() == 0
            assert await voices.in_use(session, person.user_id) is None
    for role, statement in (("gateway", "UPDATE voices SET state = 'kept'"), ("control", "SELECT * FROM voices")):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with getattr(stage.postgres, role).user(person.user_id) as session:
                await session.execute(text(statement))


async def _remove(person: Person, voice_id: UUID) -> None:
    async with person.stage.postgres.api.user(person.user_id) as session:
        await voices.remove(session, person.user_id, voice_id)
