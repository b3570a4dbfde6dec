"""`coco keys`: the deployment's own keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import Fix

app = typer.Typer(help="The deployment's own keys.", no_args_is_help=True)


@app.command()
def new(
    directory: Annotated[
        Path | None,
        typer.Option(
            help="Make every secret that docker-compose.yml mounts there; files that exist are never replaced."
        ),
    ] = None,
) -> None:
    """Print a new master key; with --directory, make every secret that docker-compose.yml mounts."""
    from coco.keys import MasterKey

    if directory is None:
        typer.echo(MasterKey.generate())
        return
    import secrets

    from coco.grants import new_signing_key, public_key
    from coco.keys import write_private

    signing = new_signing_key()
    made = {
        "master.key": MasterKey.generate(),
        "grant.pem": signing,
        "grant.pub": public_key(signing),
        "database-password": secrets.token_urlsafe(32),
        "temporal-database-password": secrets.token_urlsafe(32),
    }
    there = [name for name in made if (directory / name).exists()]
    if there:
        raise Fix(f"{directory} holds {', '.join(there)} already, and keys in use are never replaced: name another one")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for name, text in made.items():
        write_private(directory / name, text)
        # The directory is closed. A container's process, whatever its user, must read the one file mounted into it.
        (directory / name).chmod(0o444)
    typer.echo(f"Made {', '.join(made)} in {directory}. Keep a copy of master.key apart from the database's backups.")
