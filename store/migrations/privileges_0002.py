"""Trust: row-level security, privileges per role, and what the database itself demands of a grant by guardrail.

Part of the second migration; a later change of privileges is a new migration, never an edit here.

What no process can get past, whatever its code says: a trust level rises only with an active lease and a confirmed
guardrail; it falls with the lease; a grant by guardrail needs both at that moment, a fresh verdict on exactly this
action, and room in the lease's budgets, which are counted here.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

OWNED = (
    "guardrails",
    "trust_settings",
    "leases",
    "evaluations",
    "notices",
    "reviews",
    "schedules",
    "hooks",
    "hook_calls",
)

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "guardrails": "SELECT, INSERT, UPDATE (state, confirmed_at, retired_at)",
        "trust_settings": "SELECT, INSERT, UPDATE (runs_needed, review_percent, reserved_operations, updated_at)",
        "leases": "SELECT, INSERT, UPDATE (state, ended_at, ended_reason)",
        "evaluations": "SELECT",
        "notices": "SELECT, UPDATE (seen_at)",
        "reviews": "SELECT, INSERT",
        "schedules": "SELECT, INSERT, UPDATE (sentence, plan, catch_up_seconds, jitter_seconds, state, note, "
        "revision, updated_at)",
        "hooks": "SELECT, INSERT, UPDATE (generation, state)",
        "hook_calls": "SELECT, INSERT",
    },
    "coco_control": {
        "guardrails": "SELECT",
        "trust_settings": "SELECT",
        "leases": "SELECT, UPDATE (state, ended_at, ended_reason)",
        "evaluations": "SELECT, INSERT",
        "notices": "SELECT, INSERT",
        "reviews": "SELECT",
        "schedules": "SELECT, UPDATE (applied_revision)",
        # A schedule's run is made where Temporal's schedule fires.
        "runs": "INSERT",
    },
}

FUNCTIONS = """
-- A rule's text never changes after it was written; its state only moves forward.
CREATE FUNCTION coco_check_guardrail() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'proposed' OR NEW.confirmed_at IS NOT NULL OR NEW.retired_at IS NOT NULL THEN
      RAISE EXCEPTION 'a guardrail starts proposed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (to_jsonb(NEW) - '{state,confirmed_at,retired_at}'::text[])
     <> (to_jsonb(OLD) - '{state,confirmed_at,retired_at}'::text[]) THEN
    RAISE EXCEPTION 'a guardrail is not changed: write a new version' USING ERRCODE = 'check_violation';
  END IF;
  IF (OLD.state, NEW.state) NOT IN (('proposed', 'confirmed'), ('proposed', 'retired'), ('confirmed', 'retired')) THEN
    RAISE EXCEPTION 'a guardrail that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_guardrail BEFORE INSERT OR UPDATE ON guardrails
  FOR EACH ROW EXECUTE FUNCTION coco_check_guardrail();
CREATE TRIGGER keep BEFORE DELETE ON guardrails FOR EACH ROW EXECUTE FUNCTION coco_append_only();

-- A lease starts unused, never grows or comes back, and takes the trust level with it when it ends.
CREATE FUNCTION coco_check_lease() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'active' OR NEW.actions_used <> 0 OR NEW.credits_used <> 0 OR NEW.expires_at <= NEW.granted_at
       OR NEW.granted_at > now() + interval '1 minute' OR NEW.expires_at > now() + interval '400 days'
       OR NEW.actions_budget < 1 OR NEW.credits_budget < 0 THEN
      RAISE EXCEPTION 'a lease starts active, unused and with an end' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (to_jsonb(NEW) - '{state,ended_at,ended_reason,actions_used,credits_used}'::text[])
     <> (to_jsonb(OLD) - '{state,ended_at,ended_reason,actions_used,credits_used}'::text[])
     OR NEW.actions_used < OLD.actions_used OR NEW.credits_used < OLD.credits_used THEN
    RAISE EXCEPTION 'a lease is not changed: end it and give another' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'ended' THEN
    RAISE EXCEPTION 'an ended lease stays ended' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'ended' THEN
    UPDATE workflows SET trust_level = 'approve_each' WHERE id = NEW.workflow_id AND user_id = NEW.user_id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_lease BEFORE INSERT OR UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION coco_check_lease();
CREATE TRIGGER keep BEFORE DELETE ON leases FOR EACH ROW EXECUTE FUNCTION coco_append_only();

CREATE FUNCTION coco_check_trust() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.trust_level NOT IN ('approve_each', 'autonomous') THEN
    RAISE EXCEPTION 'there is no such trust level' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.trust_level = 'autonomous' AND (TG_OP = 'INSERT' OR OLD.trust_level <> 'autonomous') AND (TG_OP = 'INSERT'
     OR NOT EXISTS (SELECT 1 FROM leases l WHERE l.workflow_id = NEW.id AND l.user_id = NEW.user_id
                     AND l.state = 'active' AND l.expires_at > now())
     OR NOT EXISTS (SELECT 1 FROM guardrails g WHERE g.workflow_id = NEW.id AND g.user_id = NEW.user_id
                     AND g.state = 'confirmed')) THEN
    RAISE EXCEPTION 'a workflow is not trusted without a lease and a confirmed guardrail'
      USING ERRCODE = 'check_violation';
  END IF;
  -- A lower level never leaves a lease behind.
  IF TG_OP = 'UPDATE' AND NEW.trust_level = 'approve_each' AND OLD.trust_level = 'autonomous' AND EXISTS (
      SELECT 1 FROM leases l WHERE l.workflow_id = NEW.id AND l.state = 'active') AND pg_trigger_depth() = 1 THEN
    RAISE EXCEPTION 'end the lease: the trust level falls with it' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_trust BEFORE INSERT OR UPDATE OF trust_level ON workflows
  FOR EACH ROW EXECUTE FUNCTION coco_check_trust();

-- The newest verdict that lets this action run alone at this moment, or null. The one place where the rule is said.
CREATE FUNCTION coco_cover(the_action uuid, the_user uuid) RETURNS uuid
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
    SELECT e.* INTO proof FROM evaluations e WHERE e.id = coco_cover(NEW.action_id, NEW.user_id);
    IF proof.id IS NULL OR proof.guardrail_id <> NEW.guardrail_id
       OR proof.guardrail_version IS DISTINCT FROM NEW.guardrail_version OR proof.digest <> NEW.digest THEN
      RAISE EXCEPTION 'no guardrail covers this grant' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM actions a WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.run_id = NEW.run_id
       AND a.digest = NEW.digest AND a.state = 'approved' AND (a.body ->> 'credits')::int = NEW.credits;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no guardrail covers this grant' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM grants g JOIN leases l ON l.id = proof.lease_id
                    WHERE g.action_id = NEW.action_id AND g.guardrail_id IS NOT NULL
                      AND g.issued_at >= l.granted_at) THEN
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

CREATE OR REPLACE FUNCTION coco_check_action() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' THEN
      RAISE EXCEPTION 'an action starts pending' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF OLD.state NOT IN ('pending', 'approved', 'outcome_unknown') THEN
    RAISE EXCEPTION 'the action is already %', OLD.state USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'approved' AND NOT EXISTS (
      SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.verdict = 'approve' AND d.digest = NEW.digest)
     AND coco_cover(NEW.id, NEW.user_id) IS NULL THEN
    RAISE EXCEPTION 'nobody approved this action' USING ERRCODE = 'check_violation';
  END IF;
  -- Back to the inbox: only what a guardrail had covered, and only while nothing was sent.
  IF NEW.state = 'pending' AND (OLD.state <> 'approved'
      OR EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.stage = 'gate')
      OR EXISTS (SELECT 1 FROM effects e WHERE e.action_id = NEW.id)) THEN
    RAISE EXCEPTION 'this action does not go back to the inbox' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'done' AND NOT EXISTS (SELECT 1 FROM effects e WHERE e.action_id = NEW.id AND e.state = 'done')
     AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.verdict = 'happened') THEN
    RAISE EXCEPTION 'nothing shows that this action took place' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION coco_check_evaluation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM actions a JOIN guardrails g ON g.workflow_id = a.workflow_id AND g.user_id = a.user_id
     JOIN leases l ON l.workflow_id = a.workflow_id AND l.user_id = a.user_id
   WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.digest = NEW.digest
     AND g.id = NEW.guardrail_id AND g.version = NEW.guardrail_version AND l.id = NEW.lease_id;
  IF NOT FOUND OR NEW.verdict NOT IN ('covered', 'held') THEN
    RAISE EXCEPTION 'the verdict is not of a rule of this action''s workflow' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_evaluation BEFORE INSERT ON evaluations
  FOR EACH ROW EXECUTE FUNCTION coco_check_evaluation();

-- How long a notice waits, and what silence means, is the rule's to say.
CREATE FUNCTION coco_check_notice() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (to_jsonb(NEW) - 'seen_at') <> (to_jsonb(OLD) - 'seen_at') OR OLD.seen_at IS NOT NULL THEN
      RAISE EXCEPTION 'a notice is not changed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  PERFORM 1 FROM guardrails g JOIN actions a ON a.workflow_id = g.workflow_id AND a.user_id = g.user_id
   WHERE g.id = NEW.guardrail_id AND g.version = NEW.guardrail_version AND g.user_id = NEW.user_id
     AND a.id = NEW.action_id AND g.form ->> 'mode' = 'notify_first'
     AND NEW.run_when_offline = (g.form ->> 'run_when_offline')::boolean AND NEW.seen_at IS NULL
     AND NEW.at > now() - interval '1 minute'
     AND NEW.not_before >= NEW.at + make_interval(secs => (g.form ->> 'wait_hours')::float8 * 3600);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the notice is not what its rule says' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_notice BEFORE INSERT OR UPDATE ON notices FOR EACH ROW EXECUTE FUNCTION coco_check_notice();

CREATE FUNCTION coco_check_review() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM grants g WHERE g.action_id = NEW.action_id AND g.user_id = NEW.user_id
     AND g.guardrail_id IS NOT NULL AND g.spent_at IS NOT NULL;
  IF NOT FOUND OR NEW.verdict NOT IN ('ok', 'reject', 'undo') THEN
    RAISE EXCEPTION 'only what ran alone is reviewed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_review BEFORE INSERT ON reviews FOR EACH ROW EXECUTE FUNCTION coco_check_review();

-- A hook's call comes without a sign-in: a narrow door to whose it is, before its signature is checked.
CREATE FUNCTION coco_hook_owner(wanted uuid) RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT h.user_id FROM hooks h WHERE h.id = wanted AND h.state = 'active'
$$;
"""

APPEND_ONLY = ("evaluations", "reviews", "hook_calls")


def statements() -> list[str]:
    """Every statement, in order."""
    result = []
    for table in OWNED:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    # What works for all users at once: bringing schedules to Temporal.
    result.append("CREATE POLICY apply ON schedules TO coco_control USING (true) WITH CHECK (true)")
    for role, tables in PRIVILEGES.items():
        for table, privileges in tables.items():
            result.append(f"GRANT {privileges} ON {table} TO {role}")
    result.append(FUNCTIONS)
    for table in APPEND_ONLY:
        result.append(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION coco_append_only()"
        )
        result.append(
            f"CREATE TRIGGER append_only_all BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only()"
        )
    result += [
        "REVOKE ALL ON FUNCTION coco_hook_owner(uuid), coco_cover(uuid, uuid) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_hook_owner(uuid) TO coco_api",
        "GRANT EXECUTE ON FUNCTION coco_cover(uuid, uuid) TO coco_control",
    ]
    return result
