"""What a language model may have written waits for a person, unless the workflow's owner said that it may run alone.

Part of one migration; a later change of privileges is a new migration, never an edit here.

Which text is a model's is the sandbox's word, so it is not asked for: whatever a run proposes counts as a model's where
its workflow was given a connection to one, or the gateway attests that the run asked one. The rule is said once, in
`coco_model_text_waits`, and held where an action becomes approved and where a grant is minted.
"""

from __future__ import annotations

FUNCTIONS = """
-- Without a run, of whatever the workflow may do.
CREATE FUNCTION coco_model_text_waits(the_workflow uuid, the_run uuid, the_user uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT NOT EXISTS (SELECT 1 FROM trust_settings s
                      WHERE s.workflow_id = the_workflow AND s.user_id = the_user AND s.model_text_alone)
     AND EXISTS (SELECT 1 FROM connections c JOIN workflows w ON w.id = the_workflow AND w.user_id = the_user
                  WHERE c.user_id = the_user AND c.connector IN ('anthropic', 'openai')
                    AND (w.connections ? c.id::text
                         OR EXISTS (SELECT 1 FROM reads r WHERE r.run_id = the_run AND r.connection_id = c.id)))
$$;

CREATE OR REPLACE FUNCTION coco_cover_by(the_action uuid, the_user uuid, the_rule uuid, the_version int) RETURNS uuid
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
     AND NOT coco_model_text_waits(w.id, r.id, a.user_id)
     AND (g.form ->> 'mode' = 'run' OR (n.guardrail_id = g.id AND n.guardrail_version = g.version
          AND n.not_before <= now() AND (n.run_when_offline OR n.seen_at <= n.not_before)))
   ORDER BY e.at DESC LIMIT 1
$$;

-- Says why, before the other checks of a grant say that nothing covers it.
CREATE FUNCTION coco_check_grant_text() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.guardrail_id IS NOT NULL AND EXISTS (
      SELECT 1 FROM actions a WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id
         AND coco_model_text_waits(a.workflow_id, a.run_id, a.user_id)) THEN
    RAISE EXCEPTION 'a language model may have written this, so a person decides' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER a_model_text_waits BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION coco_check_grant_text();

-- A lease was granted on what waited at the time: nothing more runs alone under it.
CREATE FUNCTION coco_check_model_text() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.model_text_alone AND (TG_OP = 'INSERT' OR NOT OLD.model_text_alone) AND EXISTS (
      SELECT 1 FROM leases l WHERE l.workflow_id = NEW.workflow_id AND l.state = 'active') THEN
    RAISE EXCEPTION 'a workflow that runs alone is taken back before a model''s text may run alone'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_model_text BEFORE INSERT OR UPDATE OF model_text_alone ON trust_settings
  FOR EACH ROW EXECUTE FUNCTION coco_check_model_text();
"""


def statements() -> list[str]:
    """Every statement, in order."""
    return [
        FUNCTIONS,
        "GRANT UPDATE (model_text_alone) ON trust_settings TO coco_api",
        "REVOKE ALL ON FUNCTION coco_model_text_waits(uuid, uuid, uuid) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_model_text_waits(uuid, uuid, uuid) TO coco_api, coco_control",
    ]
