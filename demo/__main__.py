"""`python -m demo`: starts the workspace."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from demo.server import Options, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A CRM and a mail server to try Coco on.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="HTTP port (default: any free one)")
    parser.add_argument("--smtp-port", type=int, default=0, help="SMTP port (default: any free one)")
    parser.add_argument("--state", type=Path, required=True, help="directory that keeps the workspace's state")
    parser.add_argument("--announce", type=Path, help="file to write addresses and keys to, as JSON (mode 0600)")
    given = parser.parse_args()
    asyncio.run(serve(Options(given.host, given.port, given.smtp_port, given.state, given.announce)))


if __name__ == "__main__":
    main()
