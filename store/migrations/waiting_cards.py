"""Reminders and escalation: what waits for whom, since when, and who is told. Nothing here decides or lets decide.

Part of one migration; a later change is a new migration, never an edit here.

Who may decide is asked of `coco_workflow_approvers`, here as everywhere. The control side writes that somebody was
reminded, or that a card was put before somebody; no function that judges an approval, a decision or a grant reads it.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

TABLES = ("reminder_settings", "reminders", "escalation_rules", "escalations")

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "reminder_settings": "SELECT, INSERT, UPDATE (is_on, first_hours, again_hours, quiet_from, quiet_until, zone, "
        "updated_at)",
        "reminders": "SELECT",
        "escalation_rules": "SELECT, INSERT, UPDATE (after_hours, to_id, to_role, updated_at), DELETE",
        "escalations": "SELECT",
    },
    "coco_control": {
        "reminder_settings": "SELECT",
        "reminders": "SELECT, INSERT",
        "escalation_rules": "SELECT",
        "escalations": "SELECT, INSERT, UPDATE (ended_at)",
    },
}

FUNCTIONS = """
-- Whether an action waits for this person's yes: they may decide on it, have no part in an approval of it, and their
-- yes would count where the workflow has rules.
CREATE FUNCTION coco_waits_for(the_action uuid, person uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM actions a WHERE a.id = the_action AND a.state = 'pending'
       AND coco_counts_as(a.workflow_id, person, NULL)
       AND NOT EXISTS (SELECT 1 FROM approvals p WHERE p.action_id = a.id AND p.digest = a.digest
                          AND person IN (p.person_id, p.counts_for))
       AND (NOT EXISTS (SELECT 1 FROM coco_rules_of(a.id)) OR EXISTS (
             SELECT 1 FROM coco_rules_of(a.id) q
              WHERE NOT coco_rule_holds(a.id, q.people, q.role, q.not_requester)
                AND coco_counts_as(a.workflow_id, person, q.role)
                AND NOT (q.not_requester AND EXISTS (SELECT 1 FROM coco_asked_for(a.id) who WHERE who = person)))))
$$;

-- Actions that wait for somebody's yes since before a moment; not those that run by themselves when their time is up.
-- Of all, or those of one person and of the teams that they are in.
CREATE FUNCTION coco_undecided(before timestamptz, around uuid) RETURNS SETOF actions
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.* FROM actions a JOIN runs r ON r.id = a.run_id AND r.user_id = a.user_id
   WHERE a.state = 'pending' AND a.created_at <= before AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL
     AND (around IS NULL OR a.user_id = around OR a.workflow_id IN (
           SELECT s.workflow_id FROM team_members m JOIN team_shares s ON s.team_id = m.team_id AND s.ended_at IS NULL
            WHERE m.user_id = around AND m.left_at IS NULL))
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = a.user_id)
     AND NOT EXISTS (SELECT 1 FROM notices n JOIN guardrails g ON g.id = n.guardrail_id
                        AND g.version = n.guardrail_version AND g.state = 'confirmed'
                      WHERE n.action_id = a.id AND n.not_before > now())
$$;

-- The team that sees a run; NULL where none does.
CREATE FUNCTION coco_team_of_run(the_run uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.team_id FROM runs r JOIN workflows w ON w.id = r.workflow_id AND w.user_id = r.user_id
    JOIN team_shares s ON s.workflow_id = w.id AND s.user_id = w.user_id AND s.team_id = w.team_id
     AND s.ended_at IS NULL AND r.created_at >= s.shared_at AND coco_run_since(r.id) >= s.shared_at
   WHERE r.id = the_run
$$;

-- The runs that wait for somebody since before a moment, and for whom: a run's own person by its questions, unknown
-- outcomes and actions, others of its team by the actions on which their yes would count. Of one person, or of all.
CREATE FUNCTION coco_waiting_cards(before timestamptz, only_for uuid)
RETURNS TABLE (person_id uuid, owner_id uuid, run_id uuid, team_id uuid, title text, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH items AS (
    SELECT v.person_id, o.user_id AS owner_id, o.run_id, o.created_at AS at
      FROM coco_undecided(before, only_for) o CROSS JOIN LATERAL coco_workflow_approvers(o.workflow_id) v
     WHERE (only_for IS NULL OR v.person_id = only_for)
       AND (v.person_id = o.user_id OR coco_team_of_run(o.run_id) IS NOT NULL)
       AND coco_waits_for(o.id, v.person_id)
    UNION ALL
    SELECT a.user_id, a.user_id, a.run_id, a.updated_at FROM actions a
     WHERE a.state = 'outcome_unknown' AND a.updated_at <= before AND (only_for IS NULL OR a.user_id = only_for)
       AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = a.id AND d.stage = 'settle')
       AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = a.user_id)
    UNION ALL
    SELECT q.user_id, q.user_id, q.run_id, q.asked_at FROM questions q JOIN runs r ON r.id = q.run_id
     WHERE q.answer IS NULL AND q.asked_at <= before AND (only_for IS NULL OR q.user_id = only_for)
       AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = q.user_id))
  SELECT i.person_id, i.owner_id, i.run_id, CASE WHEN i.person_id <> i.owner_id THEN coco_team_of_run(i.run_id) END,
         (SELECT w.title FROM runs r JOIN workflows w ON w.id = r.workflow_id WHERE r.id = i.run_id), min(i.at)
    FROM items i GROUP BY i.person_id, i.owner_id, i.run_id
$$;

-- Who may be due a reminder at a moment; their terms, with the quiet hours, are asked of each (coco.reminders).
CREATE FUNCTION coco_reminders_due(moment timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT c.person_id FROM coco_waiting_cards(moment - interval '1 hour', NULL) c
    LEFT JOIN reminder_settings t ON t.user_id = c.person_id
    LEFT JOIN LATERAL (SELECT max(x.at) AS at FROM reminders x
                        WHERE x.user_id = c.person_id AND x.run_id = c.run_id AND x.at >= c.since) last ON true
   WHERE coalesce(t.is_on, true)
     AND CASE WHEN last.at IS NULL THEN c.since + make_interval(hours => coalesce(t.first_hours, 4)) <= moment
              WHEN t.user_id IS NULL THEN last.at + interval '24 hours' <= moment
              ELSE coalesce(last.at + make_interval(hours => t.again_hours) <= moment, false) END
$$;

CREATE FUNCTION coco_my_waiting_cards()
RETURNS TABLE (owner_id uuid, run_id uuid, team_id uuid, title text, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.owner_id, c.run_id, c.team_id, c.title, c.since FROM coco_waiting_cards(now(), <the user>) c
$$;

-- Whom a rule names: of those who may decide on the workflow anyway, other than whose it is.
CREATE FUNCTION coco_escalates_to(the_workflow uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT v.person_id FROM escalation_rules e JOIN workflows w ON w.id = e.workflow_id AND w.user_id = e.user_id
   CROSS JOIN LATERAL coco_workflow_approvers(w.id) v
   WHERE e.workflow_id = the_workflow AND v.person_id <> w.user_id
     AND (v.person_id = e.to_id OR coco_team_role(w.team_id, v.person_id) = e.to_role)
$$;

-- A rule is its workflow's owner's, of a workflow that is shared with a team, and names somebody who may decide.
CREATE FUNCTION coco_check_escalation_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.to_id IS NOT NULL AND (NEW.to_id = NEW.user_id OR NOT coco_counts_as(NEW.workflow_id, NEW.to_id, NULL)) THEN
    RAISE EXCEPTION 'whom you choose may not decide on this workflow' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.to_role IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM workflows w JOIN team_members m ON m.team_id = w.team_id AND m.user_id <> w.user_id
       WHERE w.id = NEW.workflow_id AND coco_team_role(w.team_id, m.user_id) = NEW.to_role
         AND coco_counts_as(w.id, m.user_id, NULL)) THEN
    RAISE EXCEPTION 'nobody else of the team has this role' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_escalation_rule BEFORE INSERT OR UPDATE ON escalation_rules
  FOR EACH ROW EXECUTE FUNCTION coco_check_escalation_rule();

-- Runs whose cards are to be put before somebody now: waiting for longer than their workflow's rule says, and not put
-- before that person since. Of one owner, or of all.
CREATE FUNCTION coco_escalations_due(only_of uuid)
RETURNS TABLE (owner_id uuid, run_id uuid, team_id uuid, title text, to_id uuid, since timestamptz, after_hours integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.user_id, o.run_id, w.team_id, w.title, t.person, min(o.created_at), e.after_hours
    FROM escalation_rules e JOIN workflows w ON w.id = e.workflow_id AND w.user_id = e.user_id AND w.team_id IS NOT NULL
    JOIN coco_undecided(now(), only_of) o ON o.workflow_id = w.id AND o.user_id = w.user_id
     AND o.created_at <= now() - make_interval(hours => e.after_hours)
    CROSS JOIN LATERAL (SELECT coco_escalates_to(w.id) AS person) t
   WHERE (only_of IS NULL OR e.user_id = only_of) AND coco_team_of_run(o.run_id) IS NOT NULL
     AND coco_waits_for(o.id, t.person)
     AND NOT EXISTS (SELECT 1 FROM escalations x WHERE x.run_id = o.run_id AND x.to_id = t.person
                        AND x.ended_at IS NULL)
   GROUP BY o.user_id, o.run_id, w.team_id, w.title, t.person, e.after_hours
$$;

-- Ends those on whose run nothing waits for that person any more.
CREATE FUNCTION coco_end_escalations() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH over AS (
    UPDATE escalations x SET ended_at = now()
     WHERE x.ended_at IS NULL AND NOT EXISTS (
       SELECT 1 FROM actions a JOIN runs r ON r.id = a.run_id
        WHERE a.run_id = x.run_id AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL
          AND coco_team_of_run(x.run_id) IS NOT NULL AND coco_waits_for(a.id, x.to_id))
    RETURNING 1)
  SELECT count(*) FROM over
$$;

-- What was put before the session's person, while something on it waits for them.
CREATE FUNCTION coco_escalated_to_me()
RETURNS TABLE (owner_id uuid, run_id uuid, team_id uuid, title text, since timestamptz, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT x.user_id, x.run_id, w.team_id, w.title, x.since, x.at
    FROM escalations x JOIN runs r ON r.id = x.run_id AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL
    JOIN workflows w ON w.id = r.workflow_id AND w.user_id = r.user_id
   WHERE x.to_id = <the user> AND x.ended_at IS NULL AND coco_team_of_run(x.run_id) IS NOT NULL
     AND EXISTS (SELECT 1 FROM actions a WHERE a.run_id = x.run_id AND coco_waits_for(a.id, x.to_id))
$$;
"""

INTERNAL = (
    "coco_waits_for(uuid, uuid)",
    "coco_undecided(timestamptz, uuid)",
    "coco_team_of_run(uuid)",
    "coco_escalates_to(uuid)",
)
"""Functions that answer about anybody: no role calls them."""
CALLABLE = {
    "coco_waiting_cards(timestamptz, uuid)": "coco_control",
    "coco_reminders_due(timestamptz)": "coco_control",
    "coco_my_waiting_cards()": "coco_api",
    "coco_escalations_due(uuid)": "coco_control",
    "coco_end_escalations()": "coco_control",
    "coco_escalated_to_me()": "coco_api",
}
"""Function -> the role that may call it."""


def statements() -> list[str]:
    """Every statement, in order."""
    result = [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in TABLES]
    result += [
        f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})" for table in TABLES
    ]
    for role, tables in PRIVILEGES.items():
        result += [f"GRANT {privileges} ON {table} TO {role}" for table, privileges in tables.items()]
    result.append(FUNCTIONS.replace("<the user>", USER_ID))
    result += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in (*INTERNAL, *CALLABLE)]
    result += [f"GRANT EXECUTE ON FUNCTION {function} TO {role}" for function, role in CALLABLE.items()]
    return result
