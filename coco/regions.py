"""Regions: where the tenants of each have their database, their Temporal, their gateway and their sandboxes.

One full Coco runs in each region. A process is of exactly one, by `COCO_REGION`, and takes everything that says where
data goes from that region's entry in one file (`COCO_REGIONS_FILE`), which all regions share:

    {"regions": {"us": {"title": "United States", "url": "https://us.coco.example.com",
                        "database_url": "postgresql://coco@db.us.internal/coco",
                        "temporal_address": "temporal.us.internal:7233", "temporal_namespace": "coco-us",
                        "state_dir": "/var/lib/coco", "hosts": ["us-1", "us-2"]},
                 "eu": {…, "residency": true}}}
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from coco.errors import Code, InvalidInput, Refused
from coco.requests import Frozen

RegionId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
"""Persisted in databases and in the directory; never renamed."""


def _origin(url: str) -> str:
    if not url.startswith(("https://", "http://")) or url.count("/") != 2:
        raise ValueError("an address like https://eu.coco.example.com, without a path")
    return url


class Region(Frozen):
    """One region's entry."""

    title: Annotated[str, Field(min_length=1, max_length=60)]
    url: Annotated[str, AfterValidator(_origin)]
    """How browsers reach its public app."""
    database_url: str
    """Its Postgres. As `DATABASE_URL`: processes need no password in it."""
    temporal_address: str
    temporal_namespace: str
    state_dir: Path
    """Where its hosts keep keys and volumes."""
    run_dir: Path | None = None
    hosts: tuple[str, ...] = ()
    """Names of the hosts that its control workers, gateways and sandboxes may run on; any where there are none."""
    residency: bool = False
    """Whether living here is a promise, which comes with a tier (coco.tiers.Feature.EU_RESIDENCY)."""


class _File(Frozen):
    regions: Annotated[dict[RegionId, Region], Field(min_length=1)]


def load(path: Path) -> dict[str, Region]:
    """The regions of a file. Raises InvalidInput that names what is wrong; no two may share a store."""
    try:
        found = _File.model_validate(json.loads(path.read_text())).regions
    except OSError as error:
        raise InvalidInput(f"COCO_REGIONS_FILE {path}: {error.strerror}") from error
    except ValidationError as error:
        where = "; ".join(".".join(map(str, item["loc"])) + f": {item['msg']}" for item in error.errors())
        raise InvalidInput(f"COCO_REGIONS_FILE {path}: {where}") from None
    except ValueError as error:
        raise InvalidInput(f"COCO_REGIONS_FILE {path}: not JSON") from error
    for what, value in (
        ("database_url", lambda item: item.database_url),
        ("Temporal namespace at one address", lambda item: (item.temporal_address, item.temporal_namespace)),
        ("url", lambda item: item.url),
    ):
        _distinct(path, found, what, [value(item) for item in found.values()])
    hosts = [host for item in found.values() for host in item.hosts]
    _distinct(path, found, "host", hosts)
    if not all(item.hosts for item in found.values()):
        # Then one machine may be of several, and volumes and keys of one must not lie among the other's.
        _distinct(path, found, "state_dir, and not all name their hosts", [item.state_dir for item in found.values()])
    return dict(found)


def _distinct(path: Path, found: dict[str, Region], what: str, values: list[Any]) -> None:
    if len(set(values)) != len(values):
        raise InvalidInput(f"COCO_REGIONS_FILE {path}: two of {', '.join(found)} have the same {what}")


def one_of(regions: dict[str, Region], region: str | None) -> Region:
    """A process' own region. Raises InvalidInput."""
    if region is None or region not in regions:
        raise InvalidInput(
            f"COCO_REGION must be one of {', '.join(sorted(regions))}: a process is of exactly one region"
        )
    return regions[region]


def check_host(region: Region, host: str) -> None:
    """Raises Refused where this host is not one of the region's: no sandbox of its tenants is made elsewhere."""
    if region.hosts and host not in region.hosts:
        raise Refused(
            f"this host, {host}, is none of the region's ({', '.join(region.hosts)}): "
            "no sandbox of its tenants runs here",
            code=Code.WRONG_REGION,
        )


def address_mark(key: str, email: str) -> str:
    """What the directory knows of an e-mail address: HMAC-SHA256 under a key that only the regions have, in hex."""
    return hmac.new(key.encode(), b"coco directory v1 " + email.strip().lower().encode(), hashlib.sha256).hexdigest()


class Elsewhere(Refused):
    """The account lives in another region, which is at `url`."""

    code = Code.WRONG_REGION

    def __init__(self, url: str) -> None:
        super().__init__(f"This account lives in another region. Sign in at {url}")
        self.url = url
