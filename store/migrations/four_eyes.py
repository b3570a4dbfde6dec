"""Four eyes in use: who edits an action asked for it, who of a team decided is kept, and what is sent is judged last.

Part of one migration; a later change is a new migration, never an edit here. Replaces functions of
store.migrations.privileges_approvals and team_approvals.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

JUDGING = """
-- Who asked for an action: whoever started its run, and whoever wrote what stands in it now.
CREATE FUNCTION coco_asked_for(the_action uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(r.requested_by, r.user_id) FROM actions a JOIN runs r ON r.id = a.run_id AND r.user_id = a.user_id
   WHERE a.id = the_action
  UNION
  SELECT coalesce(d.by_id, d.user_id) FROM actions a
    JOIN actions e ON e.run_id = a.run_id AND e.user_id = a.user_id AND e.key = a.key AND e.version < a.version
    JOIN decisions d ON d.action_id = e.id AND d.verdict = 'edit'
   WHERE a.id = the_action
$$;

-- The approvals of an action that count for a rule, by the roles, delegations and digest of this moment: the person,
-- and the one it counts for.
CREATE FUNCTION coco_counting(the_action uuid, asked text, not_requester boolean) RETURNS TABLE (one uuid, other uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.person_id, p.counts_for
    FROM approvals p JOIN actions a ON a.id = p.action_id AND a.user_id = p.user_id AND a.digest = p.digest
   WHERE a.id = the_action
     AND coco_counts_as(a.workflow_id, p.person_id, asked) AND coco_counts_as(a.workflow_id, p.counts_for, asked)
     AND NOT (not_requester AND EXISTS (
           SELECT 1 FROM coco_asked_for(a.id) who WHERE who IN (p.person_id, p.counts_for)))
     AND CASE WHEN p.delegation_id IS NULL THEN p.person_id = p.counts_for ELSE EXISTS (
           SELECT 1 FROM delegations d WHERE d.id = p.delegation_id AND d.user_id = p.counts_for
              AND d.to_id = p.person_id AND d.withdrawn_at IS NULL AND p.at >= d.starts_at AND p.at < d.ends_at) END
$$;

CREATE OR REPLACE FUNCTION coco_rule_holds(the_action uuid, people integer, asked text, not_requester boolean)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH counting AS (SELECT c.one, c.other FROM coco_counting(the_action, asked, not_requester) c)
  SELECT CASE people
    WHEN 1 THEN EXISTS (SELECT 1 FROM counting)
    WHEN 2 THEN EXISTS (SELECT 1 FROM counting x, counting y
                         WHERE x.one NOT IN (y.one, y.other) AND x.other NOT IN (y.one, y.other))
    ELSE false END
$$;

-- Every rule holds; and where people of a team gave approvals, one of them may still decide, whatever the rules ask.
CREATE OR REPLACE FUNCTION coco_approved(the_action uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT NOT EXISTS (SELECT 1 FROM coco_rules_of(the_action) q
                      WHERE NOT coco_rule_holds(the_action, q.people, q.role, q.not_requester))
     AND (EXISTS (SELECT 1 FROM coco_counting(the_action, NULL, false))
          OR NOT EXISTS (SELECT 1 FROM approvals p JOIN actions a ON a.id = p.action_id AND a.digest = p.digest
                          WHERE p.action_id = the_action))
$$;

-- A decision of somebody else than whose action it is: they may decide on its workflow, and approve by an approval.
CREATE OR REPLACE FUNCTION coco_check_decision_approvals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.by_id IS NOT NULL AND (NEW.verdict NOT IN ('approve', 'reject') OR NOT EXISTS (
      SELECT 1 FROM actions a WHERE a.id = NEW.action_id AND coco_counts_as(a.workflow_id, NEW.by_id, NULL))
      OR (NEW.verdict = 'approve' AND NOT EXISTS (
        SELECT 1 FROM approvals p WHERE p.action_id = NEW.action_id AND p.digest = NEW.digest
           AND p.person_id = NEW.by_id))) THEN
    RAISE EXCEPTION 'who decides may not decide on this workflow' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.verdict = 'approve' AND NOT coco_approved(NEW.action_id) THEN
    RAISE EXCEPTION 'the approvals are not what the rule of the workflow asks for' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- Judged a last time right before anything is sent: a grant outlives nobody's role, membership or delegation, and no
-- rule that came later.
CREATE FUNCTION coco_check_sending() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state = 'sending' AND (TG_OP = 'INSERT' OR OLD.state <> 'sending') AND NOT coco_approved(NEW.action_id) THEN
    RAISE EXCEPTION 'the approvals are not what the rule of the workflow asks for' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_sending BEFORE INSERT OR UPDATE OF state ON effects
  FOR EACH ROW EXECUTE FUNCTION coco_check_sending();
"""

DECIDING = """
-- Whose an action is that the session's person may decide on as one of a team; NULL where they may not, or where the
-- team does not see its run. Holds their membership, the run and the action until the transaction ends.
CREATE FUNCTION coco_team_decides(the_team uuid, the_action uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  whose uuid;
BEGIN
  PERFORM 1 FROM team_members m WHERE m.team_id = the_team AND m.user_id = <the user> AND m.left_at IS NULL FOR SHARE;
  SELECT r.user_id INTO whose FROM actions a JOIN runs r ON r.id = a.run_id AND r.user_id = a.user_id
    JOIN workflows w ON w.id = r.workflow_id AND w.user_id = r.user_id AND w.team_id = the_team
    JOIN team_shares s ON s.workflow_id = w.id AND s.user_id = w.user_id AND s.team_id = the_team
     AND s.ended_at IS NULL AND r.created_at >= s.shared_at
   WHERE a.id = the_action AND coco_counts_as(w.id, <the user>, NULL)
     AND coco_team_role(the_team, <the user>) IS NOT NULL FOR UPDATE OF r;
  IF whose IS NOT NULL THEN
    PERFORM 1 FROM actions a WHERE a.id = the_action FOR UPDATE;
  END IF;
  RETURN whose;
END $$;

-- The actions of others that wait for the session's person: they may decide on them, have not approved, and their yes
-- would count.
CREATE FUNCTION coco_waiting_for_me() RETURNS TABLE (team_id uuid, owner_id uuid, run_id uuid, action_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.team_id, r.user_id, r.id, a.id
    FROM coco_my_teams() t JOIN team_shares s ON s.team_id = t AND s.ended_at IS NULL AND s.user_id <> <the user>
    JOIN workflows w ON w.id = s.workflow_id AND w.user_id = s.user_id AND w.team_id = s.team_id
    JOIN runs r ON r.workflow_id = w.id AND r.user_id = w.user_id AND r.created_at >= s.shared_at
     AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL
    JOIN actions a ON a.run_id = r.id AND a.user_id = r.user_id AND a.state = 'pending'
   WHERE coco_counts_as(w.id, <the user>, NULL)
     AND NOT EXISTS (SELECT 1 FROM approvals p WHERE p.action_id = a.id AND p.digest = a.digest
                        AND <the user> IN (p.person_id, p.counts_for))
     AND (NOT EXISTS (SELECT 1 FROM coco_rules_of(a.id)) OR EXISTS (
           SELECT 1 FROM coco_rules_of(a.id) q
            WHERE NOT coco_rule_holds(a.id, q.people, q.role, q.not_requester)
              AND coco_counts_as(w.id, <the user>, q.role)
              AND NOT (q.not_requester AND EXISTS (SELECT 1 FROM coco_asked_for(a.id) who WHERE who = <the user>))))
$$;
"""

TELLING = """
CREATE FUNCTION coco_called(person uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN u.email LIKE 'erased:%' THEN 'somebody whose account was deleted'
              ELSE coalesce(nullif(u.name, ''), u.email) END FROM users u WHERE u.id = person
$$;

-- How some actions stand with the rules of their workflows, for whose they are and for who sees their runs in a team.
-- Only of those where there is something to tell. Of a run that the team does not see, nobody of it can approve.
CREATE FUNCTION coco_approval_facts(the_actions uuid[])
RETURNS TABLE (action_id uuid, viewer uuid, rules jsonb, given jsonb, asked_for uuid[], roles jsonb, decided_by text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.id, <the user>,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('people', q.people, 'role', q.role,
                                                  'not_requester', q.not_requester) ORDER BY q.version), '[]')
       FROM coco_rules_of(a.id) q),
    (SELECT coalesce(jsonb_agg(jsonb_build_object('person', p.person_id, 'name', coco_called(p.person_id),
        'counts_for', p.counts_for, 'for_name', coco_called(p.counts_for), 'at', p.at, 'holds', EXISTS (
          SELECT 1 FROM coco_counting(a.id, NULL, false) c WHERE c.one = p.person_id)) ORDER BY p.at), '[]')
       FROM approvals p WHERE p.action_id = a.id AND p.digest = a.digest),
    ARRAY(SELECT coco_asked_for(a.id)),
    (SELECT coalesce(jsonb_object_agg(v.person_id, v.role), '{}') FROM coco_workflow_approvers(a.workflow_id) v
      WHERE v.person_id = a.user_id OR EXISTS (
        SELECT 1 FROM team_shares s JOIN runs r ON r.id = a.run_id AND r.created_at >= s.shared_at
         WHERE s.workflow_id = a.workflow_id AND s.ended_at IS NULL)),
    (SELECT coco_called(d.by_id) FROM decisions d WHERE d.action_id = a.id AND d.stage = 'gate')
   FROM unnest(the_actions) wanted JOIN actions a ON a.id = wanted
  WHERE (a.user_id = <the user> OR coco_sees_run(a.run_id))
    AND (EXISTS (SELECT 1 FROM approvals p WHERE p.action_id = a.id)
         OR EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = a.id AND d.by_id IS NOT NULL)
         OR (a.state = 'pending' AND EXISTS (
               SELECT 1 FROM approval_rules q WHERE q.workflow_id = a.workflow_id AND q.user_id = a.user_id)))
$$;
"""

WATCHING = """
-- A waiting card, and each decision on it, is news to everybody else who may decide on it: their pages look again.
CREATE FUNCTION coco_tell_approvers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO events (user_id, kind, body, at)
  SELECT v.person_id, 'team', jsonb_build_object('team', s.team_id, 'run', r.id), now()
    FROM runs r JOIN workflows w ON w.id = r.workflow_id AND w.user_id = r.user_id AND w.team_id IS NOT NULL
    JOIN team_shares s ON s.workflow_id = w.id AND s.user_id = w.user_id AND s.team_id = w.team_id
     AND s.ended_at IS NULL AND r.created_at >= s.shared_at,
         LATERAL coco_workflow_approvers(w.id) v
   WHERE r.id = NEW.run_id AND r.user_id = NEW.user_id AND v.person_id <> NEW.user_id;
  RETURN NULL;
END $$;
CREATE TRIGGER tell_approvers AFTER INSERT ON events FOR EACH ROW
  WHEN (NEW.kind IN ('action', 'card') AND NEW.run_id IS NOT NULL) EXECUTE FUNCTION coco_tell_approvers();
"""

INTERNAL = (
    "coco_asked_for(uuid)",
    "coco_counting(uuid, text, boolean)",
    "coco_called(uuid)",
)
"""Functions that answer about anybody: no role calls them."""
CALLABLE = {
    "coco_team_decides(uuid, uuid)": "coco_api",
    "coco_waiting_for_me()": "coco_api",
    "coco_approval_facts(uuid[])": "coco_api, coco_control",
}
"""Function -> the roles that may call it."""


def statements() -> list[str]:
    """Every statement, in order; after `decisions.by_id` is there."""
    result = [text.replace("<the user>", USER_ID) for text in (JUDGING, DECIDING, TELLING, WATCHING)]
    result += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in (*INTERNAL, *CALLABLE)]
    result += [f"GRANT EXECUTE ON FUNCTION {function} TO {roles}" for function, roles in CALLABLE.items()]
    # The gateway asks before it sends, to refuse in words what the trigger would refuse.
    result.append("GRANT EXECUTE ON FUNCTION coco_my_approval(uuid) TO coco_gateway")
    return result
