"""Every setting, with its default and its environment variable (prefix `COCO_`, save the few that are standard)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from coco.retention import Kept


class Settings(BaseSettings):
    """Read once per process. Nothing here is logged: secrets print as stars."""

    model_config = SettingsConfigDict(env_prefix="COCO_", extra="ignore")

    state_dir: Path = Path(".coco")
    """Where the embedded default keeps its database, keys, volumes and logs."""
    database_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("DATABASE_URL"))
    """Owner's address of an existing Postgres; without it an embedded one is started."""
    master_key: SecretStr | None = None
    """Wraps every other key (32 bytes, base64 URL-safe). Made and kept in the state directory when not given."""
    grant_key_file: Path | None = None
    """PEM file of the grant signing key. Made in the state directory when not given."""
    grant_public_key_file: Path | None = None
    """PEM file of its public half: all that the gateway needs."""

    temporal_address: str | None = Field(default=None, validation_alias=AliasChoices("TEMPORAL_ADDRESS"))
    """Existing Temporal; without it a dev server is started. TLS and API key by the standard TEMPORAL_* variables."""
    temporal_namespace: str = Field(default="default", validation_alias=AliasChoices("TEMPORAL_NAMESPACE"))
    temporal_ui_url: str | None = None
    """Base address of the Temporal UI, for links from a run's page."""

    public_host: str = "127.0.0.1"
    public_port: int = 8700
    """The inbox and the REST API. The one port an edge proxy exposes."""
    public_url: str | None = None
    """How browsers reach the public app (scheme, host, port); decides secure cookies and the allowed origin."""
    internal_host: str = "127.0.0.1"
    internal_port: int = 8701
    codec_port: int = 8702
    temporal_ui_port: int = 8233

    sandbox: Literal["auto", "docker", "bubblewrap"] = "auto"
    sandbox_idle_seconds: int = 900
    """A sandbox without work for this long is stopped."""
    sandbox_memory_mb: int = 512
    sandbox_cpus: float = 1.0
    sandbox_pids: int = 128
    sandbox_tmp_mb: int = 64
    deployment: str = "local"
    """Short id of this installation, so that two on one machine never touch each other's sandboxes."""

    access_minutes: int = 15
    refresh_days: int = 30
    grant_seconds: int = 900
    request_timeout_seconds: float = 30.0
    """Longest a provider may take for one request."""
    egress_private_addresses: bool = True
    """Whether connections may lead to private and loopback addresses (the demo workspace does). Off in production."""
    retention_reads_days: int = Field(default=90, ge=0)
    """How long what providers answered is kept after a run, where a user sets nothing else; 0 keeps it."""
    retention_runs_days: int = Field(default=0, ge=0)
    """The same for the contents of runs that have ended."""
    retention_events_days: int = Field(default=30, ge=0)
    """The same for what watching pages were told."""
    retention_audit_days: int = Field(default=0, ge=0)
    """The same for the content of audit entries."""
    run_tuning: str | None = None
    """JSON of workflows.run.RunInput: how new runs time and size their work. For tests and special deployments."""
    demo: bool = True
    """Start the demo workspace and connect it for the first user."""

    run_dir_override: Path | None = Field(default=None, validation_alias=AliasChoices("COCO_RUN_DIR"))
    """Where sockets go; in the state directory when not given."""

    @property
    def retention(self) -> dict[Kept, int]:
        """Days that things are kept where a user sets nothing else; 0 keeps them."""
        return {kept: getattr(self, f"retention_{kept.value}_days") for kept in Kept}

    @property
    def run_dir(self) -> Path:
        """Sockets: one folder per user, and the gateway's admin socket."""
        return self.run_dir_override or self.state_dir / "run"
