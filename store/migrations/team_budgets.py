"""Budgets of teams: who sets one, and what counts against it.

Part of one migration; a later change is a new migration, never an edit here.

What counts is what shared workflows reserved while they were shared: taking a workflow out of its team takes nothing
of what it used out of the team's budget.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

FUNCTIONS = """
-- Used, or set aside, by workflows of a team of the session's person, since a moment.
CREATE FUNCTION coco_team_committed(the_team uuid, since timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(CASE closed.kind
           WHEN 'release' THEN 0
           WHEN 'settle' THEN coalesce((SELECT p.amount FROM ledger_postings p
                                         WHERE p.transaction_id = closed.id AND p.account = 'used'), 0)
           ELSE coalesce((SELECT p.amount FROM ledger_postings p
                           WHERE p.transaction_id = r.id AND p.account = 'reserved'), 0) END), 0)::bigint
    FROM team_shares s
    JOIN ledger_transactions r ON r.user_id = s.user_id AND r.workflow_id = s.workflow_id AND r.kind = 'reserve'
     AND r.at >= greatest(s.shared_at, since) AND r.at < coalesce(s.ended_at, 'infinity')
    LEFT JOIN ledger_transactions closed
      ON closed.user_id = r.user_id AND closed.ref = r.ref AND closed.kind IN ('settle', 'release')
   WHERE s.team_id = the_team AND the_team IN (SELECT coco_my_teams())
$$;

-- Sets a budget, or takes it away with NULL; what it was before. The team's open runs look again.
CREATE FUNCTION coco_team_budget(the_team uuid, the_period text, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before integer;
BEGIN
  PERFORM 1 FROM teams t WHERE t.id = the_team FOR UPDATE;
  IF coalesce(coco_team_role(the_team, <the user>), '') NOT IN ('owner', 'admin') THEN
    RAISE EXCEPTION 'your role does not let you set a budget of this team' USING ERRCODE = 'check_violation';
  END IF;
  SELECT b.credits INTO before FROM team_budgets b WHERE b.team_id = the_team AND b.period = the_period;
  IF most IS NOT DISTINCT FROM before THEN
    RETURN before;
  END IF;
  IF most IS NULL THEN
    DELETE FROM team_budgets b WHERE b.team_id = the_team AND b.period = the_period;
  ELSE
    INSERT INTO team_budgets (team_id, period, credits, set_by, updated_at)
      VALUES (the_team, the_period, most, <the user>, now())
      ON CONFLICT (team_id, period) DO UPDATE SET credits = most, set_by = <the user>, updated_at = now();
  END IF;
  INSERT INTO wakeups (id, user_id, run_id, kind, created_at, next_attempt_at, attempts)
    SELECT gen_random_uuid(), r.user_id, r.id, 'wake', now(), now(), 0 FROM runs r
      JOIN workflows w ON w.id = r.workflow_id AND w.user_id = r.user_id
     WHERE w.team_id = the_team AND r.finished_at IS NULL;
  RETURN before;
END $$;
"""

CALLABLE = {
    "coco_team_committed(uuid, timestamptz)": "coco_api, coco_control",
    "coco_team_budget(uuid, text, integer)": "coco_api",
}
"""Function -> the roles that may call it."""


def statements() -> list[str]:
    """Every statement, in order."""
    result = [
        "ALTER TABLE team_budgets ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY in_it ON team_budgets FOR SELECT USING (team_id IN (SELECT coco_my_teams()))",
        "GRANT SELECT ON team_budgets TO coco_api, coco_control",
        FUNCTIONS.replace("<the user>", USER_ID),
    ]
    result += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in CALLABLE]
    result += [f"GRANT EXECUTE ON FUNCTION {function} TO {roles}" for function, roles in CALLABLE.items()]
    return result
