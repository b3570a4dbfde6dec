"""`coco audit`: the record of what happened, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import Fix, settings
from cli.options import PasswordFile

if TYPE_CHECKING:
    from cli.audit_offline import Key

app = typer.Typer(help="The record of what happened.", no_args_is_help=True)


@app.command()
def verify(
    user: Annotated[
        str | None, typer.Option(help="Only the account of this e-mail address (of a file: or id).", metavar="EMAIL")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Check this signed record instead; needs no database.")] = None,
    key: Annotated[list[Path] | None, typer.Option(help="For --export: file with a public key that you trust.")] = None,
    key_id: Annotated[
        list[str] | None, typer.Option(help="For --export: id of a key that you trust and the file carries.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="For --export: kept checkpoints, or an earlier export: they must still hold.")
    ] = None,
    password_file: PasswordFile = None,
) -> None:
    """Walk every account's chain of entries and its signed checkpoints, or those of an exported file.

    Exit code 1 when one is broken; the first broken entry is named. Works while Coco runs and while it does not.
    """
    if export is not None:
        _verify_file(export, key or [], set(key_id or []), user or "", checkpoint)
        return
    from cli.owner import running_database
    from cli.verify import walk

    with running_database(settings(), password_file=password_file) as owner:
        broken = False
        for account in walk(owner, user):
            if account.problem is None:
                signed = f", signed up to entry {account.signed}" if account.signed else ", not signed yet"
                typer.echo(f"{account.email}: {account.entries} entries, the chain holds{signed}")
            else:
                broken = True
                typer.echo(f"{account.email}: broken at entry {account.problem.seq}: {account.problem.problem}")
    if broken:
        raise typer.Exit(1)


def _verify_file(export: Path, keys: list[Path], key_ids: set[str], user: str, checkpoint: Path | None) -> None:
    from cli.audit_offline import Key, check_file, told

    try:
        trusted = [Key(path.read_text()) for path in keys]
        if not trusted and not key_ids:
            trusted = _own_key()
        report = check_file(str(export), trusted, key_ids, user, None if checkpoint is None else str(checkpoint))
    except OSError as error:
        raise Fix(f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise Fix(f"{error} (--key, --key-id; `coco audit keys` prints those of an installation)") from None
    typer.echo(told(report))
    if report.problems:
        raise typer.Exit(1)


def _own_key() -> list[Key]:
    """This installation's own public key, where its signing key is at hand."""
    from cli.audit_offline import Key
    from coco import deployment
    from coco.audit_checkpoints import SigningKey, public_text
    from coco.errors import InvalidInput

    try:
        return [Key(public_text(SigningKey.derived(deployment.signing_key(settings())).public))]
    except InvalidInput:
        return []


@app.command("keys")
def show_keys(password_file: PasswordFile = None) -> None:
    """Print the public keys that checkpoints are and were signed with, each with its id: publish the ids."""
    import psycopg

    from cli.owner import running_database

    with running_database(settings(), password_file=password_file) as owner, psycopg.connect(owner) as connection:
        rows = connection.execute(
            "SELECT key_id, public_key, min(at), max(at) FROM audit_checkpoints GROUP BY 1, 2 ORDER BY 3"
        ).fetchall()
    if not rows:
        raise Fix("nothing is signed yet: checkpoints come within ten minutes of an entry, while `coco up` runs")
    for key_id, pem, first, last in rows:
        typer.echo(f"{key_id}  from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}\n{pem}")
