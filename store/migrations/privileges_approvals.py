"""Four eyes: who may say yes, for whom, and what the database itself demands before an action counts as approved.

Part of one migration; a later change of privileges is a new migration, never an edit here.

`coco_workflow_approvers` is the one place that says who may decide on a workflow, and with which role. A person of
another account is in it only once something there says so: nobody else's approval can be written before. What was
judged when an approval was written is judged again from the rows when the decision is, and when a grant is minted.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

TABLES = ("approval_rules", "approvals", "delegations")

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "approval_rules": "SELECT, INSERT",
        "approvals": "SELECT, INSERT",
        "delegations": "SELECT, INSERT, UPDATE (withdrawn_at)",
    },
    "coco_control": {
        "approval_rules": "SELECT",
        "approvals": "SELECT",
        "delegations": "SELECT",
    },
}

FUNCTIONS = """
-- Who may decide on a workflow: `owner`, `admin` or `approver`. Nobody of an account that is being deleted.
CREATE FUNCTION coco_workflow_approvers(the_workflow uuid) RETURNS TABLE (person_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT w.user_id, 'owner' FROM workflows w WHERE w.id = the_workflow
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = w.user_id)
$$;

CREATE FUNCTION coco_my_approvers(the_workflow uuid) RETURNS TABLE (person_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.person_id, a.role FROM workflows w, coco_workflow_approvers(w.id) a
   WHERE w.id = the_workflow AND w.user_id = <the user>
$$;

CREATE FUNCTION coco_counts_as(the_workflow uuid, person uuid, asked text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM coco_workflow_approvers(the_workflow) a WHERE a.person_id = person
     AND a.role IN ('approver', 'admin', 'owner') AND (asked IS DISTINCT FROM 'admin' OR a.role <> 'approver'))
$$;

-- Whether the approvals of an action satisfy one rule, by the roles, delegations and digest of this moment.
CREATE FUNCTION coco_rule_holds(the_action uuid, people integer, asked text, not_requester boolean) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH counting AS (
    SELECT p.person_id AS one, p.counts_for AS other
      FROM approvals p JOIN actions a ON a.id = p.action_id AND a.user_id = p.user_id AND a.digest = p.digest
     WHERE a.id = the_action
       AND coco_counts_as(a.workflow_id, p.person_id, asked) AND coco_counts_as(a.workflow_id, p.counts_for, asked)
       AND NOT (not_requester AND a.user_id IN (p.person_id, p.counts_for))
       AND CASE WHEN p.delegation_id IS NULL THEN p.person_id = p.counts_for ELSE EXISTS (
             SELECT 1 FROM delegations d WHERE d.id = p.delegation_id AND d.user_id = p.counts_for
                AND d.to_id = p.person_id AND d.withdrawn_at IS NULL AND p.at >= d.starts_at AND p.at < d.ends_at) END)
  SELECT CASE people
    WHEN 1 THEN EXISTS (SELECT 1 FROM counting)
    WHEN 2 THEN EXISTS (SELECT 1 FROM counting x, counting y
                         WHERE x.one NOT IN (y.one, y.other) AND x.other NOT IN (y.one, y.other))
    ELSE false END
$$;

-- The rules that an action must satisfy: the one in force when its run began, and every later one. So tightening
-- counts at once, and loosening for new runs only.
CREATE FUNCTION coco_rules_of(the_action uuid) RETURNS SETOF approval_rules
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT q.* FROM actions a JOIN runs r ON r.id = a.run_id
    JOIN approval_rules q ON q.workflow_id = a.workflow_id AND q.user_id = a.user_id
   WHERE a.id = the_action AND (q.people <> 1 OR q.role IS NOT NULL OR q.not_requester)
     AND NOT EXISTS (SELECT 1 FROM approval_rules later WHERE later.workflow_id = q.workflow_id
                        AND later.version > q.version AND later.at <= r.created_at)
$$;

CREATE FUNCTION coco_approved(the_action uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT NOT EXISTS (SELECT 1 FROM coco_rules_of(the_action) q
                      WHERE NOT coco_rule_holds(the_action, q.people, q.role, q.not_requester))
$$;

-- For the account's own action: whether it needs more than its owner's decision, and whether it has that.
CREATE FUNCTION coco_my_approval(the_action uuid) RETURNS TABLE (is_ruled boolean, is_approved boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM coco_rules_of(a.id)), coco_approved(a.id)
    FROM actions a WHERE a.id = the_action AND a.user_id = <the user>
$$;

CREATE FUNCTION coco_check_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM workflows w WHERE w.id = NEW.workflow_id AND w.user_id = NEW.user_id FOR UPDATE;
  IF NOT coco_counts_as(NEW.workflow_id, NEW.set_by, 'admin') THEN
    RAISE EXCEPTION 'only who administers a workflow sets its rule' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.version <> (SELECT coalesce(max(q.version), 0) + 1 FROM approval_rules q
                      WHERE q.workflow_id = NEW.workflow_id) THEN
    RAISE EXCEPTION 'a rule is set as the next version' USING ERRCODE = 'check_violation';
  END IF;
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER check_rule BEFORE INSERT ON approval_rules FOR EACH ROW EXECUTE FUNCTION coco_check_rule();

-- An approval is the session's own person's, of a waiting action exactly as it is, and for themselves or by a
-- delegation that runs.
CREATE FUNCTION coco_check_approval() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_workflow uuid;
BEGIN
  NEW.at := clock_timestamp();
  SELECT a.workflow_id INTO the_workflow FROM actions a JOIN runs r ON r.id = a.run_id
   WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.run_id = NEW.run_id AND a.digest = NEW.digest
     AND a.state = 'pending' AND r.finished_at IS NULL AND r.cancel_requested_at IS NULL FOR UPDATE OF a;
  IF the_workflow IS NULL THEN
    RAISE EXCEPTION 'the approval is of no action that waits as it was shown' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.person_id IS DISTINCT FROM <the user> OR NOT coco_counts_as(the_workflow, NEW.person_id, NULL)
     OR NOT coco_counts_as(the_workflow, NEW.counts_for, NULL) THEN
    RAISE EXCEPTION 'who approves may not decide on this workflow' USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.delegation_id IS NULL) <> (NEW.person_id = NEW.counts_for) OR (NEW.delegation_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM delegations d WHERE d.id = NEW.delegation_id AND d.user_id = NEW.counts_for
         AND d.to_id = NEW.person_id AND d.withdrawn_at IS NULL
         AND NEW.at >= d.starts_at AND NEW.at < d.ends_at)) THEN
    RAISE EXCEPTION 'no delegation that runs lets them approve for somebody else' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_approval BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION coco_check_approval();

-- A delegation starts no earlier than it is written, is not changed, and is withdrawn once.
CREATE FUNCTION coco_check_delegation() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - 'withdrawn_at' <> to_jsonb(OLD) - 'withdrawn_at' OR OLD.withdrawn_at IS NOT NULL
       OR NEW.withdrawn_at IS NULL THEN
      RAISE EXCEPTION 'a delegation is withdrawn once, and not changed' USING ERRCODE = 'check_violation';
    END IF;
    NEW.withdrawn_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF NEW.withdrawn_at IS NOT NULL OR NEW.starts_at < now() - interval '1 minute' THEN
    RAISE EXCEPTION 'a delegation does not start in the past' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_delegation BEFORE INSERT OR UPDATE ON delegations
  FOR EACH ROW EXECUTE FUNCTION coco_check_delegation();

CREATE FUNCTION coco_check_decision_approvals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.verdict = 'approve' AND NOT coco_approved(NEW.action_id) THEN
    RAISE EXCEPTION 'the approvals are not what the rule of the workflow asks for' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_decision_approvals BEFORE INSERT ON decisions
  FOR EACH ROW EXECUTE FUNCTION coco_check_decision_approvals();

-- At the mint the approvals are judged again from their rows. A rule that asks for people is met by no guardrail.
CREATE FUNCTION coco_check_grant_approvals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.guardrail_id IS NOT NULL AND EXISTS (SELECT 1 FROM coco_rules_of(NEW.action_id)) THEN
    RAISE EXCEPTION 'the rule of the workflow asks for people' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.decision_id IS NOT NULL AND NOT coco_approved(NEW.action_id) THEN
    RAISE EXCEPTION 'the approvals are not what the rule of the workflow asks for' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_grant_approvals BEFORE INSERT ON grants
  FOR EACH ROW EXECUTE FUNCTION coco_check_grant_approvals();
"""

INTERNAL = (
    "coco_workflow_approvers(uuid)",
    "coco_counts_as(uuid, uuid, text)",
    "coco_rule_holds(uuid, integer, text, boolean)",
    "coco_rules_of(uuid)",
    "coco_approved(uuid)",
)
"""Functions that answer about any account: no role calls them."""
CALLABLE = {
    "coco_my_approvers(uuid)": "coco_api",
    "coco_my_approval(uuid)": "coco_api, coco_control",
}
"""Function -> the roles that may call it."""


def statements() -> list[str]:
    """Every statement, in order."""
    result = [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in TABLES]
    result += [
        f"CREATE POLICY own ON approval_rules USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})",
        # An approval is seen by whose action it is of and by who gave it, and given in one's own name.
        f"CREATE POLICY seen ON approvals FOR SELECT USING (user_id = {USER_ID} OR person_id = {USER_ID})",
        f"CREATE POLICY given ON approvals FOR INSERT WITH CHECK (person_id = {USER_ID})",
        f"CREATE POLICY own ON delegations USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})",
        f"CREATE POLICY given_to ON delegations FOR SELECT USING (to_id = {USER_ID})",
    ]
    for role, tables in PRIVILEGES.items():
        result += [f"GRANT {privileges} ON {table} TO {role}" for table, privileges in tables.items()]
    result.append(FUNCTIONS.replace("<the user>", USER_ID))
    for table in ("approval_rules", "approvals"):
        result += [
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION coco_append_only()",
            f"CREATE TRIGGER append_only_all BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only()",
        ]
    result += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in (*INTERNAL, *CALLABLE)]
    result += [f"GRANT EXECUTE ON FUNCTION {function} TO {roles}" for function, roles in CALLABLE.items()]
    return result
