"""Every setting, with its default and its environment variable (prefix `COCO_`, save the few that are standard)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from coco import regions
from coco.errors import InvalidInput
from coco.retention import Kept


class Settings(BaseSettings):
    """Read once per process. Nothing here is logged: secrets print as stars."""

    model_config = SettingsConfigDict(env_prefix="COCO_", extra="ignore")

    _regions: dict[str, regions.Region] = PrivateAttr(default_factory=dict)

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

    region: str | None = None
    """The one region that this process is of, from the regions' file."""
    regions_file: Path | None = None
    """JSON of all regions (coco.regions): the process takes from its own where its data goes."""
    directory_url: SecretStr | None = None
    """Postgres of the directory, which tells the region of an address; every region has the same."""
    directory_key: SecretStr | None = None
    """Key of the directory's marks; every region has the same."""

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
    egress_clear_text: bool = False
    """Whether an `http://` address may be on the internet, where everybody on the way reads the key."""
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

    @model_validator(mode="after")
    def _of_its_region(self) -> Settings:
        """Where data goes is the region's to say; a variable that says otherwise is a mistake. Raises InvalidInput."""
        if self.regions_file is None:
            if self.region is not None:
                raise InvalidInput("COCO_REGION is set and COCO_REGIONS_FILE is not: there are no regions without it")
            return self
        self._regions = regions.load(self.regions_file)
        own = regions.one_of(self._regions, self.region)
        told: dict[str, object] = {
            "database_url": SecretStr(own.database_url),
            "temporal_address": own.temporal_address,
            "temporal_namespace": own.temporal_namespace,
            "state_dir": own.state_dir,
            "public_url": own.url,
        }
        if own.run_dir is not None:
            told["run_dir_override"] = own.run_dir
        for name, value in told.items():
            if name in self.model_fields_set and getattr(self, name) not in (None, value):
                raise InvalidInput(f"{name} is set, and is not what the file says of region {self.region}: unset it")
            setattr(self, name, value)
        if (self.directory_url is None) != (self.directory_key is None):
            raise InvalidInput("COCO_DIRECTORY_URL and COCO_DIRECTORY_KEY go together")
        if len(self._regions) > 1 and self.directory_url is None:
            raise InvalidInput("several regions need a directory: set COCO_DIRECTORY_URL and COCO_DIRECTORY_KEY")
        return self

    @property
    def all_regions(self) -> dict[str, regions.Region]:
        """Every region by its id; none where this installation has no regions."""
        return self._regions

    @property
    def own_region(self) -> regions.Region | None:
        """This process' region; None where this installation has none."""
        return self._regions.get(self.region or "")

    @property
    def retention(self) -> dict[Kept, int]:
        """Days that things are kept where a user sets nothing else; 0 keeps them."""
        return {kept: getattr(self, f"retention_{kept.value}_days") for kept in Kept}

    @property
    def run_dir(self) -> Path:
        """Sockets: one folder per user, and the gateway's admin socket."""
        return self.run_dir_override or self.state_dir / "run"
