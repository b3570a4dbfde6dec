"""The three sentences that must work as written."""

from __future__ import annotations

from coco.guardrails.check import check_lines
from coco.guardrails.english.compiler import Compiled, compile_sentence
from coco.guardrails.form import Age, Has, Is, Share, Within, conjunction

from .strategies import CATALOGUE

ENRICH = 'Auto-enrich any new HubSpot contact tagged "design partner candidate" within 24 hours.'
DRAFT = (
    "Auto-draft follow-ups for any deal silent more than 14 days at the qualified stage. "
    "Queue drafts for review; don't send."
)
ARCHIVE = (
    "Auto-archive contacts where every email has bounced and there's been no activity in 90 days. Notify me first."
)
DAY = 86_400


def _verdicts(compiled: Compiled, *lines: str) -> list[bool]:
    return [answer.covered for answer in check_lines(compiled, lines, CATALOGUE, now=None)]


def test_enrich() -> None:
    compiled = compile_sentence(ENRICH)
    form = compiled.form
    assert form is not None
    assert form.connector == "hubspot"
    assert form.predicate == Has(fact="contact.tags", values=("design partner candidate",), least=1)
    assert form.window.within == Within(fact="contact.created_at", seconds=DAY)
    assert form.mode == "run"
    record = (
        '{{"contact.tags": ["Design partner candidate"], "contact.created_at": "{}", "now": "2026-11-24T10:00:00Z"}}'
    )
    assert _verdicts(
        compiled,
        record.format("2026-11-23T10:00:00Z"),
        record.format("2026-11-23T09:59:59Z"),
        record.format("2026-11-24T11:00:00+01:00"),
        record.format("2026-11-24T10:00:01Z"),
    ) == [True, False, True, False]


def test_draft() -> None:
    compiled = compile_sentence(DRAFT)
    form = compiled.form
    assert form is not None
    assert form.mode == "draft_only"
    assert [covered.operation for covered in form.operations] == ["email.draft"]
    assert form.predicate == conjunction(
        [Age(fact="deal.last_activity_at", order=">", seconds=14 * DAY), Is(fact="deal.stage", values=("qualified",))]
    )
    record = '{{"deal.stage": "{}", "deal.last_activity_at": "{}", "now": "2026-11-24T10:00:00Z"}}'
    assert _verdicts(
        compiled,
        record.format("Qualified", "2026-11-10T09:59:59Z"),
        record.format("Qualified", "2026-11-10T10:00:00Z"),
        record.format("Negotiation", "2026-01-01T00:00:00Z"),
    ) == [True, False, False]


def test_draft_never_covers_a_send() -> None:
    line = (
        '{"deal.stage": "qualified", "deal.last_activity_at": "2026-01-01T00:00:00Z", "now": "2026-11-24T10:00:00Z",'
        ' "action.operation": "%s"}'
    )
    assert _verdicts(compile_sentence(DRAFT), line % "email.draft", line % "email.send") == [True, False]


def test_archive() -> None:
    compiled = compile_sentence(ARCHIVE)
    form = compiled.form
    assert form is not None
    assert (form.mode, form.wait_hours, form.run_when_offline) == ("notify_first", 24, False)
    assert "wait 24 hours" in compiled.reading
    assert "do not run while I am offline" in compiled.reading
    assert form.predicate == conjunction(
        [
            Share(fact="email.bounced", order=">=", per_myriad=10_000),
            Age(fact="contact.last_activity_at", order=">", seconds=90 * DAY),
        ]
    )
    record = '{{"email.bounced": {}, "contact.last_activity_at": "{}", "now": "2026-11-24T10:00:00Z"}}'
    old = "2026-01-01T00:00:00Z"
    assert _verdicts(
        compiled,
        record.format("[true, true]", old),
        record.format("[true, false]", old),
        record.format("[]", old),
        record.format("true", old),
        record.format("[1]", old),
        record.format("null", old),
        record.format("[true]", "2026-08-26T10:00:00Z"),
        record.format("[true]", "2026-08-26T09:59:59Z"),
    ) == [True, False, False, False, False, False, False, True]
