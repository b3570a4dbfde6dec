"""What ends with a membership, a role or an account; and what undoing something private must not show.

Part of one migration; a later change is a new migration, never an edit here. Replaces functions of
store.migrations.privileges_teams and team_audit.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID
from store.migrations.privileges_teams import TEAM_ID

INVITATIONS = """
-- Invitations of somebody into a team that were not used end with each change of what they are in it: by one that was
-- left over, who was removed would be back, and who was made less would be more again.
CREATE FUNCTION coco_team_uninvite(the_team uuid, person uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE team_invitations i SET revoked_at = now()
   WHERE i.team_id = the_team AND i.accepted_at IS NULL AND i.revoked_at IS NULL
     AND i.email = (SELECT u.email FROM users u WHERE u.id = person)
$$;

-- As before, and the team is held first, as everywhere: what else holds it may end this invitation.
CREATE OR REPLACE FUNCTION coco_team_join(the_token_sha256 text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  asked team_invitations;
BEGIN
  PERFORM 1 FROM teams t WHERE t.id = (
    SELECT i.team_id FROM team_invitations i JOIN users u ON u.email = i.email AND u.id = <the user>
     WHERE i.token_sha256 = the_token_sha256) FOR UPDATE;
  SELECT i.* INTO asked FROM team_invitations i WHERE i.token_sha256 = the_token_sha256 FOR UPDATE;
  IF asked.id IS NULL OR asked.email <> (SELECT u.email FROM users u WHERE u.id = <the user>) THEN
    RAISE EXCEPTION 'there is no such invitation for the address that you are signed in with'
      USING ERRCODE = 'check_violation';
  END IF;
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
  PERFORM coco_team_uninvite(asked.team_id, <the user>);
  RETURN asked.team_id;
END $$;

CREATE OR REPLACE FUNCTION coco_team_set_role(the_team uuid, person uuid, the_role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM teams t WHERE t.id = the_team FOR UPDATE;
  IF coco_team_role(the_team, person) IS NULL
     OR NOT coco_i_may_give(the_team, coco_team_role(the_team, person)) OR NOT coco_i_may_give(the_team, the_role) THEN
    RAISE EXCEPTION 'your role does not let you change this one' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM coco_team_keeps_owner(the_team, person, the_role);
  UPDATE team_members SET role = the_role WHERE team_id = the_team AND user_id = person AND left_at IS NULL;
  PERFORM coco_team_uninvite(the_team, person);
END $$;

CREATE OR REPLACE FUNCTION coco_team_part(the_team uuid, person uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE team_members SET left_at = clock_timestamp()
   WHERE team_id = the_team AND user_id = person AND left_at IS NULL;
  UPDATE team_shares SET ended_at = clock_timestamp()
   WHERE team_id = the_team AND user_id = person AND ended_at IS NULL;
  UPDATE workflows SET team_id = NULL WHERE team_id = the_team AND user_id = person;
  PERFORM coco_team_uninvite(the_team, person);
END $$;
"""

ERASING = """
-- As before. What that changes for others is noted, for the control side to put on their chains; and a team in which
-- nobody is any more keeps no name.
CREATE OR REPLACE FUNCTION coco_leave_teams() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  one record;
  other record;
  told jsonb := '[]';
BEGIN
  FOR one IN SELECT m.team_id FROM team_members m WHERE m.user_id = NEW.user_id AND m.left_at IS NULL
              ORDER BY m.team_id LOOP
    PERFORM 1 FROM teams t WHERE t.id = one.team_id FOR UPDATE;
    PERFORM coco_team_part(one.team_id, NEW.user_id);
    IF NOT EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = one.team_id AND m.left_at IS NULL
                      AND m.role = 'owner') THEN
      UPDATE team_members m SET role = 'owner' WHERE m.team_id = one.team_id AND m.left_at IS NULL AND m.user_id = (
        SELECT a.user_id FROM team_members a WHERE a.team_id = one.team_id AND a.left_at IS NULL AND a.role = 'admin'
         ORDER BY a.joined_at, a.user_id LIMIT 1)
        RETURNING m.user_id INTO other;
      IF FOUND THEN
        told := told || jsonb_build_object('team', one.team_id, 'person', other.user_id, 'role', 'admin',
                                           'becomes', 'owner');
      ELSE
        FOR other IN SELECT m.user_id, m.role FROM team_members m
                      WHERE m.team_id = one.team_id AND m.left_at IS NULL ORDER BY m.user_id LOOP
          PERFORM coco_team_part(one.team_id, other.user_id);
          told := told || jsonb_build_object('team', one.team_id, 'person', other.user_id, 'role', other.role);
        END LOOP;
      END IF;
    END IF;
  END LOOP;
  DELETE FROM team_invitations i WHERE i.invited_by = NEW.user_id
     OR i.email = (SELECT u.email FROM users u WHERE u.id = NEW.user_id);
  UPDATE teams t SET name = '' WHERE (t.created_by = NEW.user_id
     OR t.id IN (SELECT m.team_id FROM team_members m WHERE m.user_id = NEW.user_id))
     AND NOT EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = t.id AND m.left_at IS NULL);
  UPDATE erasures SET to_tell = told WHERE user_id = NEW.user_id;
  RETURN NULL;
END $$;
"""

PRIVATE = """
-- When what a run is about began: with the run, or with the oldest of which it takes something back, or follows it. So
-- the undoing of what was private shows nothing of it.
CREATE FUNCTION coco_run_since(the_run uuid) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE about AS (
    SELECT r.id, r.created_at FROM runs r WHERE r.id = the_run
    UNION
    SELECT o.id, o.created_at FROM about b JOIN undos u ON u.run_id = b.id JOIN actions a ON a.id = u.action_id
      JOIN runs o ON o.id = a.run_id)
  SELECT min(about.created_at) FROM about
$$;

CREATE OR REPLACE FUNCTION coco_sees_run(the_run uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT <the team> IS NOT NULL AND EXISTS (
    SELECT 1 FROM runs r JOIN coco_shared_here() s ON s.workflow_id = r.workflow_id AND s.owner_id = r.user_id
     WHERE r.id = the_run AND r.created_at >= s.since AND coco_run_since(r.id) >= s.since)
$$;

-- As before (store.migrations.team_audit), without the undoing of what was private, and with what the end of an
-- account changed in the team.
CREATE OR REPLACE FUNCTION coco_team_audit(the_team uuid, person uuid, the_workflow uuid, the_run uuid, the_kind text,
                                           since timestamptz, until timestamptz, before_at timestamptz,
                                           before_user uuid, before_seq bigint, wanted integer)
RETURNS SETOF audit LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
  WITH allowed AS MATERIALIZED (
    SELECT 1 WHERE coco_team_role(the_team, <the user>) IN ('owner', 'admin', 'auditor')
  ), found AS (
    SELECT a.* FROM allowed, team_shares s, LATERAL (
      SELECT x.* FROM audit x
       WHERE x.user_id = s.user_id AND x.at >= s.shared_at AND x.at < coalesce(s.ended_at, 'infinity')
         AND x.search @@ ('''' || chr(1) || 'w' || s.workflow_id || '''')::tsquery
         AND x.kind NOT LIKE 'team\\_%'
         AND (x.run_id IS NULL OR EXISTS (
               SELECT 1 FROM runs r WHERE r.id = x.run_id AND r.user_id = s.user_id AND r.workflow_id = s.workflow_id
                  AND r.created_at >= s.shared_at
                  AND (NOT EXISTS (SELECT 1 FROM undos u WHERE u.run_id = r.id)
                       OR coco_run_since(r.id) >= s.shared_at)))
         AND x.body ->> 'workflow' = s.workflow_id::text) a
     WHERE s.team_id = the_team
    UNION ALL
    SELECT a.* FROM allowed, audit a
     WHERE a.kind LIKE 'team\\_%' AND a.body ->> 'team' = the_team::text
       AND a.actor IN ('user:' || a.user_id, 'system')
  )
  SELECT f.* FROM found f
   WHERE (person IS NULL OR f.user_id = person OR f.actor = 'user:' || person)
     AND (the_workflow IS NULL OR f.body ->> 'workflow' = the_workflow::text)
     AND (the_run IS NULL OR f.run_id = the_run)
     AND (the_kind IS NULL OR f.kind = the_kind)
     AND (since IS NULL OR f.at >= since) AND (until IS NULL OR f.at < until)
     AND (before_at IS NULL OR (f.at, f.user_id, f.seq) < (before_at, before_user, before_seq))
   ORDER BY f.at DESC, f.user_id DESC, f.seq DESC LIMIT least(wanted, 1000)
$$;
"""

DECIDING = """
-- Who decides in a team decides on what the team sees: the same moment counts there.
DO $$
DECLARE
  one regprocedure;
BEGIN
  FOR one IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
              AND p.proname IN ('coco_team_decides', 'coco_waiting_for_me', 'coco_approval_facts') LOOP
    EXECUTE replace(pg_get_functiondef(one), 'r.created_at >= s.shared_at', 'coco_run_since(r.id) >= s.shared_at');
  END LOOP;
END $$;
"""

INTERNAL = ("coco_team_uninvite(uuid, uuid)", "coco_run_since(uuid)")
"""Functions that answer about anybody, or change what nobody asked for: no role calls them."""


def statements() -> list[str]:
    """Every statement, in order; after `erasures.to_tell` is there. Who may call what there was stays as it was."""
    filled = [text.replace("<the user>", USER_ID).replace("<the team>", TEAM_ID) for text in
              (INVITATIONS, ERASING, PRIVATE)]  # fmt: skip
    return [
        *filled,
        DECIDING,
        *(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in INTERNAL),
        "GRANT UPDATE (to_tell) ON erasures TO coco_control",
    ]
