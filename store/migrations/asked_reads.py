"""Reads asked for by their owner outside of any run, and proposals of rules: who may write what of them.

Part of one migration; a later change of privileges is a new migration, never an edit here.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

OWNED = ("asked_reads", "guardrail_proposals")

PRIVILEGES = {
    "coco_api": {
        "asked_reads": "SELECT, INSERT, DELETE",
        "guardrail_proposals": "SELECT, INSERT, UPDATE (guardrail_id, version, asked, state, reason, finished_at)",
    },
    # Only the gateway says what was answered.
    "coco_gateway": {"asked_reads": "SELECT, UPDATE (state, response, response_digest, reason, finished_at)"},
}

FUNCTIONS = """
CREATE FUNCTION coco_check_asked() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' OR NEW.response IS NOT NULL OR NEW.response_digest IS NOT NULL
       OR NEW.created_at > clock_timestamp() + interval '1 minute' THEN
      RAISE EXCEPTION 'a read is asked for as pending' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'pending' OR (NEW.state = 'answered') <> (NEW.response IS NOT NULL) THEN
    RAISE EXCEPTION 'this read has ended' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_asked BEFORE INSERT OR UPDATE ON asked_reads FOR EACH ROW EXECUTE FUNCTION coco_check_asked();
CREATE TRIGGER tell AFTER INSERT ON asked_reads FOR EACH ROW EXECUTE FUNCTION coco_tell_credentials();

CREATE FUNCTION coco_check_proposal() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state <> 'asking' THEN
    RAISE EXCEPTION 'this proposal has ended' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_proposal BEFORE UPDATE ON guardrail_proposals
  FOR EACH ROW EXECUTE FUNCTION coco_check_proposal();

-- What was read through a revoked connection goes, whatever it was asked for.
CREATE FUNCTION coco_purge_asked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM asked_reads WHERE user_id = NEW.user_id AND connection_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER purge_asked AFTER UPDATE OF purged_at ON connections
  FOR EACH ROW WHEN (NEW.purged_at IS DISTINCT FROM OLD.purged_at) EXECUTE FUNCTION coco_purge_asked();
"""


def statements() -> list[str]:
    """Every statement, in order."""
    result = []
    for table in OWNED:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    for role, tables in PRIVILEGES.items():
        result += [f"GRANT {privileges} ON {table} TO {role}" for table, privileges in tables.items()]
    result += [FUNCTIONS, "REVOKE ALL ON FUNCTION coco_purge_asked() FROM PUBLIC"]
    return result
