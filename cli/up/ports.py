"""Which ports to listen on: those that were asked for, else those of the last start, else the next free ones."""

from __future__ import annotations

import errno
import json
import socket
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


class Ports:
    """Chooses ports, each once, and remembers them in a file for the next start."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        self._file = file
        self._say = say
        self._chosen: dict[str, int] = {}
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
            if candidate and candidate not in self._chosen.values() and is_free(host, candidate):
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
            if port not in self._chosen.values():
                return self._keep(name, port)

    def _keep(self, name: str, port: int) -> int:
        self._chosen[name] = port
        partial = self._file.with_suffix(".new")
        partial.write_text(json.dumps({**self.before, **self._chosen}, indent=1))
        partial.replace(self._file)
        return port
