"""The `coco` command.

Every command imports what it needs when it runs, so that the small ones start at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from coco.processes import no_core_dumps

if __name__ == "__main__" or Path(sys.argv[0]).stem == "coco":
    # As the command, which may read the master key; what it starts keeps the limit. Before anybody else's code runs.
    no_core_dumps()

from typing import Annotated

import typer

from cli import account, audit, connector, credits, guardrail, guardrail_system, keys, operators, tier
from cli.errors import Group, settings
from cli.options import PasswordFile

app = typer.Typer(
    cls=Group,
    help="Coco: durable agent workflows; no external action without your explicit approval.",
    no_args_is_help=True,
    # A traceback that shows variables would show keys.
    pretty_exceptions_show_locals=False,
)
guardrail_system.mount(guardrail.app)
app.add_typer(guardrail.app, name="guardrail")
app.add_typer(account.app, name="account")
app.add_typer(audit.app, name="audit")
app.add_typer(operators.app, name="operator")
app.add_typer(keys.app, name="keys")
app.add_typer(credits.app, name="credits")
app.add_typer(tier.app, name="tier")
app.add_typer(connector.app, name="connector")


@app.command()
def up(
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="Start the demo workspace and connect it. Default: COCO_DEMO, else yes."),
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept. Default: COCO_STATE_DIR, .coco.")
    ] = None,
    public_port: Annotated[int | None, typer.Option(help="The inbox's port.", min=1, max=65535)] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="One JSON object per line instead of text.")] = False,
) -> None:
    """Start Coco with all that it needs, and stop all of it on Ctrl-C."""
    from cli.up.run import up as start

    given = {"demo": demo, "state_dir": state_dir, "public_port": public_port}
    start(settings(**{name: value for name, value in given.items() if value is not None}), log_json=log_json)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Say what this machine lacks and how to get it. Exit code 1 when Coco cannot start without it."""
    from cli.doctor import State, examine

    checks = examine(settings())
    ok = all(check.state is not State.MISSING for check in checks)
    if as_json:
        import json

        typer.echo(json.dumps({"ok": ok, "checks": [check.model_dump(mode="json") for check in checks]}))
    else:
        from cli.examined import show

        show(checks)
    if not ok:
        raise typer.Exit(1)


@app.command()
def migrate(password_file: PasswordFile = None) -> None:
    """Bring the database to the current schema, and make the roles it needs.

    With TEMPORAL_ADDRESS, also registers the search attributes that Coco's runs carry. With COCO_REGION, makes the
    database one of that region, for good, and makes the directory's table.
    """
    from cli.owner import owner_address, running_database
    from coco.deployment import master_key
    from store.directory import directory_of
    from store.migrate import migrate as bring_up_to_date
    from store.region import stamp

    configured = settings()
    master = master_key(configured)
    with running_database(configured, password_file=password_file) as owner:
        bring_up_to_date(owner, master.text)
        if configured.region is not None and configured.own_region is not None:
            stamp(owner, configured.region, residency=configured.own_region.residency)
        typer.echo(f"The database at {owner_address(owner)} is up to date.")
    directory = directory_of(configured)
    if directory is not None:
        directory.make()
    if configured.temporal_address is not None:
        import asyncio

        from cli.up.temporal import ensure_search_attributes

        told = asyncio.run(ensure_search_attributes(configured))
        typer.echo(told or f"Temporal at {configured.temporal_address} has the search attributes.")


@app.command()
def version() -> None:
    """Print Coco's version."""
    from importlib.metadata import version as installed

    typer.echo(installed("coco-engine"))


if __name__ == "__main__":
    app()
