"""A revocation's time is kept: what follows from it rests on it.

Part of one migration; a later change of privileges is a new migration, never an edit here.

A revoked connection becomes usable by a credential given after `broken_at`, and is emptied while `purge_owed_at` says
so. The API writes both when a person revokes; moved back by it, either would undo the revocation.
"""

from __future__ import annotations

FUNCTIONS = """
CREATE FUNCTION coco_keep_revocation() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF session_user LIKE 'coco_api%' THEN
    IF (OLD.broken_at IS NOT NULL AND NEW.broken_at IS NULL)
       OR (OLD.purge_owed_at IS NOT NULL AND NEW.purge_owed_at IS NULL) THEN
      RAISE EXCEPTION 'a revocation is not taken back by its time' USING ERRCODE = 'check_violation';
    END IF;
    -- Clocks differ: what the gateway found a moment ago does not stop its owner from revoking.
    NEW.broken_at := greatest(NEW.broken_at, OLD.broken_at);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_revocation BEFORE UPDATE OF broken_at, purge_owed_at ON connections
  FOR EACH ROW EXECUTE FUNCTION coco_keep_revocation();

CREATE FUNCTION coco_given_now() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  -- A minute for clocks that differ.
  IF NEW.created_at > clock_timestamp() + interval '1 minute' THEN
    RAISE EXCEPTION 'a credential is given now' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER given_now BEFORE INSERT ON credential_attempts FOR EACH ROW EXECUTE FUNCTION coco_given_now();
"""


def statements() -> list[str]:
    """Every statement, in order."""
    return [FUNCTIONS]
