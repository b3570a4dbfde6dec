"""`coco guardrail`: compile, check and compare rules, with no server running."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from coco.guardrails.english.compiler import Compiled

app = typer.Typer(help="Plain-English rules: what they compile to, what they cover.", no_args_is_help=True)

Sentence = Annotated[str, typer.Argument(help="The rule, in English.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def _print_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    typer.echo(text.encode("utf-8", "backslashreplace").decode())  # JSON may escape half of a surrogate pair


@app.command("compile")
def compile_command(
    sentence: Sentence,
    as_json: Json = False,
    facts: Annotated[
        str | None, typer.Option("--facts", help="Records to take examples from, nearest to the rule's line.")
    ] = None,
) -> None:
    """Compile a sentence and show its canonical reading, or its problems (exit code 1)."""
    from coco.guardrails.english.compiler import compile_sentence
    from coco.guardrails.export import compiled_json

    compiled = compile_sentence(sentence)
    examples = _examples(compiled, facts) if facts is not None else {}
    if as_json:
        _print_json({**compiled_json(compiled), **({"examples": examples} if facts is not None else {})})
    else:
        _show_compiled(compiled)
        for side, found in examples.items():
            for one in found:
                _show_answer(str(one["id"]), side == "covered", str(one["why"]))
    if not compiled.ok:
        raise typer.Exit(1)


def _examples(compiled: Compiled, facts: str) -> dict[str, list[dict[str, object]]]:
    """Up to three records on each side of the line; none for a refused sentence."""
    from coco.guardrails.declarations import default_catalogue
    from coco.guardrails.examples import boundary_examples
    from coco.guardrails.records import read_lines

    lines = _lines(facts)
    if compiled.form is None:
        return {"covered": [], "held": []}
    catalogue = default_catalogue()
    sides = boundary_examples(compiled.form, read_lines(lines, catalogue), catalogue)
    return {
        name: [{"id": one.record.id, "why": one.verdict.why} for one in side]
        for name, side in zip(("covered", "held"), sides, strict=True)
    }


def _show_compiled(compiled: Compiled) -> None:
    from rich.console import Console
    from rich.text import Text

    from coco.guardrails.export import compiled_json

    console = Console(highlight=False)
    data = compiled_json(compiled)
    if compiled.ok:
        console.print(Text(compiled.reading, style="bold"))
        console.print(Text("\nPredicate (CEL)\n", style="dim").append(str(data["predicate"]), style=""))
        sections = (("Warnings", compiled.warnings), ("Notes", compiled.notes), ("Not covered", data["not_covered"]))
        for title, lines in sections:
            if lines:
                console.print(Text(f"\n{title}", style="dim"))
                for line in lines if isinstance(lines, Iterable) else ():
                    console.print(Text(f"  · {line}"))
        return
    for problem in compiled.problems:
        start, end = problem.span
        text = Text(compiled.sentence)
        text.stylize("bold red underline", start, max(end, start + 1))
        console.print(text)
        console.print(Text(f"  {problem.message}"))
        if problem.suggestion:
            console.print(Text("  Try: ", style="dim").append(problem.suggestion, style="green"))


@app.command("check")
def check_command(
    sentence: Sentence,
    facts: Annotated[str, typer.Option("--facts", help="A JSONL file of records, or - for standard input.")],
    as_json: Json = False,
    now: Annotated[
        str | None, typer.Option(help="The moment to assume for records without `now`. Default: now.")
    ] = None,
) -> None:
    """Say for each record whether the rule covers it, and why. Exit code 1 when the sentence is refused."""
    from datetime import UTC, datetime

    from coco.guardrails.check import check_lines
    from coco.guardrails.declarations import default_catalogue
    from coco.guardrails.english.compiler import compile_sentence
    from coco.guardrails.records import Malformed, read_value

    catalogue = default_catalogue()
    moment = now or datetime.now(UTC).isoformat(timespec="seconds")
    try:
        at = read_value(moment, catalogue.fact("now"))
    except Malformed as problem:
        raise typer.BadParameter(f"--now {problem}") from None
    compiled = compile_sentence(sentence)
    lines = _lines(facts)
    for answer in check_lines(
        compiled, lines, catalogue, now=at if isinstance(at, int) else None, now_given=now is not None
    ):
        if as_json:
            _print_json(answer.as_json())
        else:
            _show_answer(answer.id, answer.covered, answer.why)
    if not compiled.ok:
        if not as_json:
            _show_compiled(compiled)
        raise typer.Exit(1)


def _show_answer(record: str, covered: bool, why: str) -> None:
    from rich.console import Console
    from rich.text import Text

    verdict = Text("covered", style="green") if covered else Text("held   ", style="yellow")
    Console(highlight=False).print(
        Text(f"{record}  ").append_text(verdict).append(f"  {why.partition(': ')[2] or why}", style="dim")
    )


def _lines(path: str) -> list[str]:
    """The lines of a facts file. Exits with a usage error (2) when it cannot be read."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as problem:
        raise typer.BadParameter(f"--facts {path}: {problem.strerror or problem}") from None
    return data.decode("utf-8", errors="surrogateescape").split("\n")


@app.command("compare")
def compare_command(
    old: Annotated[str, typer.Argument(help="The rule as it was.", show_default=False)],
    new: Annotated[str, typer.Argument(help="The rule as it would be.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Say whether the new rule is stricter, looser, equivalent or incomparable, with records that show it."""
    from coco.guardrails.analysis import compare_forms
    from coco.guardrails.declarations import default_catalogue
    from coco.guardrails.english.compiler import compile_sentence

    before, after = compile_sentence(old), compile_sentence(new)
    for compiled in (before, after):
        if compiled.form is None:
            if as_json:
                problems = [problem.as_json() for problem in compiled.problems]
                _print_json({"relation": None, "sentence": compiled.sentence, "problems": problems})
            else:
                _show_compiled(compiled)
            raise typer.Exit(1)
    assert before.form is not None
    assert after.form is not None
    found = compare_forms(before.form, after.form, default_catalogue())
    only_new = found.only_new.facts if found.only_new else None
    only_old = found.only_old.facts if found.only_old else None
    if as_json:
        _print_json(
            {"relation": found.relation, "only_new": only_new, "only_old": only_old, "reasons": list(found.reasons)}
        )
        return
    typer.echo(found.relation)
    for title, facts in (("covered only by the new rule", only_new), ("covered only by the old rule", only_old)):
        if facts is not None:
            typer.echo(f"  {title}: {json.dumps(facts, ensure_ascii=False)}")
    for reason in found.reasons:
        typer.echo(f"  {reason}")


@app.command("backtest")
def backtest_command(
    sentence: Sentence,
    facts: Annotated[str, typer.Option("--facts", help="Recorded actions (JSONL), each with its own `now`, or -.")],
    as_json: Json = False,
) -> None:
    """Compare a rule with what a person decided. Each record may carry "decision": approved, rejected or edited."""
    from coco.guardrails.backtest import backtest, read_history
    from coco.guardrails.declarations import default_catalogue
    from coco.guardrails.english.compiler import compile_sentence

    compiled = compile_sentence(sentence)
    if not compiled.ok:
        if as_json:
            _print_json({"problems": [problem.as_json() for problem in compiled.problems]})
        else:
            _show_compiled(compiled)
        raise typer.Exit(1)
    catalogue = default_catalogue()
    found = backtest(compiled, read_history(_lines(facts), catalogue), catalogue)
    if as_json:
        _print_json(found.as_json())
        return
    typer.echo(f"{found.summary} ({found.covered} would have run, {found.held} would have been held)")
    for one in found.disagreements:
        typer.echo(
            f"  {one.id}: you {one.decision}, the rule would have {'run it' if one.ran_alone else 'asked'}: {one.why}"
        )


@app.command("facts")
def facts_command(as_json: Json = False) -> None:
    """List the facts and operations that a rule can speak of."""
    from coco.guardrails.declarations import default_catalogue

    catalogue = default_catalogue()
    if as_json:
        _print_json(
            {
                "facts": [fact.model_dump(mode="json") for fact in catalogue.facts.values()],
                "operations": [operation.model_dump(mode="json") for operation in catalogue.operations.values()],
            }
        )
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("fact", "type", "meaning", title="Facts")
    for fact in catalogue.facts.values():
        table.add_row(fact.name, fact.type.value, fact.doc)
    operations = Table("operation", "meaning", title="Operations")
    for operation in catalogue.operations.values():
        operations.add_row(operation.name, operation.doc)
    console.print(table)
    console.print(operations)


if __name__ == "__main__":
    app()
