"""An account that was erased stays so, and no member of a team floods another's sandbox.

Part of one migration; a later change is a new migration, never an edit here. Replaces a function of
store.migrations.privileges_teams.
"""

from __future__ import annotations

FUNCTIONS = """
-- A change that waited for the row while it was blanked would put a name, or a password's hash, back into it.
CREATE FUNCTION coco_stays_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.email = 'erased:' || OLD.id AND (NEW.email <> OLD.email OR NEW.name <> '' OR NEW.password_hash <> ''
     OR NEW.is_operator) THEN
    RAISE EXCEPTION 'this account is deleted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER stays_erased BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION coco_stays_erased();

-- As before; and of one workflow people of a team start at most 60 runs an hour, as a webhook does: they are in
-- its person's sandbox, and on their credits.
CREATE OR REPLACE FUNCTION coco_check_requester() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.requested_by IS NULL THEN
    RETURN NEW;
  END IF;
  IF NOT EXISTS (
      SELECT 1 FROM workflows w WHERE w.id = NEW.workflow_id AND w.user_id = NEW.user_id
         AND coco_team_role(w.team_id, w.user_id) IS NOT NULL
         AND coco_team_role(w.team_id, NEW.requested_by) IN ('owner', 'admin', 'approver', 'member')) THEN
    RAISE EXCEPTION 'who asks for this run may not start it' USING ERRCODE = 'check_violation';
  END IF;
  -- One after another, so that many at once are counted as well.
  PERFORM pg_advisory_xact_lock(hashtext('team runs'), hashtext(NEW.workflow_id::text));
  IF (SELECT count(*) FROM runs r WHERE r.user_id = NEW.user_id AND r.workflow_id = NEW.workflow_id
        AND r.requested_by IS NOT NULL AND r.created_at > now() - interval '1 hour') >= 60 THEN
    RAISE EXCEPTION 'people of its team started 60 runs of this workflow in the last hour; try again later'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def statements() -> list[str]:
    """Every statement, in order."""
    return [FUNCTIONS]
