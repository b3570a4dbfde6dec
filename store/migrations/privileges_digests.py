"""Digests, undoing and the end of leases: row-level security, privileges per role, what the database itself demands.

Part of the migration that makes their tables; a later change of privileges is a new migration, never an edit here.

Also here: a grant by guardrail is held against the verdict of the very rule that it names, where several rules cover
the action; and a second grant of the second in which the lease began is no second action.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

OWNED = ("digests", "undos")

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {"digests": "SELECT, UPDATE (seen_at)", "undos": "SELECT, INSERT"},
    "coco_control": {"digests": "SELECT, INSERT, UPDATE (body, at, seen_at)", "undos": "SELECT"},
}

COVER = """
CREATE FUNCTION coco_cover_by(the_action uuid, the_user uuid, the_rule uuid, the_version int) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT e.id
    FROM evaluations e
    JOIN actions a ON a.id = e.action_id AND a.user_id = e.user_id AND a.digest = e.digest
    JOIN runs r ON r.id = a.run_id AND r.user_id = a.user_id
    JOIN workflows w ON w.id = a.workflow_id AND w.id = r.workflow_id AND w.user_id = a.user_id
    JOIN guardrails g ON g.id = e.guardrail_id AND g.version = e.guardrail_version
                     AND g.workflow_id = w.id AND g.user_id = a.user_id
    JOIN leases l ON l.id = e.lease_id AND l.workflow_id = w.id AND l.user_id = a.user_id
    LEFT JOIN trust_settings s ON s.workflow_id = w.id
    LEFT JOIN notices n ON n.action_id = a.id
   WHERE e.action_id = the_action AND e.user_id = the_user AND e.verdict = 'covered'
     AND (the_rule IS NULL OR (e.guardrail_id = the_rule AND e.guardrail_version = the_version))
     AND e.at > now() - interval '15 minutes' AND e.at < now() + interval '1 minute'
     AND a.origin = 'plan'
     AND r.cancel_requested_at IS NULL AND r.created_at >= l.granted_at
     AND w.trust_level = 'autonomous'
     AND g.state = 'confirmed' AND g.form ->> 'mode' IN ('run', 'notify_first')
     AND l.state = 'active' AND l.expires_at > now()
     AND NOT coalesce(s.reserved_operations, '[]'::jsonb) ? a.operation
     AND (g.form ->> 'mode' = 'run' OR (n.guardrail_id = g.id AND n.guardrail_version = g.version
          AND n.not_before <= now() AND (n.run_when_offline OR n.seen_at <= n.not_before)))
   ORDER BY e.at DESC LIMIT 1
$$;

-- The newest verdict of any rule that lets this action run alone at this moment, or null.
CREATE OR REPLACE FUNCTION coco_cover(the_action uuid, the_user uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coco_cover_by(the_action, the_user, NULL, NULL)
$$;

CREATE OR REPLACE FUNCTION coco_check_grant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  proof evaluations%ROWTYPE;
BEGIN
  IF NEW.spent_at IS NOT NULL THEN
    RAISE EXCEPTION 'a grant starts unspent' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.guardrail_id IS NOT NULL THEN
    -- Held until the end of the transaction: mints of one workflow are counted one after another.
    PERFORM 1 FROM leases l JOIN actions a ON a.workflow_id = l.workflow_id AND a.user_id = l.user_id
      WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND l.state = 'active' FOR UPDATE OF l;
    SELECT e.* INTO proof FROM evaluations e
      WHERE e.id = coco_cover_by(NEW.action_id, NEW.user_id, NEW.guardrail_id, NEW.guardrail_version);
    IF proof.id IS NULL OR proof.digest <> NEW.digest THEN
      RAISE EXCEPTION 'no guardrail covers this grant' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM actions a WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.run_id = NEW.run_id
       AND a.digest = NEW.digest AND a.state = 'approved' AND (a.body ->> 'credits')::int = NEW.credits;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no guardrail covers this grant' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM grants g JOIN leases l ON l.id = proof.lease_id
                    WHERE g.action_id = NEW.action_id AND g.guardrail_id IS NOT NULL
                      AND g.issued_at >= date_trunc('second', l.granted_at)) THEN
      BEGIN
        UPDATE leases SET actions_used = actions_used + 1, credits_used = credits_used + NEW.credits
         WHERE id = proof.lease_id;
      EXCEPTION WHEN check_violation THEN
        RAISE EXCEPTION 'the budget of the lease is used up' USING ERRCODE = 'check_violation';
      END;
    END IF;
    RETURN NEW;
  END IF;
  PERFORM 1 FROM decisions d JOIN actions a ON a.id = d.action_id AND a.user_id = d.user_id
   WHERE d.id = NEW.decision_id AND d.user_id = NEW.user_id AND d.action_id = NEW.action_id
     AND d.run_id = NEW.run_id AND a.run_id = NEW.run_id
     AND d.verdict = 'approve' AND d.digest = NEW.digest AND a.digest = NEW.digest AND a.state = 'approved';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no approval covers this grant' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""

UNDO = """
-- What is undone took place, is of this user and of the same workflow; its undoing is in a run of its own.
CREATE FUNCTION coco_check_undo() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM actions a JOIN runs r ON r.id = NEW.run_id AND r.user_id = a.user_id AND r.workflow_id = a.workflow_id
   WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.state = 'done' AND a.run_id <> NEW.run_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only what took place is undone' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_undo BEFORE INSERT ON undos FOR EACH ROW EXECUTE FUNCTION coco_check_undo();

-- A digest names what its run's card names: where that is removed, so is the digest.
CREATE FUNCTION coco_forget_digest() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM digests WHERE run_id = NEW.id AND user_id = NEW.user_id;
  RETURN NULL;
END $$;
CREATE TRIGGER forget_digest AFTER UPDATE OF card ON runs
  FOR EACH ROW WHEN (NEW.card IS NULL) EXECUTE FUNCTION coco_forget_digest();
"""

LEASES = """
-- Ending expired leases works for all users at once: whose, and of which workflow, and nothing else of theirs.
CREATE FUNCTION coco_expired_leases() RETURNS TABLE (user_id uuid, workflow_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT l.user_id, l.workflow_id FROM leases l WHERE l.state = 'active' AND l.expires_at <= now()
$$;
"""


def statements() -> list[str]:
    """Every statement, in order."""
    result = []
    for table in OWNED:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    for role, tables in PRIVILEGES.items():
        for table, privileges in tables.items():
            result.append(f"GRANT {privileges} ON {table} TO {role}")
    result += [COVER, UNDO, LEASES]
    result += [
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON undos FOR EACH ROW EXECUTE FUNCTION coco_append_only()",
        "CREATE TRIGGER append_only_all BEFORE TRUNCATE ON undos "
        "FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only()",
        "REVOKE ALL ON FUNCTION coco_cover_by(uuid, uuid, uuid, int), coco_expired_leases() FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_cover_by(uuid, uuid, uuid, int), coco_expired_leases() TO coco_control",
    ]
    return result
