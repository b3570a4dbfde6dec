"""A real gateway with real users behind it: Postgres, Temporal, sockets and tokens, and a provider that is the demo
workspace or a server that the test scripts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
from pydantic import SecretStr
from sqlalchemy import insert, select, text
from sqlmodel import col

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from coco import gateway_protocol
from coco import grants as grant_rules
from coco.actions import Action
from coco.decisions import Verdict
from coco.gateway_protocol import CODE_METADATA, Credential
from coco.grants import GrantClaims
from coco.requests import PreparedRequest, ProviderResponse
from coco.sealing import fingerprint
from coco.settings import Settings
from sandbox.gateway.service import Gateway
from store import decisions, grants, keys, runs
from store.credits import open_account
from store.sandboxes import rotate_token
from store.tables import (
    ActionRow,
    Connection,
    DriftRow,
    EffectRow,
    GrantRow,
    Run,
    SandboxRow,
    SealedCredential,
    User,
    Workflow,
    utc_now,
)
from tests.conftest import Postgres
from tests.connecting import every_scope

SIGNING_KEY = grant_rules.new_signing_key()
PUBLIC_KEY = grant_rules.public_key(SIGNING_KEY)


@dataclass
class Refused(Exception):
    """How a call was turned down."""

    status: str
    code: str
    text: str


@dataclass
class Person:
    """A user with a sandbox: its socket and its token."""

    stage: Stage
    user_id: UUID
    folder: Path
    token: str
    _channels: dict[Path, grpc.aio.Channel] = field(default_factory=dict)

    def channel(self, folder: Path | None = None) -> grpc.aio.Channel:
        folder = folder or self.folder
        if folder not in self._channels:
            self._channels[folder] = self.new_channel(folder)
        return self._channels[folder]

    @staticmethod
    def new_channel(folder: Path) -> grpc.aio.Channel:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 8 << 20)]
        options += [("grpc.max_send_message_length", 64 << 20)]
        options += [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
        return grpc.aio.insecure_channel(f"unix:{folder / 'gateway.sock'}", options=options)

    async def raw(
        self,
        path: str,
        body: bytes = b"{}",
        *,
        token: str | None = None,
        folder: Path | None = None,
        seconds: float = 30,
    ) -> bytes:
        """One call as a hostile sandbox can make it: any path, any bytes. Raises Refused."""
        used = self.token if token is None else token
        metadata = (("authorization", f"Bearer {used}"),) if used else ()
        try:
            return await self.channel(folder).unary_unary(path)(body, timeout=seconds, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            trailing = dict(error.trailing_metadata() or ())
            raise Refused(error.code().name, str(trailing.get(CODE_METADATA, "")), error.details() or "") from None

    async def ask(self, method: str, message: Any = None, **kwargs: Any) -> dict[str, Any]:
        body = message if isinstance(message, bytes) else json.dumps(message or {}).encode()
        return json.loads(await self.raw(f"/{gateway_protocol.SERVICE}/{method}", body, **kwargs))

    async def patiently(self, method: str, message: Any, tries: int = 200) -> dict[str, Any]:
        """As a sandbox does it: asks again where it is told to come back."""
        for _ in range(tries):
            try:
                return await self.ask(method, message)
            except Refused as error:
                if error.code not in {"throttled", "unavailable"}:
                    raise
                await asyncio.sleep(0.05)
        raise AssertionError("told to come back for ever")

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    # -- rows, as the API and the control side make them -------------------------------------------------------------

    async def connect(
        self,
        name: str,
        base_url: str,
        settings: dict[str, Any] | None = None,
        *,
        credential: Credential | None = None,
        **more: Any,
    ) -> ConnectionInfo:
        """With `credential` as its own; the tests' usual one of its kind where none is given."""
        own = credential or (BEARER if name == "hubspot" else PASSWORD)
        values = {"settings": settings or {}, "scopes": every_scope(name)} | more
        row = Connection(user_id=self.user_id, connector=name, title=name, base_url=base_url, **values)
        async with self.stage.postgres.api.user(self.user_id) as session:
            session.add(row)
        # As the gateway keeps it, once the provider has accepted it.
        async with self.stage.postgres.gateway.user(self.user_id) as session:
            await session.execute(
                insert(SealedCredential).values(
                    user_id=self.user_id,
                    connection_id=row.id,
                    sealed=b"-",
                    fingerprint=fingerprint(own, self.stage.postgres.master),
                    created_at=utc_now(),
                )
            )
        return ConnectionInfo(id=row.id, connector=name, title=name, settings=row.settings)

    async def run(self, *connections: ConnectionInfo, state: str = "planning") -> Run:
        workflow = Workflow(
            user_id=self.user_id,
            title="Test",
            playbook="enrich_tagged_contacts",
            params={"tag": "customer"},
            connections=[str(item.id) for item in connections],
        )
        async with self.stage.postgres.api.user(self.user_id) as session:
            session.add(workflow)
            await session.flush()
            run = await runs.create_run(session, self.user_id, workflow.id)
        await self.set_run(run.id, state=state)
        return run

    async def set_run(self, run_id: UUID, **values: Any) -> None:
        columns = ", ".join(f"{name} = :{name}" for name in values)
        async with self.stage.postgres.control.user(self.user_id) as session:
            await session.execute(text(f"UPDATE runs SET {columns} WHERE id = :id"), {"id": run_id, **values})

    async def propose(
        self,
        run: Run,
        connection: ConnectionInfo,
        operation: str,
        arguments: dict[str, Any],
        prior: ProviderResponse | None = None,
    ) -> ActionRow:
        """A pending action on a card."""
        built = connector(connection.connector).gated(operation).build(connection, arguments, prior)
        row = ActionRow(
            user_id=self.user_id,
            run_id=run.id,
            workflow_id=run.workflow_id,
            connection_id=connection.id,
            key=uuid4().hex,
            operation=operation,
            arguments=arguments,
            body=built.as_json(),
            digest=built.digest(),
        )
        async with self.stage.postgres.control.user(self.user_id) as session:
            session.add(row)
        return row

    async def approve(self, row: ActionRow) -> None:
        async with self.stage.postgres.api.user(self.user_id) as session:
            await decisions.decide(session, self.user_id, row.id, Verdict.APPROVE, row.digest)

    async def mint(self, row: ActionRow, lifetime: int = 900) -> GrantClaims:
        async with self.stage.postgres.control.user(self.user_id) as session:
            claims = await grants.mint(session, self.user_id, row.run_id, row.id, lifetime)
        assert claims is not None
        return claims

    async def grant(self, row: ActionRow, lifetime: int = 900) -> str:
        """An approved action's signed grant."""
        await self.approve(row)
        return grant_rules.sign(await self.mint(row, lifetime), SIGNING_KEY)

    def sending(self, row: ActionRow, grant: str, credential: Credential, **changed: Any) -> dict[str, Any]:
        """The message that sends an action."""
        message = {
            "grant": grant,
            "action_id": str(row.id),
            "connection_id": str(row.connection_id),
            "request": row.body["request"],
            "credential": credential.model_dump(mode="json"),
        }
        return message | changed

    async def rows(self, table: Any) -> list[Any]:
        async with self.stage.postgres.api.user(self.user_id) as session:
            return list((await session.execute(select(table).where(table.user_id == self.user_id))).scalars())

    async def effect(self, row: ActionRow) -> EffectRow | None:
        async with self.stage.postgres.api.user(self.user_id) as session:
            return await session.get(EffectRow, row.id)

    async def drift(self, row: ActionRow) -> DriftRow | None:
        async with self.stage.postgres.api.user(self.user_id) as session:
            return await session.get(DriftRow, row.id)

    async def spent(self, row: ActionRow) -> bool:
        async with self.stage.postgres.api.user(self.user_id) as session:
            found = await session.execute(select(GrantRow.spent_at).where(col(GrantRow.action_id) == row.id))
            return any(found.scalars())

    async def rotate(self) -> str:
        async with self.stage.postgres.control.user(self.user_id) as session:
            self.token = await rotate_token(session, self.user_id)
            await session.execute(text("UPDATE sandboxes SET state = 'running'"))
        return self.token


@dataclass
class Stage:
    """What a module's tests share."""

    postgres: Postgres
    settings: Settings
    run_dir: Path
    gateway: Gateway | None = None
    people: list[Person] = field(default_factory=list)

    async def person(self, *, listen: bool = True) -> Person:
        user_id = uuid4()
        async with self.postgres.api.user(user_id) as session:
            session.add(User(id=user_id, email=f"{user_id.hex}@example.test", password_hash="-"))
            await session.flush()
            await keys.make(session, user_id, self.postgres.master)
            await open_account(session, user_id)
            session.add(SandboxRow(user_id=user_id, state="stopped"))
        person = Person(self, user_id, self.run_dir / str(user_id), "")
        await person.rotate()
        if listen and self.gateway is not None:
            person.folder = await self.gateway.listen(user_id)
        self.people.append(person)
        return person


def settings_for(postgres: Postgres, folder: Path, temporal_address: str = "127.0.0.1:1", **more: Any) -> Settings:
    key = folder / "grant.pub"
    folder.mkdir(parents=True, exist_ok=True)
    key.write_text(PUBLIC_KEY)
    return Settings(
        state_dir=folder,
        DATABASE_URL=SecretStr(postgres.owner),
        master_key=SecretStr(postgres.master.text),
        grant_public_key_file=key,
        TEMPORAL_ADDRESS=temporal_address,
        **more,
    )


@contextlib.asynccontextmanager
async def a_stage(
    postgres: Postgres, folder: Path, temporal_address: str = "127.0.0.1:1", **more: Any
) -> AsyncIterator[Stage]:
    settings = settings_for(postgres, folder, temporal_address, **more)
    async with Gateway.serving(settings, postgres.gateway, postgres.master, PUBLIC_KEY) as gateway:
        stage = Stage(postgres, settings, settings.run_dir.absolute(), gateway)
        try:
            yield stage
        finally:
            for person in stage.people:
                await person.close()


# -- a provider that the test scripts ------------------------------------------------------------------------------


@dataclass
class Seen:
    """One request as it arrived, byte for byte."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


class Provider:
    """An HTTP server that notes every request and answers with the bytes it was told to."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.answers: list[bytes] = []
        """Used up in order; the last one stays."""
        self.says: Callable[[Seen], bytes] | None = None
        """In the place of `answers`, for a provider that looks at what it is asked."""
        self.hold = asyncio.Event()
        self.hold.set()
        self.arrived = asyncio.Event()
        self.url = ""

    def writes(self) -> list[Seen]:
        return [item for item in self.seen if not item.line.startswith("GET ")]

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls) -> AsyncIterator[Provider]:
        provider = cls()
        server = await asyncio.start_server(provider._serve, "127.0.0.1", 0)
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield provider
        finally:
            provider.hold.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            seen = Seen(head, b"")
            length = int(seen.headers.get("content-length", 0))
            seen.body = await reader.readexactly(length)
            self.seen.append(seen)
            self.arrived.set()
            await self.hold.wait()
            if self.says is not None:
                writer.write(self.says(seen))
                await writer.drain()
                return
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0] if self.answers else b""
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # a connection that only checked whether somebody is there
        finally:
            writer.close()


def answer(status: int, body: Any = None, headers: str = "", *, reason: str = "X") -> bytes:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n{headers}content-length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


def contact(contact_id: str = "1", **properties: str | None) -> dict[str, Any]:
    """A record as the provider tells it, with every property that the connector's reads ask for."""
    from activities.connectors.hubspot.objects import CONTACTS

    everything: dict[str, str | None] = dict.fromkeys(CONTACTS.read_along)
    everything |= {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.test", **properties}
    return {"id": contact_id, "properties": everything, "archived": False}


BEARER = Credential(scheme="bearer", secret="provider-key-1234567890")
PASSWORD = Credential(scheme="password", username="ada", secret="mail-secret-123")


def altered(request: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A request with something else in it."""
    return PreparedRequest.model_validate(request | changed).as_json()


def action_of(row: ActionRow) -> Action:
    return Action.model_validate(row.body)
