"""Sandboxes as Docker containers."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import docker
import docker.errors
import requests.exceptions
from docker import DockerClient
from docker.models.containers import Container
from docker.types import LogConfig, Mount, Ulimit

from sandbox import hidden, seccomp, volume
from sandbox.container import (
    BASE_ENVIRONMENT,
    GID,
    OUTPUT_LIMIT,
    UID,
    Finished,
    Listing,
    Running,
    SandboxError,
    SandboxSpec,
    SandboxTimeout,
    SandboxUnavailable,
    VolumeTooLarge,
    check_deployment,
    check_user_id,
    clean_output,
    container_name,
    measure_volume,
)
from sandbox.image.build import ImageUnavailable, ensure_image, image_exists
from sandbox.limits import MIB, NO_CORE

KIND = "docker"
_GRACE_S = 10
_ONCE, _WORKER = "once", "worker"

MASKED_PATHS = [
    *(f"/proc/{name}" for name in (*hidden.PROC_FILES, *hidden.PROC_FOLDERS)),
    *(f"/sys/{name}" for name in hidden.SYS),
]
READONLY_PATHS = ["/proc/sys"]


class DockerSandbox:
    """See `sandbox.container.Sandbox`. One per deployment; its state is the daemon's, so any process can take over."""

    kind = KIND

    def __init__(
        self, client: DockerClient, deployment: str, log: Callable[[str], None], base_image: str | None = None
    ) -> None:
        self._client = client
        self._deployment = check_deployment(deployment)
        self._log = log
        self._base_image = base_image
        self._image: str | None = None
        self._preparing = asyncio.Lock()

    @classmethod
    async def connect(
        cls, deployment: str, log: Callable[[str], None] = lambda line: None, base_image: str | None = None
    ) -> DockerSandbox:
        """Raises SandboxUnavailable where no daemon answers. `base_image` overrides COCO_SANDBOX_BASE_IMAGE."""

        def reach() -> DockerClient:
            # Long enough for the image's build, whose output comes in one answer per step.
            client = docker.from_env(timeout=600)
            try:
                client.ping()
                if client.info().get("OSType") != "linux":
                    raise SandboxUnavailable("the Docker daemon runs no Linux containers")
            except BaseException:
                client.close()
                raise
            return client

        try:
            client = await asyncio.to_thread(reach)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise SandboxUnavailable(
                f"no daemon answers ({error}). Install and start one (Debian: apt-get install docker.io), "
                "or set DOCKER_HOST."
            ) from error
        return cls(client, deployment, log, base_image or os.environ.get("COCO_SANDBOX_BASE_IMAGE") or None)

    def close(self) -> None:
        """Close the connection to the daemon; the containers go on."""
        self._client.close()

    async def start(self, spec: SandboxSpec) -> Running:
        image = await self.prepare()
        return await asyncio.to_thread(self._start, self._own(spec), image)

    async def stop(self, user_id: str, *, kill: bool = False) -> None:
        await asyncio.to_thread(self._stop, check_user_id(user_id), kill)

    async def alive(self, user_id: str) -> bool:
        container = await asyncio.to_thread(self._find, check_user_id(user_id))
        return container is not None and container.status == "running"

    async def list(self) -> Listing:
        return await asyncio.to_thread(self._list)

    async def logs(self, user_id: str, lines: int = 200) -> str:
        return await asyncio.to_thread(self._logs, check_user_id(user_id), lines)

    async def run_once(self, spec: SandboxSpec, command: tuple[str, ...], timeout: float) -> Finished:  # noqa: ASYNC109
        image = await self.prepare()
        return await asyncio.to_thread(self._run_once, self._own(spec), command, timeout, image)

    async def prepare(self) -> str:
        """Build the image where it is not there yet, so that a first start need not wait for it; gives its tag.

        The code that counts is that of this manager's first call: files that change later, as in a deployment, come
        in with the process that replaces this one, and do not tear down sandboxes under it.
        """
        async with self._preparing:
            if self._image is None or not await asyncio.to_thread(image_exists, self._client, self._image):
                try:
                    self._image = await ensure_image(self._client, self._log, self._base_image)
                except ImageUnavailable as error:
                    raise SandboxUnavailable(str(error)) from error
            return self._image

    def _own(self, spec: SandboxSpec) -> SandboxSpec:
        if spec.deployment != self._deployment:
            raise ValueError(f"this manages deployment {self._deployment!r}, not {spec.deployment!r}")
        return spec

    def _start(self, spec: SandboxSpec, image: str) -> Running:
        digest = spec.digest(image)
        with _readable_errors(f"start the sandbox of {spec.user_id}"):
            for _ in range(10):
                found = self._find(spec.user_id)
                try:
                    if found is not None and found.labels.get("coco.spec") == digest:
                        if found.status == "created":  # by another process, which has not come to start it yet
                            found.start()
                            found.reload()
                        if found.status == "running":
                            return self._running(found)
                    if found is not None:
                        _end(found, kill=False)
                    self._prepare_volume(spec, image)
                    container = self._create(spec, image, spec.name, spec.command, _WORKER, digest)
                    container.start()
                    container.reload()
                    return self._running(container)
                except docker.errors.APIError as error:
                    if error.status_code not in (404, 409):
                        raise
                    # Another process made or removed one meanwhile: look again at what is there now.
                    time.sleep(0.2)
        raise SandboxError(f"the sandbox of {spec.user_id} is being replaced by others all the time: try again")

    def _create(
        self, spec: SandboxSpec, image: str, name: str, command: tuple[str, ...], role: str, digest: str
    ) -> Container:
        api = self._client.api
        limits = spec.limits
        host_config = api.create_host_config(
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true", f"seccomp={seccomp.docker_profile()}"],
            privileged=False,
            read_only=True,
            network_mode="none",
            ipc_mode="private",
            pids_limit=limits.pids,
            mem_limit=limits.memory_mb * MIB,
            # The sum of memory and swap: equal, so no swap.
            memswap_limit=limits.memory_mb * MIB,
            nano_cpus=int(limits.cpus * 1e9),
            shm_size=1 * MIB,
            tmpfs={"/tmp": f"rw,noexec,nosuid,nodev,size={limits.tmp_mb}m,mode=1777"},  # noqa: S108 - inside
            mounts=[
                Mount("/data", str(spec.volume), type="bind", propagation="rprivate"),
                Mount("/run/coco", str(spec.gateway_dir), type="bind", read_only=True, propagation="rprivate"),
            ],
            ulimits=[
                Ulimit(name="core", soft=NO_CORE, hard=NO_CORE),
                Ulimit(name="fsize", soft=limits.volume_mb * MIB, hard=limits.volume_mb * MIB),
                Ulimit(name="nofile", soft=limits.files, hard=limits.files),
                Ulimit(name="memlock", soft=64 * 1024, hard=64 * 1024),
                Ulimit(name="msgqueue", soft=0, hard=0),
            ],
            restart_policy={"Name": "no"},
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "1m", "max-file": "2"}),
            init=True,
            cgroupns="private",
            # Else Docker writes the host's name servers into the sandbox.
            dns=["127.0.0.1"],
            dns_search=["."],
            # Docker opens the ports below 1024 to everybody inside.
            sysctls={"net.ipv4.ip_unprivileged_port_start": "1024"},
        )
        host_config["MaskedPaths"] = MASKED_PATHS
        host_config["ReadonlyPaths"] = READONLY_PATHS
        created = api.create_container(
            image,
            command=list(command),
            entrypoint=[],
            user=f"{UID}:{GID}",
            working_dir="/",
            hostname="sandbox",
            environment=spec.full_environment,
            healthcheck={"test": ["NONE"]},
            labels={
                "coco.deployment": self._deployment,
                "coco.user": spec.user_id,
                "coco.role": role,
                "coco.spec": digest,
            },
            name=name,
            host_config=host_config,
        )
        return self._client.containers.get(created["Id"])

    def _prepare_volume(self, spec: SandboxSpec, image: str) -> None:
        spec.volume.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            volume.own(os.fspath(spec.volume), UID, GID)
            measure_volume(spec.volume, spec.limits.volume_mb)
            return
        # Not root, but allowed to ask the daemon, which is: a container with this one folder does the same.
        try:
            self._client.containers.run(
                image,
                ["python", "-m", "sandbox.volume", "/data", str(spec.limits.volume_mb), str(UID), str(GID)],
                environment=dict(BASE_ENVIRONMENT),
                user="0:0",
                cap_drop=["ALL"],
                cap_add=["CHOWN", "DAC_READ_SEARCH"],
                security_opt=["no-new-privileges:true"],
                network_mode="none",
                read_only=True,
                pids_limit=spec.limits.pids,
                mem_limit=spec.limits.memory_mb * MIB,
                mounts=[Mount("/data", str(spec.volume), type="bind", propagation="rprivate")],
                labels={"coco.deployment": self._deployment, "coco.role": _ONCE},
                remove=True,
            )
        except docker.errors.ContainerError as error:
            if error.exit_status == volume.TOO_LARGE:
                raise VolumeTooLarge(f"{spec.volume} holds more than {spec.limits.volume_mb} MiB") from error
            raise

    def _find(self, user_id: str) -> Container | None:
        with _readable_errors(f"look for the sandbox of {user_id}"):
            try:
                found = self._client.containers.get(container_name(self._deployment, user_id))
            except docker.errors.NotFound:
                return None
        labels = found.labels
        if labels.get("coco.deployment") != self._deployment or labels.get("coco.user") != user_id:
            # `get` also takes the start of an id, and somebody may have used the name: never touch what is not ours.
            raise SandboxError(f"a container named {found.name} is there and is not this deployment's: remove it")
        return found

    def _stop(self, user_id: str, kill: bool) -> None:
        found = self._find(user_id)
        if found is not None:
            with _readable_errors(f"stop the sandbox of {user_id}"):
                _end(found, kill)

    def _list(self) -> Listing:
        labels = [f"coco.deployment={self._deployment}", f"coco.role={_WORKER}"]
        with _readable_errors("list the sandboxes"):
            found = self._client.containers.list(filters={"label": labels, "status": "running"}, ignore_removed=True)
        return [self._running(container) for container in found]

    def _running(self, container: Container) -> Running:
        return Running(
            user_id=container.labels["coco.user"],
            deployment=self._deployment,
            kind=KIND,
            id=str(container.id),
            spec_hash=container.labels["coco.spec"],
            limits_kept_by="docker",
        )

    def _logs(self, user_id: str, lines: int) -> str:
        found = self._find(user_id)
        if found is None:
            return ""
        with _readable_errors(f"read the log of the sandbox of {user_id}"):
            return clean_output(found.logs(tail=max(1, min(lines, 10_000))))

    def _run_once(self, spec: SandboxSpec, command: tuple[str, ...], timeout: float, image: str) -> Finished:
        name = f"{spec.name}-{_ONCE}-{secrets.token_hex(6)}"
        with _readable_errors(f"run {command[0]} for {spec.user_id}"):
            self._prepare_volume(spec, image)
            container = self._create(spec, image, name, command, _ONCE, spec.digest(image))
            try:
                container.start()
                try:
                    code = container.wait(timeout=timeout)["StatusCode"]
                except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError) as error:
                    output = clean_output(container.logs(tail=10_000))
                    raise SandboxTimeout(
                        f"{command[0]} took longer than {timeout:g} s; it was killed", output
                    ) from error
                return Finished(code, clean_output(container.logs(tail=10_000)[-OUTPUT_LIMIT:]))
            finally:
                _end(container, kill=True)


def _end(container: Container, kill: bool) -> None:
    """Stop and remove; somebody else doing the same at the same time is no error."""
    try:
        if not kill:
            container.stop(timeout=_GRACE_S)
        container.remove(force=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if error.status_code != 409:  # "removal is already in progress"
            raise


@contextmanager
def _readable_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise SandboxError(f"Docker could not {what}: {error}") from error
