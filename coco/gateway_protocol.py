"""What the sandbox and the gateway say to each other: JSON messages over gRPC on the user's own socket.

Method names live under `SERVICE`; each takes one message and returns one, as UTF-8 JSON. Every call carries
`authorization: Bearer <token>`. A refusal is a gRPC status with the error code of `coco.errors` in its details.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from coco.model_routes import ModelChoice
from coco.plans import PlanDraft
from coco.requests import Frozen, PreparedRequest, ProviderResponse
from coco.voice import Voice

SERVICE = "coco.gateway.v1.Gateway"
SOCKET = "/run/coco/gateway.sock"
TOKEN_FILE = "/run/coco/token"  # noqa: S105  (a path)
CODE_METADATA = "coco-code"
"""Trailing metadata that carries the error code of a refusal."""
RETRY_METADATA = "coco-retry-after"
"""Trailing metadata: the seconds after which the same call may be made again."""


class Credential(Frozen):
    """A provider credential, on its way from the sandbox's memory to one request. Never stored or logged."""

    scheme: Literal["bearer", "header", "password", "signature", "none"]
    """As in the connector's manifest, which says where it goes on a request."""
    secret: Annotated[str, Field(max_length=8192, repr=False)] = ""
    username: Annotated[str, Field(max_length=320)] = ""


class AuthorizationCode(Frozen):
    """What a provider's sign-in page gave (RFC 6749, section 4.1.2), with PKCE's verifier: good for one exchange."""

    code: Annotated[str, Field(min_length=1, max_length=4096, repr=False)]
    verifier: Annotated[str, Field(min_length=43, max_length=128, repr=False)]
    redirect_uri: Annotated[str, Field(max_length=1000)]


class RefreshToken(Frozen):
    """What new access tokens are got with. Leaves the sandbox for the gateway's `Refresh` alone."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=8192, repr=False)]


class Tokens(Frozen):
    """An OAuth connection's credential, as the gateway seals it to the sandbox."""

    credential: Credential
    refresh: RefreshToken | None = None
    expires_at: datetime | None = None
    """When the access token ends; None where the provider says nothing."""


class BootRequest(Frozen):
    """`Boot`: the first call of a started sandbox."""


class BootReply(Frozen):
    """What a sandbox needs to work; lives in its memory only."""

    user_id: UUID
    namespace: str
    task_queue: str
    payload_keys: Annotated[dict[int, str], Field(repr=False)]
    """Version -> base64 of 32 bytes."""
    keystore_keys: Annotated[dict[int, str], Field(repr=False)]


class PublishKeyRequest(Frozen):
    """`PublishKey`: the sandbox's public key for sealing credentials (32 bytes, hex)."""

    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Empty(Frozen):
    """A reply that says only that it was done."""


class SealedItem(Frozen):
    id: UUID
    connection_id: UUID
    sealed: str
    """Base64."""


class PendingItem(Frozen):
    """A credential that was given and waits to be tried out, its connection's newest; or a test of what is kept."""

    id: UUID
    connection_id: UUID
    kind: Literal["key", "code", "team", "test"]
    sealed: str = ""
    """Base64 of a sealed Credential or AuthorizationCode; empty for a team's, which no sandbox sees, and for a test."""


class AskedItem(Frozen):
    """A read that the owner asked for, which waits for its connection's credential."""

    id: UUID
    connection_id: UUID


class SealedReply(Frozen):
    """`Sealed`: every sealed credential of this user, newest last, and what there is to do about others."""

    items: tuple[SealedItem, ...]
    pending: tuple[PendingItem, ...] = ()
    from_team: tuple[UUID, ...] = ()
    """Connections whose credential is the operator's: the sandbox brings none for them."""
    keystore_version: int = 0
    """The newest version of the key store's keys; `Boot` has it."""
    asked: tuple[AskedItem, ...] = ()


class KeysMovedRequest(Frozen):
    """`KeysMoved`: everything in the key store is encrypted with this version; older ones may go."""

    version: int


class CheckRequest(Frozen):
    """`Check`: tries a pending credential out by a safe call, and keeps it where the provider accepts it; or tests the
    one that is kept."""

    attempt_id: UUID
    credential: Credential


class FetchRequest(Frozen):
    """`Fetch`: has a read carried that the owner asked for. Its answer is the owner's, and not in the reply."""

    asked_id: UUID
    credential: Credential


class ExchangeRequest(Frozen):
    """`Exchange`: gets tokens for a pending authorization code, and goes on as `Check` does."""

    attempt_id: UUID
    code: AuthorizationCode


class CheckReply(Frozen):
    """What the provider's answer makes of it. `Sealed` has what was kept."""

    state: str


class RefreshRequest(Frozen):
    """`Refresh`: new tokens for an OAuth connection; `Sealed` has them then."""

    connection_id: UUID
    refresh: RefreshToken


class RunRequest(Frozen):
    """`Context`: what a run is about."""

    run_id: UUID


class ContextConnection(Frozen):
    id: UUID
    connector: str
    title: str
    state: str
    settings: dict[str, Any]


class ContextReply(Frozen):
    run_id: UUID
    playbook: str
    params: dict[str, Any]
    goal: str
    revision: int
    """The revision that the next plan will get."""
    connections: tuple[ContextConnection, ...]
    answers: dict[str, str]
    now: datetime
    models: tuple[ModelChoice, ...] = ()
    """Whom to have word its mails, in order, by the account's route; only connections that the workflow was given."""
    voice: Voice | None = None
    """How its owner writes, where they kept that."""


class ReadRequest(Frozen):
    """`Read`: a free request, carried and attested."""

    run_id: UUID
    connection_id: UUID
    request: PreparedRequest
    credential: Credential


class ReadReply(Frozen):
    read_id: UUID
    response: ProviderResponse


class SubmitPlanRequest(Frozen):
    """`SubmitPlan`: hands in a plan. The same revision may be handed in again; the first one stays."""

    run_id: UUID
    revision: int
    draft: PlanDraft


class FetchActionRequest(Frozen):
    """`FetchAction`: the exact action to perform."""

    action_id: UUID


class FetchActionReply(Frozen):
    action_id: UUID
    connection_id: UUID
    connector: str
    request: PreparedRequest


class SendRequest(Frozen):
    """`Send`: a gated request with its grant."""

    grant: Annotated[str, Field(max_length=4096, repr=False)]
    action_id: UUID
    connection_id: UUID
    request: PreparedRequest
    credential: Credential


class SendReply(Frozen):
    """What became of it. `done` and `failed` are certain; `unknown` goes to a person; `drifted` means not sent."""

    state: Literal["done", "failed", "unknown", "drifted"]
    response: ProviderResponse | None = None
