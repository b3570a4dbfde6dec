"""The tables. Every one but the migration's own carries `user_id` and is kept apart by row-level security.

Which process may write which table is a matter of database roles, not of good behaviour: see `store.roles`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Identity, Index, LargeBinary, Text
from sqlalchemy import DateTime as SaDateTime
from sqlalchemy import text as sa_text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel, UniqueConstraint


def utc_now() -> datetime:
    return datetime.now(UTC)


def _time(*, nullable: bool = False, index: bool = False) -> Any:
    return Column(SaDateTime(timezone=True), nullable=nullable, index=index)


def _json(*, nullable: bool = False) -> Any:
    return Column(JSONB(none_as_null=True), nullable=nullable)


class User(SQLModel, table=True):
    """A person with an account."""

    __tablename__ = "users"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    """Lower case."""
    name: str = ""
    password_hash: str
    """argon2id."""
    is_operator: bool = False
    tier: str = "free"
    """coco.tiers.Tier"""
    region: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    """The region it lives in: its database's (store.region); empty where there are none."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Session(SQLModel, table=True):
    """A sign-in. Its refresh token is kept as SHA-256 only, and is replaced at every use."""

    __tablename__ = "sessions"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    refresh_sha256: str = Field(unique=True)
    previous_sha256: str | None = Field(default=None, index=True)
    """The token before: its use again means theft and ends the session."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    expires_at: datetime = Field(sa_column=_time())
    revoked_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class UserKey(SQLModel, table=True):
    """A user's keys, wrapped with the deployment's master key: `payload` for Temporal, `keystore` for the sandbox."""

    __tablename__ = "user_keys"
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    purpose: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Team(SQLModel, table=True):
    """People who share workflows. Every write to teams and memberships is a function of the database's."""

    __tablename__ = "teams"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    created_by: UUID = Field(foreign_key="users.id", index=True)


class TeamMember(SQLModel, table=True):
    """That somebody is, or was, in a team. Who comes back has another row."""

    __tablename__ = "team_members"
    __table_args__ = (
        Index("ix_team_members_now", "team_id", "user_id", unique=True, postgresql_where=sa_text("left_at IS NULL")),
    )
    team_id: UUID = Field(foreign_key="teams.id", primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", primary_key=True, index=True)
    joined_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(SaDateTime(timezone=True), primary_key=True, nullable=False)
    )
    role: str
    """coco.teams.Role"""
    left_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """Set once they left or were removed: from then on they are in it no more."""
    invited_by: UUID | None = None
    """None for who made the team."""


class TeamInvitation(SQLModel, table=True):
    """An address that was asked into a team. Its token is kept as SHA-256 only, and no role reads even that."""

    __tablename__ = "team_invitations"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    team_id: UUID = Field(foreign_key="teams.id", index=True)
    email: str = Field(sa_column=Column(Text, nullable=False, index=True))
    """Lower case."""
    role: str
    token_sha256: str = Field(unique=True)
    invited_by: UUID = Field(foreign_key="users.id", index=True)
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    expires_at: datetime = Field(sa_column=_time())
    accepted_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    revoked_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class TeamShare(SQLModel, table=True):
    """From when to when a workflow was shared with a team. Kept by the database's functions alone."""

    __tablename__ = "team_shares"
    __table_args__ = (
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        Index("ix_team_shares_now", "workflow_id", unique=True, postgresql_where=sa_text("ended_at IS NULL")),
    )
    workflow_id: UUID = Field(primary_key=True)
    shared_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(SaDateTime(timezone=True), primary_key=True, nullable=False)
    )
    user_id: UUID = Field(index=True)
    """Whose the workflow is."""
    team_id: UUID = Field(foreign_key="teams.id", index=True)
    ended_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class Connection(SQLModel, table=True):
    """A provider account. Holds no credential: that is sealed to the user's sandbox."""

    __tablename__ = "connections"
    __table_args__ = (UniqueConstraint("id", "user_id"),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    connector: str
    title: str
    state: str = "active"
    """checking | active | read_only | needs_reconnection | revoked"""
    base_url: str
    """`http(s)://host[:port][/prefix]`, or `smtp(s)://host:port`."""
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    scopes: list[str] = Field(default_factory=list, sa_column=_json())
    """What was granted, by the provider's names. An operation that needs another one is refused."""
    method: str = "key"
    """key | oauth | team: where its credential comes from."""
    team: str | None = None
    """For `team`: whose credential the operator has configured."""
    reason: str = ""
    """Why it is in this state, in a person's words; empty where nothing is wrong."""
    credential_set_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """When the credential that is in use was kept."""
    credential_expires_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """For `oauth`: when the access token ends and is refreshed."""
    reminded_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """When its owner was last reminded of an old key."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    last_used_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    broken_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """Since when it needs reconnection or is revoked."""
    purge_owed_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """Revoked, and what was read through it is not certainly gone from everywhere yet."""
    purged_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class SealedCredential(SQLModel, table=True):
    """A credential sealed to the user's sandbox (NaCl sealed box); nobody else can open it."""

    __tablename__ = "sealed_credentials"
    __table_args__ = (ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    connection_id: UUID = Field(index=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    fingerprint: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """coco.sealing.fingerprint: by it the gateway knows the connection's own credential from any other."""
    refresh_fingerprint: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """Of the refresh token, for `oauth`."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class CredentialAttempt(SQLModel, table=True):
    """A credential that was given and is not kept before the provider has accepted it. Ended, it holds nothing."""

    __tablename__ = "credential_attempts"
    __table_args__ = (
        ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        CheckConstraint("state = 'pending' OR (sealed IS NULL AND fingerprint IS NULL)", name="ended_holds_nothing"),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    connection_id: UUID = Field(index=True)
    kind: str
    """key | code (of an authorization, to be exchanged for tokens) | team | test (of what is in use)"""
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    fingerprint: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """Of what is sealed."""
    scopes: list[str] = Field(default_factory=list, sa_column=_json())
    """What it was asked for, or is said to have."""
    read_only: bool = False
    """What the connection becomes where it works."""
    state: str = "pending"
    """pending | works | unchecked | refused | scopes_missing | unreachable | expired"""
    reason: str = ""
    """Why it was not kept, in a person's words."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    finished_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class OAuthFlow(SQLModel, table=True):
    """A sign-in at a provider that is under way, bound to the session that began it."""

    __tablename__ = "oauth_flows"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    session_id: UUID
    state_sha256: str = Field(unique=True)
    verifier: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """PKCE's, wrapped by the master key."""
    redirect_uri: str
    connection_id: UUID | None = None
    """The connection to connect again; none where it makes a new one."""
    connector: str
    title: str = ""
    base_url: str = ""
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    scopes: list[str] = Field(default_factory=list, sa_column=_json())
    read_only: bool = False
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    expires_at: datetime = Field(sa_column=_time())
    used_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class Workflow(SQLModel, table=True):
    """What a user set up: a playbook, its parameters, its trust level."""

    __tablename__ = "workflows"
    __table_args__ = (UniqueConstraint("id", "user_id"),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    title: str
    playbook: str
    params: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    connections: list[str] = Field(default_factory=list, sa_column=_json())
    """Ids of the connections it may use."""
    trust_level: str = "approve_each"
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    archived_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    team_id: UUID | None = Field(default=None, foreign_key="teams.id", index=True)
    """The team that it is shared with; none where it is its person's alone."""


class Run(SQLModel, table=True):
    """One execution of a workflow."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    workflow_id: UUID = Field(index=True)
    goal: str = ""
    state: str = "starting"
    """starting | planning | asking | waiting | working | attention | paused | needs_reconnection | done | cancelled |
    failed"""
    reason: str = ""
    """Why it is in this state, in a person's words."""
    card: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """The plan card's fixed part (coco.plans.PlanCard)."""
    revision: int = 0
    """How many plans were accepted."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time(index=True))
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    finished_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    cancel_requested_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    paused_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """Its owner has paused it: none of its actions begins."""
    replan: bool = False
    """What it had planned was removed with a connection's data, so that it is planned again."""
    trimmed_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """Its contents were past their time, and were removed."""
    requested_by: UUID | None = None
    """Who started it, where that is not the person whose run it is."""


class PlanDraftRow(SQLModel, table=True):
    """A plan as the sandbox handed it in; nothing in it is believed before the control side has checked it."""

    __tablename__ = "plan_drafts"
    __table_args__ = (ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),)
    run_id: UUID = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    body: dict[str, Any] = Field(sa_column=_json())
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class QuestionRow(SQLModel, table=True):
    """A clarifying question of a run, and its answer."""

    __tablename__ = "questions"
    __table_args__ = (
        UniqueConstraint("run_id", "key"),
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    run_id: UUID
    key: str
    text: str
    options: list[str] = Field(default_factory=list, sa_column=_json())
    asked_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    answer: str | None = None
    answered_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class ReadRow(SQLModel, table=True):
    """A read the gateway carried and attests: the request, the response, the time."""

    __tablename__ = "reads"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    run_id: UUID = Field(index=True)
    connection_id: UUID = Field(index=True)
    request: dict[str, Any] = Field(sa_column=_json())
    request_digest: str
    response: dict[str, Any] = Field(sa_column=_json())
    response_digest: str
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class ActionRow(SQLModel, table=True):
    """A proposed action and where it stands. `body` never changes: an edit is another row."""

    __tablename__ = "actions"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        UniqueConstraint("run_id", "key", "version"),
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        Index("ix_actions_user_state", "user_id", "state"),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    """Also the approval id: every action has its own."""
    user_id: UUID
    run_id: UUID = Field(index=True)
    workflow_id: UUID
    connection_id: UUID
    key: str
    """The proposal's key; versions of one proposal share it."""
    version: int = 1
    position: int = 0
    supersedes: UUID | None = None
    origin: str = "plan"
    """plan | edit | drift | undo | follow_up: where this version came from."""
    operation: str
    arguments: dict[str, Any] = Field(sa_column=_json())
    body: dict[str, Any] = Field(sa_column=_json())
    """The action (coco.actions.Action)."""
    digest: str
    prior_read_id: UUID | None = None
    why: str = ""
    shown_before: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """For origin drift: the prior value that the earlier card showed (the first of the three values)."""
    state: str = "pending"
    outcome: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """What the log keeps of the result, or why there is none."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class DecisionRow(SQLModel, table=True):
    """What a person said. Written by the API role alone."""

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("action_id", "stage"),
        ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    run_id: UUID = Field(index=True)
    action_id: UUID
    verdict: str
    stage: str
    """`gate` for approve, reject and edit; `settle` for happened and did_not_happen: one of each per action."""
    digest: str
    """The digest of the action as it was shown."""
    reason: str = ""
    by_id: UUID | None = None
    """Who of a team decided, where that was not whose action it is."""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class GrantRow(SQLModel, table=True):
    """A minted grant. Inserted by the control role, marked spent by the gateway role."""

    __tablename__ = "grants"
    __table_args__ = (
        ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        CheckConstraint("(decision_id IS NULL) <> (guardrail_id IS NULL)", name="granted_by_one"),
    )
    jti: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    run_id: UUID
    action_id: UUID = Field(index=True)
    digest: str
    prior_digest: str
    decision_id: UUID | None = Field(default=None, foreign_key="decisions.id")
    guardrail_id: UUID | None = None
    guardrail_version: int | None = None
    credits: int
    issued_at: datetime = Field(sa_column=_time())
    expires_at: datetime = Field(sa_column=_time())
    spent_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class EffectRow(SQLModel, table=True):
    """What became of an action's one sending. The unspent-to-spent step and this row are the at-most-once record."""

    __tablename__ = "effects"
    __table_args__ = (ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),)
    action_id: UUID = Field(primary_key=True)
    """One effect per action, whatever number of grants were minted for it."""
    user_id: UUID = Field(index=True)
    jti: UUID = Field(foreign_key="grants.jti")
    state: str = "sending"
    """sending | done | failed | unknown | turned_away: it certainly did not take effect and may be sent again"""
    request_digest: str
    response: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    started_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    finished_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class DriftRow(SQLModel, table=True):
    """A comparison that failed: the record's value just before the sending that did not take place."""

    __tablename__ = "drifts"
    __table_args__ = (ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),)
    action_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    read_id: UUID = Field(foreign_key="reads.id")
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Refusal(SQLModel, table=True):
    """A request that the gateway refused."""

    __tablename__ = "refusals"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    front: str
    """egress | temporal"""
    code: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Wakeup(SQLModel, table=True):
    """The outbox: a signal that a run is owed. Sent again until Temporal has acknowledged it."""

    __tablename__ = "wakeups"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    run_id: UUID
    kind: str
    """start | wake"""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    next_attempt_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    attempts: int = 0
    delivered_at: datetime | None = Field(default=None, sa_column=_time(nullable=True, index=True))


class AuditRow(SQLModel, table=True):
    """An audit entry; append-only and hash-chained per user (coco.audit)."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_action", "action_id"),
        Index("ix_audit_once", "user_id", "kind", "action_id", unique=True, postgresql_where=sa_text("once")),
    )
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    at: datetime = Field(sa_column=_time())
    kind: str
    actor: str
    run_id: UUID | None = None
    action_id: UUID | None = None
    body: dict[str, Any] = Field(sa_column=_json())
    prev_hash: str
    hash: str
    once: bool = False
    """True where at most one entry of this kind may exist for the action (its result)."""


class AuditUnsigned(SQLModel, table=True):
    """That a user's chain has entries which no checkpoint covers yet. Written by the audit table's own trigger."""

    __tablename__ = "audit_unsigned"
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    since: datetime = Field(sa_column=_time())
    entries: int = Field(sa_column=Column(BigInteger, nullable=False))
    wanted: bool = False
    """Somebody waits for it: an export was begun."""
    problem: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why the chain was not signed."""


class AuditCheckpoint(SQLModel, table=True):
    """A signed statement about a chain (coco.audit_checkpoints); append-only, written by the control role."""

    __tablename__ = "audit_checkpoints"
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=_time())
    reason: str = Field(sa_column=Column(Text, nullable=False))
    """schedule | export"""
    deployment: str = Field(sa_column=Column(Text, nullable=False))
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    public_key: str = Field(sa_column=Column(Text, nullable=False))
    signature: str = Field(sa_column=Column(Text, nullable=False))


class CreditAccount(SQLModel, table=True):
    """A user's balance, kept by the database from the ledger's postings; the checks keep it at zero or above."""

    __tablename__ = "credit_accounts"
    __table_args__ = (
        CheckConstraint("balance >= 0", name="balance_not_negative"),
        CheckConstraint("reserved >= 0 AND reserved <= balance", name="reserved_within_balance"),
    )
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    balance: int = 0
    reserved: int = 0


class LedgerTransaction(SQLModel, table=True):
    """One movement of credits. Append-only; what it is for makes a repeated one the same one."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        UniqueConstraint("user_id", "kind", "ref"),
        UniqueConstraint("id", "user_id"),
        Index("ix_ledger_newest", "user_id", "at", "id"),
        Index("ix_ledger_closed_once", "user_id", "ref", unique=True,
              postgresql_where=sa_text("kind IN ('settle', 'release')")),
    )  # fmt: skip
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id")
    kind: str
    """coco.credits.LedgerKind"""
    ref: str
    """What it is for: an action's id, or the reference of a top-up."""
    workflow_id: UUID | None = None
    run_id: UUID | None = None
    items: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())
    """The amount itemised: [{"item": text, "credits": int}]."""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class LedgerPosting(SQLModel, table=True):
    """What a transaction does to one account; the postings of a transaction sum to zero."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        ForeignKeyConstraint(["transaction_id", "user_id"], ["ledger_transactions.id", "ledger_transactions.user_id"]),
        CheckConstraint("amount <> 0", name="moves_something"),
        CheckConstraint("account IN ('issued', 'available', 'reserved', 'used')", name="known_account"),
    )
    transaction_id: UUID = Field(primary_key=True)
    account: str = Field(primary_key=True)
    """coco.credits.LedgerAccount"""
    user_id: UUID = Field(index=True)
    amount: int


class CreditBudget(SQLModel, table=True):
    """The most that a workflow, or everything of a user, may use in a period."""

    __tablename__ = "credit_budgets"
    __table_args__ = (
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        Index("ix_one_budget", "user_id", "workflow_id", "period", unique=True, postgresql_nulls_not_distinct=True),
        CheckConstraint("credits >= 0", name="budget_not_negative"),
        CheckConstraint("period IN ('day', 'month', 'ever')", name="known_period"),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    workflow_id: UUID | None = None
    """None for all workflows of the user together."""
    period: str
    """coco.credits.Period"""
    credits: int


class Event(SQLModel, table=True):
    """Something a watching page wants to know; the WebSocket feed reads these."""

    __tablename__ = "events"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    user_id: UUID = Field(foreign_key="users.id", index=True)
    run_id: UUID | None = Field(default=None, index=True)
    kind: str
    body: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class SandboxRow(SQLModel, table=True):
    """A user's sandbox: what is wanted of it, and the SHA-256 of its current bearer token."""

    __tablename__ = "sandboxes"
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    state: str = "stopped"
    """stopped | wanted | running"""
    token_sha256: str | None = None
    """Of the current start; replaced at each."""
    generation: int = 0
    public_key: str | None = None
    """The sandbox's public key for sealing credentials (hex)."""
    last_active_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    hosts: list[str] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=sa_text("'[]'::jsonb"))
    )
    """Those of the region's hosts on which it has a volume; none where no hosts are named."""


class GuardrailRow(SQLModel, table=True):
    """One version of a rule of one workflow. Everything but its state is fixed: a change is another version."""

    __tablename__ = "guardrails"
    __table_args__ = (
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        Index("ix_guardrails_confirmed", "id", unique=True, postgresql_where=sa_text("state = 'confirmed'")),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    version: int = Field(default=1, primary_key=True)
    user_id: UUID = Field(index=True)
    workflow_id: UUID = Field(index=True)
    sentence: str
    """As the owner wrote it."""
    form: dict[str, Any] = Field(sa_column=_json())
    """coco.guardrails.form.Form: all that evaluation looks at."""
    reading: str
    """Canonical English made from the form alone: what the owner confirms."""
    predicate: str
    """The conditions as CEL, for people who check."""
    shown: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """What was shown with it: examples, what it does not cover, findings, the comparison with the version before."""
    proposed_by: str | None = None
    """None, or the language model that proposed the form."""
    state: str = "proposed"
    """proposed | confirmed | retired"""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    confirmed_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    retired_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class TrustSettings(SQLModel, table=True):
    """How a workflow may be trusted; a workflow without a row has the defaults."""

    __tablename__ = "trust_settings"
    __table_args__ = (ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),)
    workflow_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    runs_needed: int = 3
    """Approved runs before it may be graduated."""
    review_percent: int = 20
    """Share of what ran alone that is put before the owner afterwards."""
    reserved_operations: list[str] = Field(default_factory=list, sa_column=_json())
    """Connector operations that always wait for a person, whatever a guardrail covers."""
    model_text_alone: bool = False
    """Whether what a language model may have written runs alone where a guardrail covers it."""
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Lease(SQLModel, table=True):
    """The time and the budgets for which a workflow may run alone. Its end lowers the trust level with it."""

    __tablename__ = "leases"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        Index("ix_leases_active", "workflow_id", unique=True, postgresql_where=sa_text("state = 'active'")),
        CheckConstraint("actions_used <= actions_budget AND credits_used <= credits_budget", name="within_budget"),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    workflow_id: UUID = Field(index=True)
    granted_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    expires_at: datetime = Field(sa_column=_time())
    actions_budget: int
    credits_budget: int
    actions_used: int = 0
    """Counted by the database itself when a grant is minted."""
    credits_used: int = 0
    profile: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """What it was graduated on (coco.trust.Profile)."""
    state: str = "active"
    """active | ended"""
    ended_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    ended_reason: str = ""


class EvaluationRow(SQLModel, table=True):
    """One verdict of one guardrail version on one action, with all that it was taken on. Append-only."""

    __tablename__ = "evaluations"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        ForeignKeyConstraint(["guardrail_id", "guardrail_version"], ["guardrails.id", "guardrails.version"]),
        ForeignKeyConstraint(["lease_id", "user_id"], ["leases.id", "leases.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    action_id: UUID = Field(index=True)
    digest: str
    """The action's."""
    guardrail_id: UUID
    guardrail_version: int
    lease_id: UUID
    """Ending the lease voids the verdict."""
    verdict: str
    """covered | held"""
    facts: dict[str, Any] = Field(sa_column=_json())
    """The record as it was judged: fact names to plain JSON, `now` and `usage.*` included."""
    reads: list[dict[str, Any]] = Field(default_factory=list, sa_column=_json())
    """The gateway's attested reads behind the facts: [{"read", "request_digest", "response_digest", "at"}]."""
    why: dict[str, Any] = Field(sa_column=_json())
    """{"text": …, "clauses": [{"text", "held", "facts"}]}"""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Notice(SQLModel, table=True):
    """Notify first: the action runs at `not_before` unless its owner has rejected it by then."""

    __tablename__ = "notices"
    __table_args__ = (
        ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        ForeignKeyConstraint(["guardrail_id", "guardrail_version"], ["guardrails.id", "guardrails.version"]),
    )
    action_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    guardrail_id: UUID
    guardrail_version: int
    run_when_offline: bool
    """The rule says that it runs even where nobody has seen the notice."""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())
    not_before: datetime = Field(sa_column=_time())
    seen_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """When the owner's page or client said that the notice was seen."""


class Review(SQLModel, table=True):
    """What the owner said afterwards of an action that ran alone."""

    __tablename__ = "reviews"
    __table_args__ = (ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),)
    action_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    verdict: str
    """ok | reject | undo"""
    reason: str = ""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class ScheduleRow(SQLModel, table=True):
    """When a workflow runs by itself. `revision` beyond `applied_revision` is what Temporal is owed."""

    __tablename__ = "schedules"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        Index("ix_schedules_owed", "id", postgresql_where=sa_text("revision > applied_revision")),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    workflow_id: UUID = Field(index=True)
    sentence: str
    """As the owner wrote it: "every weekday at 8:00 Europe/Berlin"."""
    plan: dict[str, Any] = Field(sa_column=_json())
    """coco.schedules.Plan"""
    catch_up_seconds: int = 3600
    """How late a missed start is still made up for."""
    jitter_seconds: int = 0
    state: str = "active"
    """active | paused | deleted"""
    note: str = ""
    """Why it is paused, in the owner's words."""
    revision: int = 1
    applied_revision: int = 0
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Hook(SQLModel, table=True):
    """A webhook that starts runs of a workflow. Its secret is derived from the master key, and kept nowhere."""

    __tablename__ = "hooks"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    workflow_id: UUID = Field(index=True)
    generation: int = 1
    """Raised to replace the secret."""
    state: str = "active"
    """active | disabled"""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class HookCall(SQLModel, table=True):
    """A delivery that a hook accepted, so that the same one starts nothing again."""

    __tablename__ = "hook_calls"
    __table_args__ = (ForeignKeyConstraint(["hook_id", "user_id"], ["hooks.id", "hooks.user_id"]),)
    hook_id: UUID = Field(primary_key=True)
    delivery: str = Field(primary_key=True)
    """SHA-256 of the delivery's signature."""
    user_id: UUID = Field(index=True)
    run_id: UUID
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class CallRow(SQLModel, table=True):
    """One request that the gateway carried to a provider, or tried to. Holds nothing of what it was about."""

    __tablename__ = "calls"
    __table_args__ = (
        ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        Index("ix_calls_newest", "user_id", "connection_id", "id"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    user_id: UUID
    connection_id: UUID
    run_id: UUID | None = None
    action_id: UUID | None = None
    kind: str
    """read | prior (a record's value just before an action, or just after one) | send | check"""
    operation: str
    """The manifest's."""
    method: str
    path: str
    """The manifest's template: a path itself could name what was read."""
    status: int | None = None
    """The provider's; none where it gave none."""
    outcome: str
    """answered | done | failed | unknown | turned_away | throttled | no_answer | refused | dropped"""
    milliseconds: int
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Pace(SQLModel, table=True):
    """How fast one connection may be asked, for all runs and every gateway together."""

    __tablename__ = "paces"
    __table_args__ = (ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),)
    connection_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    level: float
    """What is left in the bucket, in requests, at `at`."""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())
    blocked_until: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    reason: str = ""
    """throttled | failing: why it waits."""
    failures: int = 0
    """Answers in a row that were none: timeouts, 5xx, and refusals for coming too fast."""


class DigestRow(SQLModel, table=True):
    """One account of what a run did alone and what it left to its owner; written anew while the run goes on."""

    __tablename__ = "digests"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        Index("ix_digests_newest", "user_id", "at", "run_id"),
    )
    run_id: UUID = Field(primary_key=True)
    user_id: UUID
    workflow_id: UUID
    body: dict[str, Any] = Field(sa_column=_json())
    """coco.digests.Digest"""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())
    """When it last changed."""
    seen_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class UndoRow(SQLModel, table=True):
    """The run in which what an action did is taken back (its own, or one for its whole run), or in which what it sent
    is followed by another message. Append-only; where the newest came to nothing, another may be added."""

    __tablename__ = "undos"
    __table_args__ = (
        ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        CheckConstraint("kind IN ('undo', 'follow_up')", name="undos_kind_check"),
    )
    action_id: UUID = Field(primary_key=True)
    """The action that is taken back, or followed."""
    run_id: UUID = Field(primary_key=True, index=True)
    user_id: UUID = Field(index=True)
    kind: str
    """undo | follow_up"""
    at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Erasure(SQLModel, table=True):
    """That an account is being deleted, or was. From its commit on nothing new is kept of the account."""

    __tablename__ = "erasures"
    __table_args__ = (CheckConstraint("asked_by IN ('user', 'operator')", name="known_asker"),)
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    asked_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    asked_by: str = Field(sa_column=Column(Text, nullable=False))
    """user | operator"""
    step: str = Field(default="asked", sa_column=Column(Text, nullable=False))
    """asked | runs | sandbox | keys | rows | audit | done: which was begun last."""
    finished_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    to_tell: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=sa_text("'[]'::jsonb"))
    )
    """What it changed for others in teams, and is not on their chains yet: `team`, `person`, `role`, and `becomes`
    where they are in the team still."""


class RetentionSettings(SQLModel, table=True):
    """How many days a user keeps what (coco.retention): 0 until the account is deleted, none as the installation does.

    Without a row, all as the installation does.
    """

    __tablename__ = "retention_settings"
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    reads_days: int | None = None
    runs_days: int | None = None
    events_days: int | None = None
    audit_days: int | None = None
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class ApprovalRuleRow(SQLModel, table=True):
    """What approving an action of a workflow takes (coco.approvals.ApprovalRule); the newest version is in force."""

    __tablename__ = "approval_rules"
    __table_args__ = (
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        CheckConstraint("people IN (1, 2)", name="one_or_two_people"),
        CheckConstraint("role IN ('approver', 'admin')", name="a_role_to_ask_for"),
    )
    workflow_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    """Whose the workflow is."""
    people: int
    role: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    not_requester: bool
    set_by: UUID
    at: datetime = Field(default_factory=utc_now, sa_column=_time())
    """The database's clock, whatever was given."""


class ApprovalRow(SQLModel, table=True):
    """One person's yes to one action, where a rule asks for more than the owner's decision. Written by that person."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("action_id", "person_id"),
        UniqueConstraint("action_id", "counts_for"),
        ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    """Whose the action is."""
    run_id: UUID = Field(index=True)
    action_id: UUID
    digest: str = Field(sa_column=Column(Text, nullable=False))
    person_id: UUID = Field(index=True)
    counts_for: UUID
    """The person, or who delegated to them."""
    delegation_id: UUID | None = None
    at: datetime = Field(default_factory=utc_now, sa_column=_time())
    """The database's clock, whatever was given."""


class DelegationRow(SQLModel, table=True):
    """`to_id` may decide where `user_id` may in a team, for a time of at most 90 days."""

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("to_id <> user_id", name="to_somebody_else"),
        CheckConstraint("ends_at > starts_at AND ends_at <= starts_at + interval '90 days'", name="it_ends"),
    )
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    to_id: UUID = Field(index=True)
    team_id: UUID = Field(foreign_key="teams.id", index=True)
    workflows: list[str] | None = Field(default=None, sa_column=_json(nullable=True))
    """Ids of shared workflows; None for all of the team's."""
    starts_at: datetime = Field(sa_column=_time())
    ends_at: datetime = Field(sa_column=_time())
    withdrawn_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
