"""Which ports to listen on: those that were asked for, else those of the last start, else the next free ones."""

from __future__ import annotations

import errno
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from cli.errors import Fix

TRIED = 200


def is_free(host: str, port: int) -> bool:
    """Whether this process may listen there now. Raises Fix where the address is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise Fix(f"{host} is no address of this machine: {error.strerror}") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise Fix(f"{host} is no address of this machine") from None
        return False
    return True


def _claim(host: str, port: int) -> socket.socket | None:
    """A claim on the port, until it is closed or this process ends; None where another `coco up` has it.

    A port is chosen some seconds before anything listens there, so that two starts at once would choose the same. The
    claim is a name in Linux's abstract socket namespace, which is of the network namespace, as ports are.
    """
    claim = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":
        try:
            claim.bind(f"\0coco-up-port-{host}-{port}")
        except OSError:
            claim.close()
            return None
    return claim


class Ports:
    """Chooses ports, each once, claims them until `release`, and remembers them in a file for the next start."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        self._file = file
        self._say = say
        self._chosen: dict[str, int] = {}
        self._claims: list[socket.socket] = []
        try:
            told = json.loads(file.read_text())
            self.before = {str(name): int(port) for name, port in told.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.before = {}

    def choose(self, name: str, host: str, port: int, *, demanded: bool = False, same: bool = False) -> int:
        """`port`, or the next free one. `demanded`: that one or none. `same`: the last start's comes first.

        Port 0 takes any free one. Raises Fix.
        """
        first = self.before.get(name, port) if same else port
        if port == 0 and not (same and first):
            return self._any(name, host)
        for candidate in (first, *range(port, min(port + TRIED, 65536))):
            if candidate and self._take(host, candidate):
                if candidate != first:
                    self._say(f"port {first} is taken: {name} listens on {candidate}")
                return self._keep(name, candidate)
            if demanded:
                raise Fix(f"port {candidate}, asked for {name}, is taken on {host}: name another, or stop what uses it")
        raise Fix(f"no port from {port} to {port + TRIED} is free on {host} for {name}")

    def _any(self, name: str, host: str) -> int:
        while True:
            with socket.create_server((host, 0)) as probe:
                port = int(probe.getsockname()[1])
            if self._take(host, port):
                return self._keep(name, port)

    def _take(self, host: str, port: int) -> bool:
        """Claims it, if nobody listens there and nobody else is about to."""
        if port in self._chosen.values() or not is_free(host, port):
            return False
        claim = _claim(host, port)
        if claim is None:
            return False
        self._claims.append(claim)
        return True

    def release(self) -> None:
        """Lets others choose them."""
        while self._claims:
            self._claims.pop().close()

    def _keep(self, name: str, port: int) -> int:
        self._chosen[name] = port
        partial = self._file.with_suffix(".new")
        partial.write_text(json.dumps({**self.before, **self._chosen}, indent=1))
        partial.replace(self._file)
        return port
