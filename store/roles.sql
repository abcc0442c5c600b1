-- SPDX-License-Identifier: ISC
-- The roles, which belong to all databases of the server, and the schema of this one. Nothing that is there is changed
-- but who may enter the schema.
DO $$
DECLARE
	v_role text;
BEGIN
	FOREACH v_role IN ARRAY ARRAY['sallyport_owner', 'sallyport_node', 'sallyport_admin'] LOOP
		IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = v_role) THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I %s', v_role,
				CASE WHEN v_role = 'sallyport_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END);
		END IF;
	END LOOP;
	IF NOT pg_catalog.pg_has_role('sallyport_owner',
		CASE WHEN pg_catalog.current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
		EXECUTE pg_catalog.format('GRANT sallyport_owner TO %I', current_user);
	END IF;
END $$;
CREATE SCHEMA IF NOT EXISTS sallyport AUTHORIZATION sallyport_owner;
REVOKE ALL ON SCHEMA sallyport FROM PUBLIC;
GRANT USAGE ON SCHEMA sallyport TO sallyport_node, sallyport_admin;
