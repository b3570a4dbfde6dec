"""Taking back: of one action there is one proposal at a time, whoever asks, and however often at once.

Part of one migration; a later change is a new migration, never an edit here. Replaces a function of
store.migrations.privileges_digests.
"""

from __future__ import annotations

FUNCTIONS = """
-- What is undone, or followed, took place, is of this user and of the same workflow; its undoing is in a run of its
-- own. Held until the transaction ends: a second one is made only where the newest of before came to nothing
-- (store.undos.NOTHING_CAME_OF_IT). A proposal whose run is past its time is known by its key's hash.
CREATE OR REPLACE FUNCTION coco_check_undo() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_key text := replace(NEW.kind, '_', '-') || ':' || NEW.action_id;
BEGIN
  PERFORM 1 FROM actions a JOIN runs r ON r.id = NEW.run_id AND r.user_id = a.user_id AND r.workflow_id = a.workflow_id
   WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.state = 'done' AND a.run_id <> NEW.run_id
     FOR UPDATE OF a;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only what took place is undone' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (
      SELECT 1 FROM undos u, LATERAL (
        SELECT b.state FROM actions b WHERE b.run_id = u.run_id AND b.user_id = u.user_id
           AND b.key IN (the_key, 'erased:' || encode(sha256(convert_to(the_key, 'UTF8')), 'hex'))
         ORDER BY b.version DESC LIMIT 1) newest
       WHERE u.action_id = NEW.action_id AND u.user_id = NEW.user_id AND u.kind = NEW.kind
         AND newest.state NOT IN ('rejected', 'failed', 'cancelled', 'drifted', 'superseded')) THEN
    RAISE EXCEPTION 'there is a proposal already that does this' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def statements() -> list[str]:
    """Every statement, in order."""
    return [FUNCTIONS]
