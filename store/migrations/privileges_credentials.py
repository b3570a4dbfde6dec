"""Credentials: who may give one, who may keep one, and what the database itself demands of a connection.

Part of the fifth migration; a later change of privileges is a new migration, never an edit here.

The API gives credentials and keeps none: that is the gateway's, after it has asked the provider. A connection becomes
usable only with a credential that was kept, a revoked one stays revoked, and no grant is for one that may not write.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

OWNED = ("credential_attempts", "oauth_flows")

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "credential_attempts": "SELECT (id, user_id, connection_id, kind, scopes, read_only, state, reason, "
        "created_at, finished_at), INSERT, DELETE",
        "oauth_flows": "SELECT, INSERT, UPDATE (used_at), DELETE",
        "connections": "UPDATE (reason)",
    },
    "coco_control": {
        "connections": "UPDATE (reminded_at)",
    },
    "coco_gateway": {
        "credential_attempts": "SELECT, UPDATE (sealed, fingerprint, state, reason, finished_at)",
        "sealed_credentials": "INSERT, DELETE",
        "connections": "UPDATE (state, reason, scopes, method, team, credential_set_at, credential_expires_at, "
        "reminded_at)",
        # Keys of a key store that has moved to newer ones, and whose address a team's credential is given to.
        "user_keys": "DELETE",
        "users": "SELECT (id, email)",
    },
}

# What was granted before grants were recorded: what its state let through, and no more. By the manifests of then.
BACKFILL = """
UPDATE connections SET credential_set_at = created_at, scopes = CASE
  WHEN connector = 'hubspot' AND state = 'read_only' THEN
    '["crm.objects.contacts.read","crm.objects.companies.read","crm.objects.deals.read"]'::jsonb
  WHEN connector = 'hubspot' THEN
    '["crm.objects.contacts.read","crm.objects.companies.read","crm.objects.deals.read",
      "crm.objects.contacts.write","crm.objects.companies.write","crm.objects.deals.write"]'::jsonb
  WHEN connector = 'smtp' AND state <> 'read_only' THEN '["send"]'::jsonb
  ELSE '[]'::jsonb END
"""

FUNCTIONS = """
CREATE FUNCTION coco_check_attempt() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' OR NEW.finished_at IS NOT NULL OR NEW.kind NOT IN ('key', 'code', 'team')
       OR (NEW.kind = 'team') <> (NEW.sealed IS NULL) OR (NEW.sealed IS NULL) <> (NEW.fingerprint IS NULL) THEN
      RAISE EXCEPTION 'a credential is given as pending' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'pending' THEN
    RAISE EXCEPTION 'the check of this credential has ended' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_attempt BEFORE INSERT OR UPDATE ON credential_attempts
  FOR EACH ROW EXECUTE FUNCTION coco_check_attempt();

-- A connection that was being checked, or needs a new credential, is usable once one was accepted: the attempt that
-- ended with the keeping of the new one says so.
CREATE FUNCTION coco_check_connection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF OLD.state = 'revoked' THEN
    RAISE EXCEPTION 'a revoked connection stays revoked' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'checking' THEN
    RAISE EXCEPTION 'a connection is being checked from its beginning or not at all' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state IN ('checking', 'needs_reconnection') AND NEW.state IN ('active', 'read_only')
     AND (NEW.credential_set_at IS NOT DISTINCT FROM OLD.credential_set_at OR NOT EXISTS (
      SELECT 1 FROM credential_attempts t WHERE t.connection_id = NEW.id AND t.user_id = NEW.user_id
       AND t.state IN ('works', 'unchecked') AND t.finished_at = NEW.credential_set_at)) THEN
    RAISE EXCEPTION 'no credential of this connection was accepted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_connection BEFORE UPDATE OF state ON connections
  FOR EACH ROW EXECUTE FUNCTION coco_check_connection();

-- A connection that may only read is never granted a write.
CREATE FUNCTION coco_check_grant_connection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM actions a JOIN connections c ON c.id = a.connection_id AND c.user_id = a.user_id
              WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id
                AND c.state IN ('read_only', 'revoked', 'checking')) THEN
    RAISE EXCEPTION 'the connection of this action may not write' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_grant_connection BEFORE INSERT ON grants
  FOR EACH ROW EXECUTE FUNCTION coco_check_grant_connection();

-- The gateway lets a key go only once there is a newer one, and only a key store's: payload keys open histories.
CREATE FUNCTION coco_keep_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF session_user LIKE 'coco_gateway%' AND (OLD.purpose <> 'keystore' OR NOT EXISTS (
      SELECT 1 FROM user_keys k WHERE k.user_id = OLD.user_id AND k.purpose = OLD.purpose
         AND k.version > OLD.version)) THEN
    RAISE EXCEPTION 'this key is still needed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER keep_key BEFORE DELETE ON user_keys FOR EACH ROW EXECUTE FUNCTION coco_keep_key();

CREATE FUNCTION coco_tell_credentials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('coco_credentials', NEW.user_id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON credential_attempts FOR EACH ROW EXECUTE FUNCTION coco_tell_credentials();
CREATE TRIGGER tell AFTER INSERT ON user_keys FOR EACH ROW EXECUTE FUNCTION coco_tell_credentials();

-- Reminders are for all users at once: whose keys are older than they should be, and nothing else of theirs.
CREATE FUNCTION coco_old_keys(older_than timestamptz) RETURNS TABLE (user_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.user_id, c.id FROM connections c
   WHERE c.method = 'key' AND c.state IN ('active', 'read_only') AND c.credential_set_at < older_than
     AND (c.reminded_at IS NULL OR c.reminded_at < older_than)
$$;
"""


def statements() -> list[str]:
    """Every statement, in order."""
    result = [BACKFILL]
    for table in OWNED:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    for role, tables in PRIVILEGES.items():
        for table, privileges in tables.items():
            result.append(f"GRANT {privileges} ON {table} TO {role}")
    # Who gives a credential does not keep it.
    result.append("REVOKE INSERT ON sealed_credentials FROM coco_api")
    result.append(FUNCTIONS)
    result += [
        "REVOKE ALL ON FUNCTION coco_old_keys(timestamptz) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_old_keys(timestamptz) TO coco_control",
    ]
    return result
