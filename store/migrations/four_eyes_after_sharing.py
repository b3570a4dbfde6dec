"""Four eyes: a rule is not got round by moving its workflow.

Part of one migration; a later change is a new migration, never an edit here. Replaces a function of
store.migrations.four_eyes.
"""

from __future__ import annotations

FUNCTIONS = """
-- As before; but what a run proposes that began while its workflow was shared is approved by the people there, and by
-- nobody once that sharing has ended: whose it is would be an admin by ownership, or bring a team of their own.
CREATE OR REPLACE FUNCTION coco_rule_holds(the_action uuid, people integer, asked text, not_requester boolean)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH counting AS (
    SELECT c.one, c.other FROM coco_counting(the_action, asked, not_requester) c
     WHERE NOT EXISTS (
       SELECT 1 FROM actions a JOIN runs r ON r.id = a.run_id AND r.user_id = a.user_id
         JOIN team_shares s ON s.workflow_id = a.workflow_id AND s.user_id = a.user_id
          AND r.created_at >= s.shared_at AND r.created_at < s.ended_at
        WHERE a.id = the_action))
  SELECT CASE people
    WHEN 1 THEN EXISTS (SELECT 1 FROM counting)
    WHEN 2 THEN EXISTS (SELECT 1 FROM counting x, counting y
                         WHERE x.one NOT IN (y.one, y.other) AND x.other NOT IN (y.one, y.other))
    ELSE false END
$$;
"""


def statements() -> list[str]:
    """Every statement, in order. Who may call the function stays as it was."""
    return [FUNCTIONS]
