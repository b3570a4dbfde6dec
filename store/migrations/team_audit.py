"""The audit entries that a team's managers and auditors read, and who may start a run of a shared workflow.

Part of one migration; a later change is a new migration, never an edit here.

The entries stay in the chain of the person whom they are about. Read with a team are those of its own events, told by
whoever did them, and those of a workflow from when to when it was shared with it: an entry that was shared while it
was written stays readable after its workflow is taken out, or its person has left, so that nobody takes their traces
along. Of a run that began before the sharing nothing is read.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

FUNCTIONS = """
-- Newest first, before (`before_at`, `before_user`, `before_seq`). Nothing for who may not read them.
CREATE FUNCTION coco_team_audit(the_team uuid, person uuid, the_workflow uuid, the_run uuid, the_kind text,
                                since timestamptz, until timestamptz, before_at timestamptz, before_user uuid,
                                before_seq bigint, wanted integer)
RETURNS SETOF audit LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
  WITH allowed AS MATERIALIZED (
    SELECT 1 WHERE coco_team_role(the_team, <the user>) IN ('owner', 'admin', 'auditor')
  ), found AS (
    SELECT a.* FROM allowed, team_shares s, LATERAL (
      SELECT x.* FROM audit x
       WHERE x.user_id = s.user_id AND x.at >= s.shared_at AND x.at < coalesce(s.ended_at, 'infinity')
         AND x.search @@ ('''' || chr(1) || 'w' || s.workflow_id || '''')::tsquery
         AND x.kind NOT LIKE 'team\\_%'
         AND (x.run_id IS NULL OR EXISTS (SELECT 1 FROM runs r WHERE r.id = x.run_id AND r.user_id = s.user_id
                                             AND r.workflow_id = s.workflow_id AND r.created_at >= s.shared_at))
         AND x.body ->> 'workflow' = s.workflow_id::text) a
     WHERE s.team_id = the_team
    UNION ALL
    SELECT a.* FROM allowed, audit a
     WHERE a.kind LIKE 'team\\_%' AND a.body ->> 'team' = the_team::text AND a.actor = 'user:' || a.user_id
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

-- Whose run it becomes when the session's person starts a workflow that is shared with a team of theirs; NULL where
-- they may not. Holds their membership until the transaction ends, so that it does not end in between.
CREATE FUNCTION coco_team_start(the_team uuid, the_workflow uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  whose uuid;
BEGIN
  PERFORM 1 FROM team_members m WHERE m.team_id = the_team AND m.user_id = <the user> AND m.left_at IS NULL FOR SHARE;
  SELECT w.user_id INTO whose FROM workflows w
   WHERE w.id = the_workflow AND w.team_id = the_team AND coco_team_role(the_team, w.user_id) IS NOT NULL
     AND coco_team_role(the_team, <the user>) IN ('owner', 'admin', 'approver', 'member') FOR SHARE;
  RETURN whose;
END $$;
"""

CALLABLE = (
    "coco_team_audit(uuid, uuid, uuid, uuid, text, timestamptz, timestamptz, timestamptz, uuid, bigint, integer)",
    "coco_team_start(uuid, uuid)",
)


def statements() -> list[str]:
    """Every statement, in order."""
    result = [FUNCTIONS.replace("<the user>", USER_ID)]
    for function in CALLABLE:
        result.append(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        result.append(f"GRANT EXECUTE ON FUNCTION {function} TO coco_api")
    return result
