"""How the pages say how an action stands with its approval rules, to whoever looks at it."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup, escape

from api.public.pages import wording
from api.public.pages.wording import ACTION_STATES, moment
from coco.actions import ActionState
from coco.approval_standing import sentence
from store.views import ActionView, RunView


def state_of_action(action: ActionView, team: object) -> tuple[str, str]:
    """An action's state for whoever looks: with `team`, somebody of one who sees it there."""
    told = ACTION_STATES[action.state]
    if action.state is not ActionState.PENDING:
        return told
    if action.approval is not None and not action.approval.counts:
        return "Waits for somebody else", told[1]
    return ("Waits for approval", told[1]) if team else told


def state_of_run(run: RunView) -> tuple[str, str]:
    """A run's state for somebody of its team: what waits for its person does not wait for whoever looks."""
    said, tone = wording.state_of_run(run)
    return {"Waits for you": "Waits for approval", "Needs you": "Needs its person"}.get(said, said), tone


def sentence_of(action: ActionView) -> Markup:
    """How an action stands with its rules: "Needs two people; approved by X at …; waits for one more"."""
    told = action.approval
    if told is None:
        return Markup("")
    waits = action.state is ActionState.PENDING
    pieces = sentence(told.rules if waits else (), told.given, told.missing if waits else 0)
    if pieces and action.state in {ActionState.SUPERSEDED, ActionState.DRIFTED}:
        pieces.append("; that counts for nothing since it was replaced")
    if pieces and isinstance(pieces[0], str):
        pieces[0] = pieces[0][:1].upper() + pieces[0][1:]
    return Markup("").join(moment(one) if isinstance(one, datetime) else escape(one) for one in pieces)


def about_my_yes(action: ActionView) -> str:
    """What the reader's own yes does to a waiting action, where it does not simply approve it."""
    told = action.approval
    if told is None or not told.rules or told.decides:
        return ""
    if not told.possible:
        return (
            "Too few people who see this run may decide on it and count for its rule. Give somebody of the team a "
            "role that approves. Where it is from before its workflow was shared, cancel it and start it again."
        )
    if told.mine:
        return "You approved it; it needs somebody else too."
    if told.counts:
        return "Your yes alone is not enough: the run goes on once somebody else has approved it too."
    if told.asked:
        return "You asked for it, by starting its run or editing it: your own yes does not count."
    return "Your role is not the one that its rule asks for: your yes does not count."


def whose_reason(action: ActionView, of_somebody: object) -> str:
    """Whose reason a decision has, for the start of its line."""
    if action.approval is not None and action.approval.decided_by:
        return f"Reason, by {action.approval.decided_by}"
    return "Reason" if of_somebody else "Your reason"
