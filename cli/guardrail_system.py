"""`coco guardrail explain` and `backtest`: what a running installation's rules did, and would have done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cli.errors import Fix, settings
from cli.options import PasswordFile

if TYPE_CHECKING:
    import psycopg

User = Annotated[
    str | None, typer.Option(help="The account's e-mail address, where there is more than one.", metavar="EMAIL")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def mount(app: typer.Typer) -> None:
    """Adds the commands that need the database to `coco guardrail`."""
    app.command("explain")(explain)
    app.command("backtest-workflow")(backtest)


def explain(
    entry: Annotated[
        str, typer.Argument(help="An audit entry: its number in the account's chain, or its action's id.")
    ],
    user: User = None,
    as_json: Json = False,
    password_file: PasswordFile = None,
) -> None:
    """Take the verdict behind an autonomous action again, from its audit entry alone. Exit code 1 where they differ."""
    from cli.owner import running_database
    from coco.guardrails.declarations import default_catalogue
    from coco.verdicts import recompute

    with running_database(settings(), password_file=password_file) as owner:
        found = entry_of(owner, entry, user)
    again = recompute(found["body"], default_catalogue())
    if again is None:
        raise Fix(f"entry {found['seq']} ({found['kind']}) rests on no guardrail: {_by(found)}")
    if as_json:
        told = again.model_dump() | {"entry": found["seq"], "actor": found["actor"], "agrees": again.agrees}
        told |= {"proposed_by": _proposed_by(found["body"])}
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        _show(found, again)
    if not again.agrees:
        raise typer.Exit(1)


def _show(found: dict[str, Any], again: Any) -> None:
    body = found["body"]
    typer.echo(f"Entry {found['seq']}, {found['at']:%Y-%m-%d %H:%M:%S %Z}: {body['summary']}")
    typer.echo(f"Guardrail {again.guardrail}, version {again.version}: {again.reading}")
    if model := _proposed_by(body):
        from coco.guardrails.proposer import MARK

        typer.echo(f"  {MARK} {model} proposed it for: {body['guardrail']['sentence']}")
    for clause in again.why["clauses"]:
        facts = ", ".join(
            f"{name} is {json.dumps(value, ensure_ascii=False)}" for name, value in clause["facts"].items()
        )
        typer.echo(f"  {'holds' if clause['held'] else 'fails'}: {clause['text']}" + (f" ({facts})" if facts else ""))
    for read in body["guardrail"]["evaluation"]["reads"]:
        typer.echo(f"  read {read['read']} at {read['at']}, response {read['response_digest'][:16]}…")
    verdict = "covered" if again.recomputed else "held"
    typer.echo(f"Recomputed: {verdict}. {'The record agrees.' if again.agrees else 'THE RECORD SAYS OTHERWISE.'}")


def _proposed_by(body: dict[str, Any]) -> str | None:
    """The model that proposed the rule behind an entry, or None."""
    proposed_by: str | None = body["guardrail"]["form"].get("proposed_by")
    return proposed_by


def _by(found: dict[str, Any]) -> str:
    by = found["body"].get("approved_by") or found["actor"]
    return f"it was written by {by}"


def entry_of(owner: str, entry: str, email: str | None) -> dict[str, Any]:
    """The audit entry with that number, or the newest of that action that rests on a guardrail. Raises Fix."""
    import psycopg
    from psycopg.rows import dict_row

    with psycopg.connect(owner, row_factory=dict_row) as connection:
        if entry.isdigit():
            account = account_of(connection, email)
            query = "SELECT * FROM audit WHERE user_id = %s AND seq = %s"
            values: tuple[Any, ...] = (account, int(entry))
        else:
            try:
                action = UUID(entry)
            except ValueError:
                raise Fix(f"{entry!r} is neither the number of an entry nor the id of an action") from None
            query = (
                "SELECT * FROM audit WHERE action_id = %s AND jsonb_typeof(body -> 'guardrail') = 'object' "
                "ORDER BY seq DESC LIMIT 1"
            )
            values = (action,)
        found = connection.execute(query, values).fetchone()
    if found is None:
        raise Fix(f"there is no such audit entry: {entry}")
    return found


def account_of(connection: psycopg.Connection[Any], email: str | None) -> UUID:
    """The account of that address, or the only one there is. Raises Fix."""
    if email is not None:
        rows = connection.execute("SELECT id FROM users WHERE email = lower(%s)", (email,)).fetchall()
    else:
        rows = connection.execute("SELECT id FROM users LIMIT 2").fetchall()
    if len(rows) != 1:
        raise Fix(
            f"there is no account {email}" if email else "say whose with --user EMAIL: there is not just one account"
        )
    found: UUID = rows[0]["id"]
    return found


def backtest(
    workflow: Annotated[UUID, typer.Argument(help="The workflow's id.")],
    sentence: Annotated[
        str | None, typer.Argument(help="A rule to try; without one, the workflow's confirmed guardrails.")
    ] = None,
    as_json: Json = False,
    password_file: PasswordFile = None,
) -> None:
    """Compare rules with what the owner decided on the workflow's recorded actions."""
    import asyncio

    from cli.owner import running_database

    with running_database(settings(), password_file=password_file) as owner:
        told = asyncio.run(_backtest(owner, workflow, sentence))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(told["summary"])
    for one in told["disagreements"]:
        would = "would have run" if one["ran_alone"] else "would have asked for"
        typer.echo(f"  {would} “{one['summary']}”, which you {one['decision']}: {one['why']}")


async def _backtest(owner: str, workflow_id: UUID, sentence: str | None) -> dict[str, Any]:
    from activities.looking_back import look_back, past
    from coco.guardrails.declarations import default_catalogue
    from coco.guardrails.english.compiler import compile_sentence
    from coco.guardrails.form import Form
    from store import trust
    from store.database import Database
    from store.tables import Workflow

    catalogue = default_catalogue()
    database = Database(owner, pool_size=1)
    try:
        async with database.system() as session:
            workflow = await session.get(Workflow, workflow_id)
        if workflow is None:
            raise Fix(f"there is no workflow {workflow_id}")
        async with database.user(workflow.user_id) as session:
            history = await past(session, workflow.user_id, workflow_id, catalogue)
            rules = [
                (rule.reading, Form.model_validate(rule.form))
                for rule in await trust.confirmed(session, workflow.user_id, workflow_id)
            ]
    finally:
        await database.close()
    if sentence is not None:
        compiled = compile_sentence(sentence)
        if compiled.form is None:
            raise Fix("the sentence was refused: " + "; ".join(problem.message for problem in compiled.problems))
        rules = [(compiled.reading, compiled.form)]
    if not rules:
        raise Fix("the workflow has no confirmed guardrail; give a sentence to try one")
    found = look_back(history, rules, catalogue)
    summaries = {one.id: one.summary for one in history}
    return {
        "summary": found.summary,
        "decided": found.decided,
        "agreed": found.agreed,
        "covered": found.covered,
        "held": found.held,
        "disagreements": [
            {
                "action": one.id,
                "summary": summaries[one.id],
                "decision": one.decision,
                "ran_alone": one.ran_alone,
                "why": one.why,
            }
            for one in found.disagreements
        ],
    }
