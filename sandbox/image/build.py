"""Build the sandbox's Docker image, once for each content: `ensure_image` gives its tag.

The packages are fetched outside, by the pip of this environment with its own configuration (mirrors, certificates,
proxies) and against the hashes of `requirements.txt`, for the image's Python and C library, whatever the host's are.
The build gets them as files and has no network: nothing of the machine's configuration can reach the image.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import platformdirs
from docker import DockerClient, errors

from sandbox.image import tree
from sandbox.image.base import DEFAULT, BaseUnavailable, ensure_base

REPOSITORY = "coco-sandbox"
HERE = Path(__file__).parent

ETC = {
    "passwd": "root:x:0:0::/:/nonexistent\nsandbox:x:10001:10001::/data:/nonexistent\n",
    "group": "root:x:0:\nsandbox:x:10001:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""All of /etc inside."""

_ASK = (
    "import json,os,platform,sys;"
    "print(json.dumps([sys.version_info[:2],platform.machine(),os.confstr('CS_GNU_LIBC_VERSION')]))"
)


class ImageUnavailable(Exception):
    """The sandbox's image could not be built; the message says what to do."""


async def ensure_image(docker: DockerClient, log: Callable[[str], None], base_image: str | None = None) -> str:
    """The tag of the image for the code as it is now, built first where it is not there yet.

    `base_image` is where its Python comes from (default python:3.11-slim, else made with debootstrap). `log` is
    called from the event loop's thread. Raises ImageUnavailable.
    """
    loop = asyncio.get_running_loop()
    try:
        tag = f"{REPOSITORY}:{content(base_image)[:24]}"
    except tree.Leak as error:
        raise ImageUnavailable(str(error)) from error

    def say(line: str) -> None:
        loop.call_soon_threadsafe(log, line)

    return await asyncio.to_thread(_ensure, docker, tag, say, base_image)


def content(base_image: str | None = None) -> str:
    """SHA-256 of everything that decides what is in the image."""
    inputs = [(HERE / name).read_bytes() for name in ("Dockerfile", "closure.py", "requirements.txt")]
    return tree.digest(*inputs, json.dumps([base_image or DEFAULT, ETC, tree.UNNEEDED]).encode())


def _ensure(docker: DockerClient, tag: str, log: Callable[[str], None], base_image: str | None) -> str:
    if image_exists(docker, tag):
        return tag
    try:
        with _one_at_a_time():
            if image_exists(docker, tag):
                return tag
            base = ensure_base(docker, base_image, log)
            packages = _packages(docker, base, log)
            _build(docker, tag, base, packages, log)
    except (BaseUnavailable, errors.DockerException, OSError) as error:
        raise ImageUnavailable(f"the sandbox image cannot be built: {error}") from error
    return tag


def image_exists(docker: DockerClient, tag: str) -> bool:
    try:
        docker.images.get(tag)
    except errors.ImageNotFound:
        return False
    return True


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """One build at a time among this user's processes: the others then find the image made."""
    with (_cache() / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    folder = Path(platformdirs.user_cache_dir("coco-engine"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _packages(docker: DockerClient, base: str, log: Callable[[str], None]) -> Path:
    """A folder with the packages of `requirements.txt` installed for the Python of `base`; kept for the next build."""
    requirements = HERE / "requirements.txt"
    (major, minor), machine, libc = json.loads(
        docker.containers.run(
            base, ["python3", "-c", _ASK], remove=True, network_mode="none", cap_drop=["ALL"], user="10001:10001"
        )
    )
    if (major, minor) < (3, 11):
        raise ImageUnavailable(f"{base} has Python {major}.{minor}: the sandbox needs 3.11 or newer")
    if not libc:
        raise ImageUnavailable(f"{base} has no GNU C library: the packages' binaries need it; take another base")
    glibc = int(libc.rsplit(".", 1)[1])
    name = hashlib.sha256(requirements.read_bytes() + f"{major}.{minor} {machine} {glibc}".encode()).hexdigest()
    folder = _cache() / f"packages-{name[:24]}"
    if folder.is_dir():
        return folder
    log(f"fetching the sandbox's packages for Python {major}.{minor} on {machine}")
    with tempfile.TemporaryDirectory(dir=_cache(), prefix="packages-part-") as part:
        # fmt: off
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
            "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile",
            "--implementation", "cp", "--python-version", f"{major}.{minor}", *_platforms(machine, glibc),
            "--target", f"{part}/site-packages", "--requirement", str(requirements),
        ]
        # fmt: on
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ImageUnavailable(f"pip could not fetch the sandbox's packages: {done.stderr.strip()[-2000:]}")
        shutil.rmtree(f"{part}/site-packages/bin", ignore_errors=True)
        os.rename(f"{part}/site-packages", folder)
    return folder


def _platforms(machine: str, glibc: int) -> list[str]:
    """pip's `--platform` options, newest first: it takes wheels built for this C library or an older one."""
    names = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, 16, -1)] + [f"manylinux2014_{machine}"]
    names += [f"linux_{machine}"]
    return [word for name in names for word in ("--platform", name)]


def _build(docker: DockerClient, tag: str, base: str, packages: Path, log: Callable[[str], None]) -> None:
    log(f"building {tag} from {base}")
    with tempfile.TemporaryFile() as context:
        _write_context(context, packages)
        context.seek(0)
        try:
            docker.images.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                buildargs={"BASE_IMAGE": base},
                network_mode="none",
                rm=True,
                forcerm=True,
                labels={"coco.sandbox.base": base},
            )
        except errors.BuildError as error:
            output = "".join(line.get("stream", "") for line in error.build_log)
            raise ImageUnavailable(f"the sandbox image cannot be built: {error.msg}\n{output[-2000:]}") from error
    _forget_old(docker)
    log(f"built {tag}")


def _forget_old(docker: DockerClient) -> None:
    """Remove what earlier builds left: the stage with the code, and images of a week ago that no container uses.
    A newer image may be another installation's of today."""
    docker.images.prune(filters={"dangling": True, "label": "coco.sandbox.stage=code"})
    week_ago = datetime.now(UTC) - timedelta(days=7)
    for image in docker.images.list(name=REPOSITORY):
        made = datetime.fromisoformat(image.attrs["Created"][:19] + "+00:00")
        if made < week_ago:
            for tag in image.tags:
                # Refused where a container is made of it.
                with suppress(errors.APIError):
                    docker.images.remove(tag)


def _write_context(out: IO[bytes], packages: Path) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("Dockerfile", "closure.py"):
            _add(archive, name, (HERE / name).read_bytes())
        for name, text in ETC.items():
            _add(archive, f"etc/{name}", text.encode())
        for relative in tree.project_files():
            _add(archive, f"code/{relative}", (tree.ROOT / relative).read_bytes())
        for path in sorted(packages.rglob("*")):
            relative = path.relative_to(packages)
            if path.is_file() and not path.is_symlink() and tree.is_needed(relative):
                _add(archive, f"site-packages/{relative}", path.read_bytes())


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Owner, mode and time are constants, so that Docker's cache knows an unchanged file again."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
    archive.addfile(entry, io.BytesIO(data))
