"""What a team's trail has of delegations, who is woken when a workflow leaves its team, and who stands in for whom.

Part of one migration; a later change is a new migration, never an edit here. Replaces functions of
store.migrations.membership_ends and waiting_cards.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

FUNCTIONS = """
-- As before, and with the delegations of the team: each once, from the chain of who gave it.
CREATE OR REPLACE FUNCTION coco_team_audit(the_team uuid, person uuid, the_workflow uuid, the_run uuid, the_kind text,
                                           since timestamptz, until timestamptz, before_at timestamptz,
                                           before_user uuid, before_seq bigint, wanted integer)
RETURNS SETOF audit LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
  WITH allowed AS MATERIALIZED (
    SELECT 1 WHERE coco_team_role(the_team, <the user>) IN ('owner', 'admin', 'auditor')
  ), found AS (
    SELECT a.* FROM allowed, team_shares s, LATERAL (
      SELECT x.* FROM audit x
       WHERE x.user_id = s.user_id AND x.at >= s.shared_at AND x.at < coalesce(s.ended_at, 'infinity')
         AND x.search @@ ('''' || chr(1) || 'w' || s.workflow_id || '''')::tsquery
         AND x.kind NOT LIKE 'team\\_%'
         AND (x.run_id IS NULL OR EXISTS (
               SELECT 1 FROM runs r WHERE r.id = x.run_id AND r.user_id = s.user_id AND r.workflow_id = s.workflow_id
                  AND r.created_at >= s.shared_at
                  AND (NOT EXISTS (SELECT 1 FROM undos u WHERE u.run_id = r.id)
                       OR coco_run_since(r.id) >= s.shared_at)))
         AND x.body ->> 'workflow' = s.workflow_id::text) a
     WHERE s.team_id = the_team
    UNION ALL
    SELECT a.* FROM allowed, audit a
     WHERE a.kind LIKE 'team\\_%' AND a.body ->> 'team' = the_team::text
       AND a.actor IN ('user:' || a.user_id, 'system')
    UNION ALL
    SELECT a.* FROM allowed, audit a
     WHERE a.kind LIKE 'delegation\\_%' AND a.body ->> 'team' = the_team::text
       AND a.body ->> 'by' = a.user_id::text
  )
  SELECT f.* FROM found f
   WHERE (person IS NULL OR f.user_id = person OR f.actor = 'user:' || person)
     AND (the_workflow IS NULL OR f.body ->> 'workflow' = the_workflow::text)
     AND (the_run IS NULL OR f.run_id = the_run)
     AND (the_kind IS NULL OR f.kind = the_kind)
     AND (since IS NULL OR f.at >= since) AND (until IS NULL OR f.at < until)
     AND (before_at IS NULL OR (f.at, f.user_id, f.seq) < (before_at, before_user, before_seq))
   ORDER BY f.at DESC, f.user_id DESC, f.seq DESC LIMIT least(wanted, 1000)
$$;

-- Out of its team, no budget of the team's holds a workflow's runs any more: they look again. Of an account that is
-- being deleted nothing goes on, and no row is taken.
CREATE FUNCTION coco_wake_unshared() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO wakeups (id, user_id, run_id, kind, created_at, next_attempt_at, attempts)
    SELECT gen_random_uuid(), r.user_id, r.id, 'wake', now(), now(), 0 FROM runs r
     WHERE r.workflow_id = NEW.id AND r.user_id = NEW.user_id AND r.finished_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = r.user_id);
  RETURN NULL;
END $$;
CREATE TRIGGER wake_unshared AFTER UPDATE OF team_id ON workflows FOR EACH ROW
  WHEN (OLD.team_id IS NOT NULL AND NEW.team_id IS DISTINCT FROM OLD.team_id) EXECUTE FUNCTION coco_wake_unshared();

-- Whom a rule names, and whom they let decide for them on the workflow while they are away: of those who may decide on
-- it anyway, other than whose it is.
CREATE OR REPLACE FUNCTION coco_escalates_to(the_workflow uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH named AS (
    SELECT v.person_id AS person, w.user_id AS owner
      FROM escalation_rules e JOIN workflows w ON w.id = e.workflow_id AND w.user_id = e.user_id
     CROSS JOIN LATERAL coco_workflow_approvers(w.id) v
     WHERE e.workflow_id = the_workflow AND v.person_id <> w.user_id
       AND (v.person_id = e.to_id OR coco_team_role(w.team_id, v.person_id) = e.to_role))
  SELECT n.person FROM named n
  UNION
  SELECT d.to_id FROM named n JOIN delegations d ON d.user_id = n.person AND d.to_id <> n.owner
   WHERE coco_delegated(d.id, d.user_id, d.to_id, the_workflow, now()) AND coco_counts_as(the_workflow, d.to_id, NULL)
$$;
"""


def statements() -> list[str]:
    """Every statement, in order. Who may call the functions that are replaced stays as it was."""
    return [
        # A rule is the session's own person's, in name too.
        f"ALTER POLICY own ON approval_rules WITH CHECK (user_id = {USER_ID} AND set_by = {USER_ID})",
        "CREATE INDEX ix_audit_delegation ON audit ((body ->> 'team'), at) WHERE kind LIKE 'delegation\\_%' "
        "AND body ->> 'team' IS NOT NULL",
        FUNCTIONS.replace("<the user>", USER_ID),
        "REVOKE ALL ON FUNCTION coco_wake_unshared() FROM PUBLIC",
    ]
