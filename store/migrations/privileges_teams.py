"""Teams in the database: who is in one, who may change that, and what of others' rows a member may read.

Part of one migration; a later change of privileges is a new migration, never an edit here.

No role writes a membership: functions do, for the session's own person, and each asks for the role it takes
(coco.teams has the same table). A tenant is still a person. A member reads of another's rows only in a session that
also names a team (`coco.team_id`, store.database.Database.team): the shared workflows of that team, their runs since
they were shared, and what stands on those runs' cards. Every statement asks anew whether the session's person is a
member, so who leaves, or is removed, reads nothing from the next statement on.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

TEAM_ID = "nullif(current_setting('coco.team_id', true), '')::uuid"

TABLES = ("teams", "team_members", "team_invitations", "team_shares")

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "teams": "SELECT",
        "team_members": "SELECT",
        "team_invitations": "SELECT (id, team_id, email, role, invited_by, created_at, expires_at, accepted_at, "
        "revoked_at), INSERT, UPDATE (revoked_at)",
        "team_shares": "SELECT",
    },
    "coco_control": {"teams": "SELECT", "team_members": "SELECT", "team_shares": "SELECT"},
}

MEMBERSHIP = """
CREATE FUNCTION coco_team_rank(the_role text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE the_role WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 ELSE 1 END
$$;

-- The role of anybody in a team, now; NULL for who is not in it. Nobody of an account that is being deleted.
CREATE FUNCTION coco_team_role(the_team uuid, person uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.role FROM team_members m WHERE m.team_id = the_team AND m.user_id = person AND m.left_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = m.user_id)
$$;

-- The teams that the session's person is in, now.
CREATE FUNCTION coco_my_teams() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.team_id FROM team_members m WHERE m.user_id = <the user> AND m.left_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = m.user_id)
$$;

-- Whether the session's person manages a team, and may give this role in it.
CREATE FUNCTION coco_i_may_give(the_team uuid, the_role text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(coco_team_role(the_team, <the user>) IN ('owner', 'admin')
    AND coco_team_rank(the_role) <= coco_team_rank(coco_team_role(the_team, <the user>)), false)
$$;

-- The people of a team that the session's person is in; those who left for who may read its audit entries.
CREATE FUNCTION coco_team_people(the_team uuid)
RETURNS TABLE (user_id uuid, email text, name text, role text, joined_at timestamptz, left_at timestamptz,
               invited_by uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.email, u.name, m.role, m.joined_at, m.left_at, m.invited_by
    FROM team_members m JOIN users u ON u.id = m.user_id
   WHERE m.team_id = the_team AND the_team IN (SELECT coco_my_teams())
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = m.user_id)
     AND (m.left_at IS NULL OR coco_team_role(the_team, <the user>) IN ('owner', 'admin', 'auditor'))
$$;

-- The tiers of a team's owners: what the team has is what one of them has.
CREATE FUNCTION coco_team_tiers(the_team uuid) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.tier FROM team_members m JOIN users u ON u.id = m.user_id
   WHERE m.team_id = the_team AND m.role = 'owner' AND m.left_at IS NULL AND the_team IN (SELECT coco_my_teams())
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = m.user_id)
$$;
"""

CHANGING = """
CREATE FUNCTION coco_team_make(the_team uuid, the_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO teams (id, name, created_at, created_by) VALUES (the_team, the_name, now(), <the user>);
  INSERT INTO team_members (team_id, user_id, role, joined_at) VALUES (the_team, <the user>, 'owner', now());
END $$;

-- Who accepts is signed in with the address that was invited, and has the token. Whoever invited them must still be
-- able to: an invitation ends with its inviter's role.
CREATE FUNCTION coco_team_join(the_token_sha256 text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  asked team_invitations;
BEGIN
  SELECT i.* INTO asked FROM team_invitations i WHERE i.token_sha256 = the_token_sha256 FOR UPDATE;
  IF asked.id IS NULL OR asked.email <> (SELECT u.email FROM users u WHERE u.id = <the user>) THEN
    RAISE EXCEPTION 'there is no such invitation for the address that you are signed in with'
      USING ERRCODE = 'check_violation';
  END IF;
  PERFORM 1 FROM teams t WHERE t.id = asked.team_id FOR UPDATE;
  IF asked.accepted_at IS NOT NULL OR asked.revoked_at IS NOT NULL OR asked.expires_at <= now()
     OR coalesce(coco_team_role(asked.team_id, asked.invited_by), '') NOT IN ('owner', 'admin')
     OR coco_team_rank(asked.role) > coco_team_rank(coco_team_role(asked.team_id, asked.invited_by)) THEN
    RAISE EXCEPTION 'this invitation does not hold any more; ask for another' USING ERRCODE = 'check_violation';
  END IF;
  IF coco_team_role(asked.team_id, <the user>) IS NOT NULL THEN
    RAISE EXCEPTION 'you are in this team already' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO team_members (team_id, user_id, role, joined_at, invited_by)
    VALUES (asked.team_id, <the user>, asked.role, clock_timestamp(), asked.invited_by);
  UPDATE team_invitations SET accepted_at = now() WHERE id = asked.id;
  RETURN asked.team_id;
END $$;

-- Raises where changing this member's role, to NULL where they go, would leave the team without an owner.
CREATE FUNCTION coco_team_keeps_owner(the_team uuid, person uuid, the_role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF coco_team_role(the_team, person) = 'owner' AND the_role IS DISTINCT FROM 'owner'
     AND NOT EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = the_team AND m.user_id <> person
                        AND coco_team_role(the_team, m.user_id) = 'owner')
     AND (the_role IS NOT NULL OR EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = the_team
                                             AND m.user_id <> person AND m.left_at IS NULL)) THEN
    RAISE EXCEPTION 'a team keeps an owner: make somebody else one first' USING ERRCODE = 'check_violation';
  END IF;
END $$;

CREATE FUNCTION coco_team_set_role(the_team uuid, person uuid, the_role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM teams t WHERE t.id = the_team FOR UPDATE;
  IF coco_team_role(the_team, person) IS NULL
     OR NOT coco_i_may_give(the_team, coco_team_role(the_team, person)) OR NOT coco_i_may_give(the_team, the_role) THEN
    RAISE EXCEPTION 'your role does not let you change this one' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM coco_team_keeps_owner(the_team, person, the_role);
  UPDATE team_members SET role = the_role WHERE team_id = the_team AND user_id = person AND left_at IS NULL;
END $$;

-- What ends with a membership: what that person had shared with the team. No role calls it.
CREATE FUNCTION coco_team_part(the_team uuid, person uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE team_members SET left_at = clock_timestamp()
   WHERE team_id = the_team AND user_id = person AND left_at IS NULL;
  UPDATE team_shares SET ended_at = clock_timestamp()
   WHERE team_id = the_team AND user_id = person AND ended_at IS NULL;
  UPDATE workflows SET team_id = NULL WHERE team_id = the_team AND user_id = person;
END $$;

-- Leaves, or removes somebody else.
CREATE FUNCTION coco_team_end(the_team uuid, person uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM teams t WHERE t.id = the_team FOR UPDATE;
  IF coco_team_role(the_team, person) IS NULL OR NOT (person = <the user>
     OR coco_i_may_give(the_team, coco_team_role(the_team, person))) THEN
    RAISE EXCEPTION 'your role does not let you remove this member' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM coco_team_keeps_owner(the_team, person, NULL);
  PERFORM coco_team_part(the_team, person);
END $$;

-- Who made a workflow shares it, from now on: what it did before stays theirs alone.
CREATE FUNCTION coco_team_share(the_team uuid, the_workflow uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM teams t WHERE t.id = the_team FOR UPDATE;
  IF coalesce(coco_team_role(the_team, <the user>), '') NOT IN ('owner', 'admin', 'approver', 'member') THEN
    RAISE EXCEPTION 'your role does not let you share a workflow' USING ERRCODE = 'check_violation';
  END IF;
  UPDATE workflows SET team_id = the_team
   WHERE id = the_workflow AND user_id = <the user> AND team_id IS NULL AND archived_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this workflow is archived, or shared already' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO team_shares (workflow_id, shared_at, user_id, team_id)
    VALUES (the_workflow, clock_timestamp(), <the user>, the_team);
END $$;

-- Whoever made it, or who manages the team, takes it out; whose it is.
CREATE FUNCTION coco_team_unshare(the_workflow uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  found workflows;
BEGIN
  SELECT w.* INTO found FROM workflows w WHERE w.id = the_workflow FOR UPDATE;
  IF found.team_id IS NULL OR NOT (found.user_id = <the user>
     OR coalesce(coco_team_role(found.team_id, <the user>), '') IN ('owner', 'admin')) THEN
    RAISE EXCEPTION 'your role does not let you take this workflow out of the team' USING ERRCODE = 'check_violation';
  END IF;
  UPDATE team_shares SET ended_at = clock_timestamp() WHERE workflow_id = the_workflow AND ended_at IS NULL;
  UPDATE workflows SET team_id = NULL WHERE id = the_workflow;
  RETURN found.user_id;
END $$;

-- An account that is being deleted leaves its teams at once. A team whose last owner goes is its longest-standing
-- admin's; where there is none, it ends.
CREATE FUNCTION coco_leave_teams() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  one record;
  other record;
BEGIN
  FOR one IN SELECT m.team_id FROM team_members m WHERE m.user_id = NEW.user_id AND m.left_at IS NULL
              ORDER BY m.team_id LOOP
    PERFORM 1 FROM teams t WHERE t.id = one.team_id FOR UPDATE;
    PERFORM coco_team_part(one.team_id, NEW.user_id);
    IF NOT EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = one.team_id AND m.left_at IS NULL
                      AND m.role = 'owner') THEN
      UPDATE team_members m SET role = 'owner' WHERE m.team_id = one.team_id AND m.left_at IS NULL AND m.user_id = (
        SELECT a.user_id FROM team_members a WHERE a.team_id = one.team_id AND a.left_at IS NULL AND a.role = 'admin'
         ORDER BY a.joined_at, a.user_id LIMIT 1);
      IF NOT FOUND THEN
        FOR other IN SELECT m.user_id FROM team_members m WHERE m.team_id = one.team_id AND m.left_at IS NULL LOOP
          PERFORM coco_team_part(one.team_id, other.user_id);
        END LOOP;
      END IF;
    END IF;
  END LOOP;
  DELETE FROM team_invitations i WHERE i.invited_by = NEW.user_id
     OR i.email = (SELECT u.email FROM users u WHERE u.id = NEW.user_id);
  RETURN NULL;
END $$;
CREATE TRIGGER leave_teams AFTER INSERT ON erasures FOR EACH ROW EXECUTE FUNCTION coco_leave_teams();
"""

READING = """
-- The workflows that are shared with the session's team, each with whose it is and since when. Nothing where the
-- session names no team, or where its person, or whose workflow it is, is not in it.
CREATE FUNCTION coco_shared_here() RETURNS TABLE (workflow_id uuid, owner_id uuid, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.workflow_id, s.user_id, s.shared_at
    FROM team_shares s JOIN workflows w ON w.id = s.workflow_id AND w.user_id = s.user_id AND w.team_id = s.team_id
   WHERE s.team_id = <the team> AND s.ended_at IS NULL
     AND coco_team_role(s.team_id, <the user>) IS NOT NULL AND coco_team_role(s.team_id, s.user_id) IS NOT NULL
$$;

-- Whether a run is of a workflow that is shared with the session's team, and began while it was.
CREATE FUNCTION coco_sees_run(the_run uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT <the team> IS NOT NULL AND EXISTS (
    SELECT 1 FROM runs r JOIN coco_shared_here() s ON s.workflow_id = r.workflow_id AND s.owner_id = r.user_id
     WHERE r.id = the_run AND r.created_at >= s.since)
$$;

CREATE FUNCTION coco_sees_connection(the_connection uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT <the team> IS NOT NULL AND EXISTS (
    SELECT 1 FROM coco_shared_here() s JOIN workflows w ON w.id = s.workflow_id
      JOIN connections c ON c.id = the_connection AND c.user_id = s.owner_id
     WHERE w.connections ? c.id::text)
$$;

-- A run that somebody else asks for is of a workflow that is shared with a team in which they may.
CREATE FUNCTION coco_check_requester() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.requested_by IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM workflows w WHERE w.id = NEW.workflow_id AND w.user_id = NEW.user_id
         AND coco_team_role(w.team_id, w.user_id) IS NOT NULL
         AND coco_team_role(w.team_id, NEW.requested_by) IN ('owner', 'admin', 'approver', 'member')) THEN
    RAISE EXCEPTION 'who asks for this run may not start it' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_requester BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION coco_check_requester();
"""

SHOWN = {
    "workflows": "id IN (SELECT s.workflow_id FROM coco_shared_here() s)",
    "runs": "coco_sees_run(id)",
    "questions": "coco_sees_run(run_id)",
    "actions": "coco_sees_run(run_id)",
    "decisions": "coco_sees_run(run_id)",
    "ledger_transactions": "coco_sees_run(run_id)",
    "connections": "coco_sees_connection(id)",
}
"""Table -> which rows of others the API reads in a session that names a team. Read alone: nothing here lets write."""

INTERNAL = (
    "coco_team_role(uuid, uuid)",
    "coco_team_keeps_owner(uuid, uuid, text)",
    "coco_team_part(uuid, uuid)",
)
"""Functions that answer about anybody, or change what nobody asked for: no role calls them."""
CALLABLE = {
    "coco_my_teams()": "coco_api, coco_control, coco_gateway",
    "coco_i_may_give(uuid, text)": "coco_api, coco_control, coco_gateway",
    "coco_team_people(uuid)": "coco_api, coco_control",
    "coco_team_tiers(uuid)": "coco_api",
    "coco_team_make(uuid, text)": "coco_api",
    "coco_team_join(text)": "coco_api",
    "coco_team_set_role(uuid, uuid, text)": "coco_api",
    "coco_team_end(uuid, uuid)": "coco_api",
    "coco_team_share(uuid, uuid)": "coco_api",
    "coco_team_unshare(uuid)": "coco_api",
    "coco_shared_here()": "coco_api",
    "coco_sees_run(uuid)": "coco_api",
    "coco_sees_connection(uuid)": "coco_api",
}
"""Function -> the roles that may call it."""


def _filled(text: str) -> str:
    return text.replace("<the user>", USER_ID).replace("<the team>", TEAM_ID)


def statements() -> list[str]:
    """Every statement, in order."""
    result = [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in TABLES]
    for role, tables in PRIVILEGES.items():
        result += [f"GRANT {privileges} ON {table} TO {role}" for table, privileges in tables.items()]
    result += [_filled(text) for text in (MEMBERSHIP, CHANGING, READING)]
    result += [
        "CREATE POLICY in_it ON teams FOR SELECT USING (id IN (SELECT coco_my_teams()))",
        f"CREATE POLICY in_it ON team_members FOR SELECT "
        f"USING (user_id = {USER_ID} OR (left_at IS NULL AND team_id IN (SELECT coco_my_teams())))",
        "CREATE POLICY managed ON team_invitations FOR SELECT USING (coco_i_may_give(team_id, role))",
        f"CREATE POLICY invite ON team_invitations FOR INSERT WITH CHECK (invited_by = {USER_ID} "
        "AND coco_i_may_give(team_id, role) AND accepted_at IS NULL AND revoked_at IS NULL)",
        "CREATE POLICY withdraw ON team_invitations FOR UPDATE USING (coco_i_may_give(team_id, role))",
        f"CREATE POLICY own ON team_shares FOR SELECT USING (user_id = {USER_ID})",
        # A workflow is made as its person's alone; only the functions above write `team_id` afterwards.
        "CREATE POLICY unshared ON workflows AS RESTRICTIVE FOR INSERT WITH CHECK (team_id IS NULL)",
    ]
    result += [
        f"CREATE POLICY shared ON {table} FOR SELECT TO coco_api USING ({rows})" for table, rows in SHOWN.items()
    ]
    result += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in (*INTERNAL, *CALLABLE)]
    result += [f"GRANT EXECUTE ON FUNCTION {function} TO {roles}" for function, roles in CALLABLE.items()]
    return result
