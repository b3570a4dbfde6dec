"""Tests of connections in use: attempts that hold no credential, and that make no connection usable.

Part of the eleventh migration; a later change of privileges is a new migration, never an edit here.
"""

from __future__ import annotations

FUNCTIONS = """
CREATE OR REPLACE FUNCTION coco_check_attempt() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' OR NEW.finished_at IS NOT NULL OR NEW.kind NOT IN ('key', 'code', 'team', 'test')
       OR (NEW.kind IN ('team', 'test')) <> (NEW.sealed IS NULL)
       OR (NEW.sealed IS NULL) <> (NEW.fingerprint IS NULL) THEN
      RAISE EXCEPTION 'a credential is given as pending' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'pending' THEN
    RAISE EXCEPTION 'the check of this credential has ended' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- As before, but for tests: that a credential in use works gives a connection nothing that it has not.
CREATE OR REPLACE FUNCTION coco_check_connection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF NEW.state = 'checking' THEN
    RAISE EXCEPTION 'a connection is being checked from its beginning or not at all' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'revoked' AND NEW.state NOT IN ('active', 'read_only') THEN
    RAISE EXCEPTION 'a revoked connection stays revoked' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'revoked' AND (OLD.purged_at IS NULL OR OLD.purged_at < OLD.broken_at) THEN
    RAISE EXCEPTION 'what a revoked connection had read is not removed yet' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state IN ('checking', 'needs_reconnection', 'revoked') AND NEW.state IN ('active', 'read_only')
     AND NOT EXISTS (
      SELECT 1 FROM credential_attempts t WHERE t.connection_id = NEW.id AND t.user_id = NEW.user_id
       AND t.kind <> 'test' AND t.state IN ('works', 'unchecked') AND t.finished_at = NEW.credential_set_at
       AND (OLD.broken_at IS NULL OR t.created_at >= OLD.broken_at))
     THEN
    IF OLD.state = 'revoked' THEN
      RAISE EXCEPTION 'a revoked connection stays revoked until a credential given since was accepted'
        USING ERRCODE = 'check_violation';
    END IF;
    RAISE EXCEPTION 'no credential of this connection was accepted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def statements() -> list[str]:
    """Every statement, in order."""
    return [FUNCTIONS]
