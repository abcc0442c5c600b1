-- SPDX-License-Identifier: ISC
-- Version 1 of schema "sallyport": accounts, and the nodes that ask for them. Run once, within a transaction, by
-- sallyport-store as sallyport_owner. A change of it is a new file, schema_2.sql: what was run stays as it is.

-- also for what later versions add
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE sallyport.meta (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	version int NOT NULL,
	-- of the draw of decoys; known to the database alone
	names_key bytea NOT NULL CHECK (octet_length(names_key) = 32),
	lease interval NOT NULL DEFAULT '30 s');
INSERT INTO sallyport.meta (version, names_key)
	VALUES (1, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- One account: the fields of a line of sallyport-users(5). account_parse() checks more; these hold for psql too.
CREATE TABLE sallyport.account (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE
		CHECK (octet_length(name) BETWEEN 1 AND 64 AND name !~ '[[:cntrl:][:space:]/:]' AND name !~ '^[-#!+]'
			AND name !~ '[\u0080-\u009f]' AND name NOT IN ('.', '..')),
	-- with its lock mark
	hash text COLLATE "C" NOT NULL CHECK (hash ~ '^[!-9;-~]+$' AND octet_length(hash) <= 400),
	uid bigint NOT NULL CHECK (uid BETWEEN 1 AND 4294967294),
	gid bigint NOT NULL CHECK (gid BETWEEN 1 AND 4294967294),
	home text COLLATE "C" NOT NULL
		CHECK (home ~ '^/[^:[:cntrl:]]+$' AND home !~ '(^|/)\.{1,2}(/|$)' AND home !~ '//' AND home !~ '/$'
			AND octet_length(home) < 4096),
	-- as it was written: words of other versions stay
	options text COLLATE "C" NOT NULL DEFAULT '' CHECK (translate(options, E'\t', '') !~ '[[:cntrl:]]'),
	changed timestamptz NOT NULL DEFAULT now(),
	-- with five colons
	CHECK (octet_length(name) + octet_length(hash) + octet_length(home) + octet_length(options)
		+ length(uid::text) + length(gid::text) + 5 <= 8192));
CREATE INDEX account_uid ON sallyport.account (uid);
-- where a name stands on the ring on which names without an account find one whose kind of hash they take
CREATE INDEX account_ring ON sallyport.account (hashtextextended(name, 0));

-- The servers that use these accounts.
CREATE TABLE sallyport.node (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 253 AND name !~ '[[:cntrl:][:space:]]'),
	boot uuid NOT NULL,
	lease_until timestamptz NOT NULL);

CREATE FUNCTION sallyport.schema_version() RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	SELECT version FROM meta;
$$;

-- The kind and cost of a hash, then points for salt and digest: it costs what the hash costs, and nothing fits it. As
-- hash_kind_len() of accounts/hash_kind.c. It has no search path of its own, which would cost more than all else: only
-- account_find() calls it.
CREATE FUNCTION sallyport.decoy_of(p_hash text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
	v_bare text := pg_catalog.ltrim(p_hash, '!');
	v_front text;
BEGIN
	IF v_bare ~ '^[./0-9A-Za-z]{13}$' THEN
		RETURN '.............';
	END IF;
	IF v_bare !~ '^[$_]' THEN
		RETURN '*';
	END IF;
	v_front := coalesce(substring(v_bare from
		'^(?:\$(?:gy|y|2[abxy]|sha1)\$[^$]*\$?|\$md5[^$]*\$?|\$7\$.{0,11}|\$(?:6|5|sm3)\$(?:rounds=[^$]*\$?)?|\$[13]\$|_.{0,4})'),
		'');
	RETURN v_front || pg_catalog.regexp_replace(pg_catalog.substr(v_bare, pg_catalog.length(v_front) + 1), '[^$]', '.', 'g');
END $$;

-- One account as a line of sallyport-users(5). o_id NULL: there is none, and o_decoy is what its password is verified
-- with: the kind of hash of an account that a keyed hash of the name draws. '': there are no accounts.
CREATE FUNCTION sallyport.account_find(p_name text, OUT o_id bigint, OUT o_line text, OUT o_decoy text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
DECLARE
	v_at bigint;
	v_hash text;
BEGIN
	SELECT a.id, concat_ws(':', a.name, a.hash, a.uid, a.gid, a.home, a.options) INTO o_id, o_line
		FROM account a WHERE a.name = p_name;
	IF FOUND THEN
		RETURN;
	END IF;
	SELECT ('x' || encode(substr(sha256(m.names_key || convert_to(p_name, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
		INTO v_at FROM meta m;
	SELECT a.hash INTO v_hash FROM account a WHERE hashtextextended(a.name, 0) >= v_at
		ORDER BY hashtextextended(a.name, 0) LIMIT 1;
	IF NOT FOUND THEN
		SELECT a.hash INTO v_hash FROM account a ORDER BY hashtextextended(a.name, 0) LIMIT 1;
	END IF;
	o_decoy := coalesce(decoy_of(v_hash), '');
END $$;

-- A node says that it is there, with the id of its boot; its number. Then it says so again before its lease ends.
CREATE FUNCTION sallyport.node_hello(p_name text, p_boot uuid) RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	INSERT INTO node (name, boot, lease_until) VALUES (p_name, p_boot, now() + (SELECT lease FROM meta))
		ON CONFLICT (name) DO UPDATE SET boot = excluded.boot, lease_until = excluded.lease_until RETURNING id;
$$;

-- true; NULL: another boot of the node has said hello.
CREATE FUNCTION sallyport.node_beat(p_node int, p_boot uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	UPDATE node SET lease_until = now() + (SELECT lease FROM meta) WHERE id = p_node AND boot = p_boot RETURNING true;
$$;

-- --- for sallyport_admin ---

-- Until the end of the transaction nobody else changes accounts. Its number is "sallypor" in ASCII.
CREATE FUNCTION sallyport.accounts_lock() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	SELECT pg_advisory_xact_lock(8314045600252325746);
$$;

-- The fields of a line; NULL where it has too few of them.
CREATE FUNCTION sallyport.line_fields(p_line text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_catalog.regexp_match(p_line, '^([^:]*):([^:]*):([0-9]{1,15}):([0-9]{1,15}):([^:]*):(.*)$');
$$;

-- Add accounts; the names that are taken already, of which none was changed.
CREATE FUNCTION sallyport.account_add(p_lines text[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
BEGIN
	RETURN QUERY
	WITH wanted AS (SELECT line_fields(l) AS f, n FROM unnest(p_lines) WITH ORDINALITY AS u (l, n)),
	numbered AS (SELECT f, n, row_number() OVER (PARTITION BY f[1] COLLATE "C" ORDER BY n) AS nth FROM wanted),
	added AS (INSERT INTO account (name, hash, uid, gid, home, options)
		SELECT f[1], f[2], f[3]::bigint, f[4]::bigint, f[5], f[6] FROM numbered WHERE nth = 1 ORDER BY n
		ON CONFLICT (name) DO NOTHING RETURNING name)
	SELECT w.f[1] FROM numbered w WHERE w.nth > 1
		OR NOT EXISTS (SELECT 1 FROM added WHERE added.name = w.f[1] COLLATE "C");
END $$;

-- Replace an account by a line of the same name. false: there is none.
CREATE FUNCTION sallyport.account_set(p_line text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
DECLARE
	f text[] := line_fields(p_line);
BEGIN
	UPDATE account SET hash = f[2], uid = f[3]::bigint, gid = f[4]::bigint, home = f[5], options = f[6], changed = now()
		WHERE name = f[1];
	RETURN FOUND;
END $$;

CREATE FUNCTION sallyport.account_remove(p_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
BEGIN
	DELETE FROM account WHERE name = p_name;
	RETURN FOUND;
END $$;

-- Accounts as lines, in the order of their names, from the one after p_after on.
CREATE FUNCTION sallyport.account_lines(p_after text, p_max int) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT concat_ws(':', a.name, a.hash, a.uid, a.gid, a.home, a.options)
		FROM account a WHERE a.name > p_after ORDER BY a.name LIMIT p_max;
END $$;

-- Accounts with the same uid, the same home, or a home inside of the other, but that of p_name.
CREATE FUNCTION sallyport.account_sharing(p_name text, p_uid bigint, p_home text, p_max int) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT concat_ws(':', a.name, a.hash, a.uid, a.gid, a.home, a.options)
		FROM account a WHERE a.name <> p_name
		AND (a.uid = p_uid OR a.home = p_home OR starts_with(a.home, p_home || '/') OR starts_with(p_home, a.home || '/'))
		ORDER BY a.name LIMIT p_max;
END $$;

-- The first of p_count free uids in a row of a range: above those in use, or a single one between them. NULL: none is left.
CREATE FUNCTION sallyport.account_free_uid(p_low bigint, p_high bigint, p_count bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
DECLARE
	v_uid bigint;
BEGIN
	SELECT coalesce(max(uid) + 1, p_low) INTO v_uid FROM account WHERE uid BETWEEN p_low AND p_high;
	IF v_uid + p_count - 1 <= p_high THEN
		RETURN v_uid;
	END IF;
	IF p_count > 1 THEN
		RETURN NULL;
	END IF;
	IF NOT EXISTS (SELECT 1 FROM account WHERE uid = p_low) THEN
		RETURN p_low;
	END IF;
	SELECT a.uid + 1 INTO v_uid FROM account a
		WHERE a.uid BETWEEN p_low AND p_high - 1 AND NOT EXISTS (SELECT 1 FROM account b WHERE b.uid = a.uid + 1)
		ORDER BY a.uid LIMIT 1;
	RETURN v_uid;
END $$;

CREATE FUNCTION sallyport.account_count() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	SELECT count(*) FROM account;
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sallyport FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sallyport.schema_version, sallyport.account_find, sallyport.node_hello, sallyport.node_beat
	TO sallyport_node;
GRANT EXECUTE ON FUNCTION sallyport.schema_version, sallyport.account_find, sallyport.accounts_lock,
	sallyport.account_add, sallyport.account_set, sallyport.account_remove, sallyport.account_lines,
	sallyport.account_sharing, sallyport.account_free_uid, sallyport.account_count TO sallyport_admin;
