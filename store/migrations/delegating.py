"""Delegation while away: in one team, for some of its shared workflows or all of them, and only while both are in it.

Part of one migration; a later change is a new migration, never an edit here. Replaces functions of
store.migrations.privileges_approvals and four_eyes.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

FUNCTIONS = """
-- Whether `by_whom` lets `to_whom` decide for them on a workflow, at a moment.
CREATE FUNCTION coco_delegated(the_delegation uuid, by_whom uuid, to_whom uuid, the_workflow uuid, moment timestamptz)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM delegations d JOIN workflows w ON w.id = the_workflow AND w.team_id = d.team_id
    WHERE d.id = the_delegation AND d.user_id = by_whom AND d.to_id = to_whom AND d.withdrawn_at IS NULL
      AND moment >= d.starts_at AND moment < d.ends_at
      AND (d.workflows IS NULL OR d.workflows ? the_workflow::text)
      AND coco_team_role(d.team_id, by_whom) IS NOT NULL AND coco_team_role(d.team_id, to_whom) IS NOT NULL)
$$;

CREATE OR REPLACE FUNCTION coco_counting(the_action uuid, asked text, not_requester boolean)
RETURNS TABLE (one uuid, other uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.person_id, p.counts_for
    FROM approvals p JOIN actions a ON a.id = p.action_id AND a.user_id = p.user_id AND a.digest = p.digest
   WHERE a.id = the_action
     AND coco_counts_as(a.workflow_id, p.person_id, asked) AND coco_counts_as(a.workflow_id, p.counts_for, asked)
     AND NOT (not_requester AND EXISTS (
           SELECT 1 FROM coco_asked_for(a.id) who WHERE who IN (p.person_id, p.counts_for)))
     AND CASE WHEN p.delegation_id IS NULL THEN p.person_id = p.counts_for
              ELSE coco_delegated(p.delegation_id, p.counts_for, p.person_id, a.workflow_id, p.at) END
$$;

CREATE OR REPLACE FUNCTION coco_check_approval() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_workflow uuid;
BEGIN
  NEW.at := clock_timestamp();
  SELECT a.workflow_id INTO the_workflow FROM actions a JOIN runs r ON r.id = a.run_id
   WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.run_id = NEW.run_id AND a.digest = NEW.digest
     AND a.state = 'pending' AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL FOR UPDATE OF a;
  IF the_workflow IS NULL THEN
    RAISE EXCEPTION 'the approval is of no action that waits as it was shown' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.person_id IS DISTINCT FROM <the user> OR NOT coco_counts_as(the_workflow, NEW.person_id, NULL)
     OR NOT coco_counts_as(the_workflow, NEW.counts_for, NULL) THEN
    RAISE EXCEPTION 'who approves may not decide on this workflow' USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.delegation_id IS NULL) <> (NEW.person_id = NEW.counts_for) OR (NEW.delegation_id IS NOT NULL
     AND NOT coco_delegated(NEW.delegation_id, NEW.counts_for, NEW.person_id, the_workflow, NEW.at)) THEN
    RAISE EXCEPTION 'no delegation that runs lets them approve for somebody else' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- A delegation is between two people of one team, the other of whom may decide there by a role of their own; and for
-- workflows on which both may. It starts no earlier than it is written, is not changed, and is withdrawn once.
CREATE OR REPLACE FUNCTION coco_check_delegation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - 'withdrawn_at' <> to_jsonb(OLD) - 'withdrawn_at' OR OLD.withdrawn_at IS NOT NULL
       OR NEW.withdrawn_at IS NULL THEN
      RAISE EXCEPTION 'a delegation is withdrawn once, and not changed' USING ERRCODE = 'check_violation';
    END IF;
    NEW.withdrawn_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF NEW.withdrawn_at IS NOT NULL OR NEW.starts_at < now() - interval '1 minute' THEN
    RAISE EXCEPTION 'a delegation does not start in the past' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM 1 FROM team_members m WHERE m.team_id = NEW.team_id AND m.user_id IN (NEW.user_id, NEW.to_id)
     AND m.left_at IS NULL ORDER BY m.user_id FOR SHARE;
  IF coalesce(coco_team_role(NEW.team_id, NEW.to_id), '') NOT IN ('owner', 'admin', 'approver') THEN
    RAISE EXCEPTION 'whom you choose may not decide in this team' USING ERRCODE = 'check_violation';
  END IF;
  IF NOT coalesce(coco_team_role(NEW.team_id, NEW.user_id) IN ('owner', 'admin', 'approver') OR EXISTS (
      SELECT 1 FROM team_shares s WHERE s.team_id = NEW.team_id AND s.user_id = NEW.user_id AND s.ended_at IS NULL
         AND coco_team_role(NEW.team_id, NEW.user_id) IS NOT NULL), false) THEN
    RAISE EXCEPTION 'you decide on nothing in this team' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.workflows IS NOT NULL AND (NEW.workflows = '[]'::jsonb OR EXISTS (
      SELECT 1 FROM jsonb_array_elements_text(NEW.workflows) one
       WHERE NOT EXISTS (SELECT 1 FROM workflows w WHERE w.id::text = one AND w.team_id = NEW.team_id
          AND coco_counts_as(w.id, NEW.user_id, NULL) AND coco_counts_as(w.id, NEW.to_id, NULL)))) THEN
    RAISE EXCEPTION 'it is for workflows of this team on which you both may decide' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- With a membership, however it ends, end the delegations of that person and to them. Coming back revives none.
CREATE FUNCTION coco_end_delegations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE delegations d SET withdrawn_at = clock_timestamp()
   WHERE d.team_id = NEW.team_id AND NEW.user_id IN (d.user_id, d.to_id) AND d.withdrawn_at IS NULL
     AND d.ends_at > clock_timestamp();
  RETURN NULL;
END $$;
CREATE TRIGGER end_delegations AFTER UPDATE OF left_at ON team_members FOR EACH ROW
  WHEN (OLD.left_at IS NULL AND NEW.left_at IS NOT NULL) EXECUTE FUNCTION coco_end_delegations();

-- What would end with somebody's membership: for themselves, and for who may remove them. Oldest first.
CREATE FUNCTION coco_delegations_ending(the_team uuid, person uuid) RETURNS SETOF delegations
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT d.* FROM delegations d
   WHERE d.team_id = the_team AND person IN (d.user_id, d.to_id) AND d.withdrawn_at IS NULL AND d.ends_at > now()
     AND (person = <the user> OR coco_i_may_give(the_team, coco_team_role(the_team, person)))
   ORDER BY d.starts_at, d.id
$$;
"""


def statements() -> list[str]:
    """Every statement, in order. Who may call the functions that are replaced stays as it was."""
    ending = "coco_delegations_ending(uuid, uuid)"
    return [
        FUNCTIONS.replace("<the user>", USER_ID),
        "REVOKE ALL ON FUNCTION coco_delegated(uuid, uuid, uuid, uuid, timestamptz) FROM PUBLIC",
        f"REVOKE ALL ON FUNCTION {ending} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {ending} TO coco_api",
    ]
