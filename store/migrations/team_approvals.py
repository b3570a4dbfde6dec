"""Four eyes in a team: its owners, admins and approvers decide on what is shared with it, and who asked is who started.

Part of one migration; a later change is a new migration, never an edit here. Replaces two functions of
store.migrations.privileges_approvals.
"""

from __future__ import annotations

FUNCTIONS = """
-- On a workflow of one's own alone: its owner. On a shared one whose owner is in the team: everybody whose role there
-- lets them approve. Its owner may decide on it too, by the role they have there, and as an approver where it is less.
CREATE OR REPLACE FUNCTION coco_workflow_approvers(the_workflow uuid) RETURNS TABLE (person_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH found AS (
    SELECT w.user_id, s.team_id, coco_team_role(s.team_id, w.user_id) AS own_role FROM workflows w
      LEFT JOIN team_shares s ON s.workflow_id = w.id AND s.user_id = w.user_id AND s.team_id = w.team_id
        AND s.ended_at IS NULL
     WHERE w.id = the_workflow AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = w.user_id))
  SELECT f.user_id, CASE WHEN f.own_role IS NULL THEN 'owner' WHEN f.own_role IN ('owner', 'admin') THEN 'admin'
                         ELSE 'approver' END FROM found f
  UNION ALL
  SELECT m.user_id, CASE coco_team_role(m.team_id, m.user_id) WHEN 'approver' THEN 'approver' ELSE 'admin' END
    FROM found f JOIN team_members m ON m.team_id = f.team_id AND m.left_at IS NULL AND m.user_id <> f.user_id
   WHERE f.own_role IS NOT NULL AND coco_team_role(m.team_id, m.user_id) IN ('owner', 'admin', 'approver')
$$;

CREATE OR REPLACE FUNCTION coco_rule_holds(the_action uuid, people integer, asked text, not_requester boolean)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH counting AS (
    SELECT p.person_id AS one, p.counts_for AS other
      FROM approvals p JOIN actions a ON a.id = p.action_id AND a.user_id = p.user_id AND a.digest = p.digest
      JOIN runs r ON r.id = a.run_id AND r.user_id = a.user_id
     WHERE a.id = the_action
       AND coco_counts_as(a.workflow_id, p.person_id, asked) AND coco_counts_as(a.workflow_id, p.counts_for, asked)
       AND NOT (not_requester AND coalesce(r.requested_by, r.user_id) IN (p.person_id, p.counts_for))
       AND CASE WHEN p.delegation_id IS NULL THEN p.person_id = p.counts_for ELSE EXISTS (
             SELECT 1 FROM delegations d WHERE d.id = p.delegation_id AND d.user_id = p.counts_for
                AND d.to_id = p.person_id AND d.withdrawn_at IS NULL AND p.at >= d.starts_at AND p.at < d.ends_at) END)
  SELECT CASE people
    WHEN 1 THEN EXISTS (SELECT 1 FROM counting)
    WHEN 2 THEN EXISTS (SELECT 1 FROM counting x, counting y
                         WHERE x.one NOT IN (y.one, y.other) AND x.other NOT IN (y.one, y.other))
    ELSE false END
$$;
"""


def statements() -> list[str]:
    """Every statement, in order. Who may call the functions stays as it was."""
    return [FUNCTIONS]
