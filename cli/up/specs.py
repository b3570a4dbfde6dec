"""The processes that `coco up` starts, and what each gets to know.

A process gets the keys it needs and no others: the owner's password stays here, the signing key goes to the control
worker alone, and the demo workspace and Temporal's server, which are no part of Coco, get nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url

from cli import postgres
from cli.errors import Fix
from cli.places import Places, deployment_of
from cli.up import waiting
from cli.up.children import Spec
from coco.names import SEARCH_STATE, SEARCH_USER, SEARCH_WORKFLOW
from coco.operator_credentials import SECRETS
from coco.settings import Settings
from store.database import rendered

SEARCH_ATTRIBUTES = (SEARCH_USER, SEARCH_WORKFLOW, SEARCH_STATE)
"""All of type Keyword."""

_OURS = ("COCO_", "TEMPORAL_", "DATABASE_URL", "PGPASS")
_TEMPORAL_CLIENT = ("TEMPORAL_API_KEY", "TEMPORAL_PROFILE", "TEMPORAL_TLS", "TEMPORAL_GRPC_META")


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the first process starts. Ports are chosen; 0 where nothing listens."""

    settings: Settings
    places: Places
    public_port: int
    internal_port: int
    codec_port: int
    temporal_port: int
    temporal_http_port: int
    temporal_ui_port: int
    demo_port: int
    demo_smtp_port: int

    @property
    def embedded_postgres(self) -> bool:
        return self.settings.database_url is None

    @property
    def embedded_temporal(self) -> bool:
        return self.settings.temporal_address is None

    @property
    def owner_address(self) -> str:
        """With its password; for this process alone."""
        if self.settings.database_url is not None:
            return self.settings.database_url.get_secret_value()
        return postgres.address(self.places)

    @property
    def temporal_address(self) -> str:
        return self.settings.temporal_address or f"127.0.0.1:{self.temporal_port}"

    @property
    def temporal_ui_url(self) -> str | None:
        if self.settings.temporal_ui_url is not None or not self.embedded_temporal:
            return self.settings.temporal_ui_url
        return f"http://127.0.0.1:{self.temporal_ui_port}"

    @property
    def local_url(self) -> str:
        """Where this machine reaches the public app."""
        return f"http://{_reachable(self.settings.public_host)}:{self.public_port}"

    @property
    def public_host_header(self) -> str:
        """The one host name that the public app serves."""
        return urlsplit(self.settings.public_url or self.local_url).netloc

    @property
    def deployment(self) -> str:
        return deployment_of(self.settings)

    @property
    def announce(self) -> Path:
        """Where the demo workspace says where it listens."""
        return self.places.demo / "announce.json"


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def coco_env(
    plan: Plan, environment: Mapping[str, str], *, signing: bool = False, credentials: bool = False
) -> dict[str, str]:
    """The environment of a process of Coco's own. `signing`: with the grant signing key, where a file of it is set.
    `credentials`: with teams' credentials and OAuth client secrets, which are the gateway's alone."""
    left_out = {"DATABASE_URL", "PGPASSWORD", "PGPASSFILE", *(() if signing else ("COCO_GRANT_KEY_FILE",))}
    if plan.embedded_temporal:
        left_out.update(name for name in environment if name.startswith(_TEMPORAL_CLIENT))
    if not credentials:
        left_out.update(name for name in environment if SECRETS.fullmatch(name))
    env = {name: value for name, value in environment.items() if name not in left_out}
    settings = plan.settings
    env |= {
        "PYTHONUNBUFFERED": "1",
        "COCO_STATE_DIR": str(plan.places.state),
        "COCO_RUN_DIR": str(plan.places.run),
        "COCO_DEPLOYMENT": plan.deployment,
        # Without the owner's password: each process puts in its own role and that role's password.
        "DATABASE_URL": without_password(plan.owner_address),
        "TEMPORAL_ADDRESS": plan.temporal_address,
        "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "COCO_PUBLIC_PORT": str(plan.public_port),
        "COCO_INTERNAL_PORT": str(plan.internal_port),
        "COCO_CODEC_PORT": str(plan.codec_port),
    }
    if plan.embedded_temporal:
        # Else a profile of the user's own (~/.config/temporalio) would be used for the dev server.
        env["TEMPORAL_CONFIG_FILE"] = str(plan.places.temporal / "client.toml")
        env["COCO_TEMPORAL_UI_PORT"] = str(plan.temporal_ui_port)
    if plan.temporal_ui_url is not None:
        env["COCO_TEMPORAL_UI_URL"] = plan.temporal_ui_url
    return env


def other_env(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is no part of Coco."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_OURS)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def without_password(address: str) -> str:
    """A database address as processes get it."""
    url = make_url(address)
    query = {name: value for name, value in url.query.items() if name not in {"password", "passfile"}}
    return rendered(URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query))


def temporal_binary() -> Path:
    """The `temporal` program of this environment. Raises Fix."""
    path = Path(sys.executable).parent / "temporal"
    if not path.exists():
        raise Fix(f"there is no Temporal server at {path}: run `make setup`, or set TEMPORAL_ADDRESS")
    return path


def postgres_spec(plan: Plan) -> Spec:
    return Spec(
        "postgres",
        tuple(postgres.command(plan.places)),
        postgres.plain_env(),
        waiting.embedded_postgres(plan.places),
        stop_signal=signal.SIGINT,
        user=postgres.system_user(),
    )


def temporal_spec(plan: Plan) -> Spec:
    """The dev server with its database in a file; see docs/decisions/temporal-dev-database.md for the pragmas."""
    # fmt: off
    words = [
        str(temporal_binary()), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(plan.temporal_port),
        "--http-port", str(plan.temporal_http_port), "--ui-port", str(plan.temporal_ui_port),
        "--ui-codec-endpoint", f"http://127.0.0.1:{plan.codec_port}", "--ui-disable-news-fetch",
        "--db-filename", str(plan.places.temporal / "temporal.db"),
        "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=full",
        "--namespace", plan.settings.temporal_namespace, "--log-level", "warn",
    ]
    # fmt: on
    for name in SEARCH_ATTRIBUTES:
        words += ["--search-attribute", f"{name}=Keyword"]
    asked = f"http://127.0.0.1:{plan.temporal_http_port}/api/v1/namespaces/{plan.settings.temporal_namespace}"
    ready = waiting.every(
        waiting.listening(plan.temporal_port, plan.temporal_http_port, plan.temporal_ui_port),
        waiting.http(asked, below=300),
    )
    return Spec("temporal", tuple(words), other_env(os.environ), ready)


def demo_spec(plan: Plan) -> Spec:
    # fmt: off
    words = (
        sys.executable, "-m", "demo", "--port", str(plan.demo_port), "--smtp-port", str(plan.demo_smtp_port),
        "--state", str(plan.places.demo / "workspace"), "--announce", str(plan.announce),
    )
    # fmt: on
    ready = waiting.every(
        waiting.file(plan.announce),
        waiting.listening(plan.demo_port, plan.demo_smtp_port),
        waiting.http(f"http://127.0.0.1:{plan.demo_port}/"),
    )
    return Spec("demo", words, other_env(os.environ), ready)


def gateway_spec(plan: Plan) -> Spec:
    return _module(
        plan, "gateway", "sandbox.gateway", waiting.unix_socket(plan.places.run / "admin.sock"), credentials=True
    )


def control_spec(plan: Plan) -> Spec:
    return _module(plan, "control", "workers.control", waiting.line("the control worker is ready"), signing=True)


def api_spec(plan: Plan) -> Spec:
    ready = waiting.every(waiting.listening(plan.public_port), waiting.http(f"{plan.local_url}/login"))
    return _module(plan, "api", "api.public", ready)


def internal_spec(plan: Plan) -> Spec:
    host = _reachable(plan.settings.internal_host)
    ready = waiting.every(
        waiting.listening(plan.internal_port, plan.codec_port),
        waiting.http(f"http://{host}:{plan.internal_port}/health"),
        waiting.http(f"http://{host}:{plan.codec_port}/"),
    )
    return _module(plan, "internal", "api.internal", ready)


def _module(
    plan: Plan, name: str, module: str, ready: waiting.Ready, *, signing: bool = False, credentials: bool = False
) -> Spec:
    env = coco_env(plan, os.environ, signing=signing, credentials=credentials)
    return Spec(name, (sys.executable, "-m", module), env, ready)
