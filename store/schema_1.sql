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
	hash text COLLATE "C" NOT NULL CHECK (hash ~ '^([!-9;-~]+|!*\*pam:[A-Za-z0-9_][A-Za-z0-9._-]{0,62})$' AND octet_length(hash) <= 400),
	uid bigint NOT NULL CHECK (uid BETWEEN 1 AND 4294967294),
	gid bigint NOT NULL CHECK (gid BETWEEN 1 AND 4294967294),
	home text COLLATE "C" NOT NULL
		CHECK (home ~ '^/[^:[:cntrl:]]+$' AND home !~ '(^|/)\.{1,2}(/|$)' AND home !~ '//' AND home !~ '/$'
			AND octet_length(home) < 4096),
	-- as it was written: words of other versions stay
	options text COLLATE "C" NOT NULL DEFAULT '' CHECK (translate(options, E'\t', '') !~ '[[:cntrl:]]'),
	-- What account_parse() found in these options; NULL: no limit. Whoever changes the options by hand is refused, so
	-- that a line and its limits never disagree.
	max_sessions int CHECK (max_sessions > 0),
	quota_bytes bigint CHECK (quota_bytes >= 0),
	quota_files bigint CHECK (quota_files >= 0),
	limits_of uuid NOT NULL CONSTRAINT limits_are_of_these_options CHECK (limits_of = md5(options)::uuid),
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
	-- the boots before it, which never come back
	past uuid[] NOT NULL DEFAULT '{}',
	-- the role that said hello; nobody else says so in this name until node_forget(). NULL: whoever comes first
	owner name,
	-- what it has told within the minute that began then
	told int NOT NULL DEFAULT 0,
	told_since timestamptz NOT NULL DEFAULT '-infinity',
	lease_until timestamptz NOT NULL);

-- What is settled of an account's quota, and what nodes that are gone may have used on top of it.
CREATE TABLE sallyport.usage (
	account bigint PRIMARY KEY REFERENCES sallyport.account ON DELETE CASCADE,
	base_bytes bigint NOT NULL DEFAULT 0,
	base_files bigint NOT NULL DEFAULT 0,
	slack_bytes bigint NOT NULL DEFAULT 0 CHECK (slack_bytes >= 0),
	slack_files bigint NOT NULL DEFAULT 0 CHECK (slack_files >= 0),
	-- how often a share went into base
	folds bigint NOT NULL DEFAULT 0,
	is_counted boolean NOT NULL DEFAULT false) WITH (fillfactor = 50);

-- What one broker of a node says of a share: the number of its last word, and how many sessions it counts. After an upgrade a
-- node has two brokers for a while, which count sessions apart.
CREATE TYPE sallyport.voice AS (broker bigint, seq bigint, sessions int);

-- What one node may use of an account's quota (allow), and what it said it has used of that (net; below 0 where it
-- has removed more than it added).
CREATE TABLE sallyport.share (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account bigint NOT NULL REFERENCES sallyport.account ON DELETE CASCADE,
	node int NOT NULL REFERENCES sallyport.node,
	boot uuid NOT NULL,
	seq bigint NOT NULL,
	-- of all voices
	sessions int NOT NULL,
	voices sallyport.voice[] NOT NULL,
	net_bytes bigint NOT NULL DEFAULT 0,
	net_files bigint NOT NULL DEFAULT 0,
	allow_bytes bigint NOT NULL DEFAULT 0,
	allow_files bigint NOT NULL DEFAULT 0,
	UNIQUE (account, node, boot),
	CHECK (net_bytes <= allow_bytes AND net_files <= allow_files)) WITH (fillfactor = 50);
CREATE INDEX share_node ON sallyport.share (node, boot);

-- A share was taken from this boot of a node, which may not know it yet and go on within it. While the boot is the
-- node's, the account cannot be counted.
CREATE TABLE sallyport.ghost (
	account bigint NOT NULL REFERENCES sallyport.account ON DELETE CASCADE,
	node int NOT NULL REFERENCES sallyport.node,
	boot uuid NOT NULL,
	PRIMARY KEY (account, node));

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
-- NULL: another boot has said hello after this one, another role has the name, or there are 1024 nodes. Who is refused does
-- not get as far as the conflict: that locks the row, and another role could hold it until the lease has ended.
-- 0: somebody has locked the row, so nobody knows.
CREATE FUNCTION sallyport.node_hello(p_name text, p_boot uuid) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
	v_id int;
BEGIN
	INSERT INTO node (name, boot, owner, lease_until)
		SELECT p_name, p_boot, session_user, now() + m.lease FROM meta m
		WHERE CASE WHEN EXISTS (SELECT 1 FROM node WHERE name = p_name)
			THEN EXISTS (SELECT 1 FROM node WHERE name = p_name AND coalesce(owner, session_user) = session_user
				AND p_boot <> ALL (past))
			ELSE (SELECT count(*) FROM node) < 1024 END
		ON CONFLICT (name) DO UPDATE SET boot = excluded.boot, owner = excluded.owner,
			lease_until = excluded.lease_until,
			past = CASE WHEN node.boot = excluded.boot THEN node.past ELSE (node.boot || node.past)[1:32] END
		WHERE coalesce(node.owner, session_user) = session_user AND excluded.boot <> ALL (node.past)
		RETURNING id INTO v_id;
	RETURN v_id;
EXCEPTION WHEN lock_not_available THEN
	RETURN 0;
END $$;

-- true; NULL: another boot of the node has said hello.
CREATE FUNCTION sallyport.node_beat(p_node int, p_boot uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
	UPDATE node SET lease_until = now() + (SELECT lease FROM meta) WHERE id = p_node AND boot = p_boot AND owner = session_user RETURNING true;
$$;

-- --- the ledger: each node borrows a share of an account's quota ---
--
-- For bytes, and for files, of each account:   base + slack + sum of all allow <= quota   (I)
-- and on each node, before it lets anything grow:                          net <= allow
--
-- All functions keep (I), except where the quota itself went down; then nothing is granted until it holds again. What
-- is used is at most base + slack + all allow, whatever was lost, whoever died: no clock is needed for that. Leases
-- decide only when the room of a node that is silent becomes slack, which the next count of the home frees.
--
-- A node keeps to this: (1) A share's messages are numbered from 1 on; it takes an answer only to its last number.
-- (2) It lowers its allow before it tells so, and raises it after the answer. (3) It opens an account anew (share 0) only
-- after all that used the share before has ended. (4) It ends what uses a share that is gone.
-- (5) Nothing grows while the share may be none of ours: before the first answer, and after the last word. What was removed
-- before the first answer makes no room until the home is counted: another node may have counted it already.
--
-- Locks are taken in one order: the account's row, its row of usage, its shares; expire() waits for none.

-- The largest figure: 1 EiB, or as many files. Sums of a few stay within bigint.
CREATE FUNCTION sallyport.figure_max() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1152921504606846976';

CREATE FUNCTION sallyport.figure_clamp(p_figure numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT least(greatest(p_figure, -1152921504606846976), 1152921504606846976)::bigint;
$$;

CREATE FUNCTION sallyport.ledger_refuse(p_are_good boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = sallyport, pg_temp AS $$
BEGIN
	IF p_are_good IS NOT TRUE THEN
		RAISE 'figures that no ledger has' USING ERRCODE = '22023';
	END IF;
END $$;

-- Until the end of the transaction, nobody else changes the account's ledger. false: there is no such account.
CREATE FUNCTION sallyport.ledger_lock(p_account bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = sallyport, pg_temp AS $$
BEGIN
	-- an older snapshot would miss what others did before the lock
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE 'the ledger wants READ COMMITTED' USING ERRCODE = '25001';
	END IF;
	PERFORM 1 FROM account WHERE id = p_account FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM 1 FROM usage WHERE account = p_account FOR UPDATE;
	IF NOT FOUND THEN
		INSERT INTO usage (account) VALUES (p_account) ON CONFLICT DO NOTHING;
		PERFORM 1 FROM usage WHERE account = p_account FOR UPDATE;
	END IF;
	RETURN true;
END $$;

-- Shares of nodes that have another boot now, or whose lease has ended.
CREATE VIEW sallyport.share_left AS
	SELECT s.id, s.account, s.node, s.boot FROM sallyport.share s JOIN sallyport.node n ON n.id = s.node
	WHERE n.boot <> s.boot OR n.lease_until < now();

-- A share is over, without a word of the node: all that it allowed counts as used. (I) does not move. The ledger is locked.
CREATE FUNCTION sallyport.share_bury(p_share bigint) RETURNS void
LANGUAGE sql SET search_path = sallyport, pg_temp AS $$
	WITH gone AS (DELETE FROM share WHERE id = p_share RETURNING *),
	seen AS (INSERT INTO ghost (account, node, boot)
		SELECT g.account, g.node, g.boot FROM gone g JOIN node n ON n.id = g.node AND n.boot = g.boot
		ON CONFLICT (account, node) DO UPDATE SET boot = excluded.boot)
	UPDATE usage u SET folds = folds + 1,
		base_bytes = figure_clamp(u.base_bytes + g.net_bytes),
		base_files = figure_clamp(u.base_files + g.net_files),
		slack_bytes = figure_clamp(u.slack_bytes + g.allow_bytes - g.net_bytes),
		slack_files = figure_clamp(u.slack_files + g.allow_files - g.net_files)
		FROM gone g WHERE u.account = g.account;
$$;

-- The sessions that all voices count.
CREATE FUNCTION sallyport.voices_sum(p_voices sallyport.voice[]) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(sum(v.sessions), 0)::int FROM unnest(p_voices) v;
$$;

-- The voices but that of one broker. Where it is alone, there are no others any more. A node has few of them.
CREATE FUNCTION sallyport.voices_others(p_voices sallyport.voice[], p_broker bigint, p_is_alone boolean)
RETURNS sallyport.voice[] LANGUAGE sql IMMUTABLE AS $$
	SELECT ARRAY(SELECT v FROM unnest(p_voices) v WHERE NOT p_is_alone AND v.broker <> p_broker ORDER BY v.seq DESC LIMIT 15);
$$;

-- Is there room for what is wanted? What is not wanted needs none.
CREATE FUNCTION sallyport.ledger_fits(p_want_bytes bigint, p_left_bytes numeric, p_want_files bigint, p_left_files numeric)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT (p_want_bytes = 0 OR p_want_bytes <= p_left_bytes) AND (p_want_files = 0 OR p_want_files <= p_left_files);
$$;

-- What is wanted, and some of what is spare: at most an eighth of what is left, so that there is some for others.
CREATE FUNCTION sallyport.ledger_grant(p_want bigint, p_spare bigint, p_left numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN p_want = 0 THEN 0 ELSE greatest(p_want, least(p_want + p_spare, floor(p_left / 8)))::bigint END;
$$;

-- Does a node that can be alive hold something of the account that the database has forgotten?
CREATE FUNCTION sallyport.ledger_haunted(p_account bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = sallyport, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM ghost g JOIN node n ON n.id = g.node AND n.boot = g.boot WHERE g.account = p_account);
$$;

/*
 * A node tells what came of its share, and asks for more. p_share 0 opens one: what the node had before is over. net is
 * what was used since the share was opened; keep is how much of its allow it keeps; want is what it lacks beyond that, 0:
 * nothing; spare is what it would like on top. The message is absolute and numbered: lost, late and doubled ones do no harm.
 *
 * o_outcome: 0 granted
 *            1 over the quota, even if all others gave back what they said they do not use, and a count found no slack used
 *            2 others hold enough that is not used; they are called on channel sallyport_recall
 *            3 gone: the share, the node's boot or the account; end what uses it, and open anew
 *            4 the home must be counted first; nobody else holds anything
 *            5 too many sessions: their number stays, nothing is granted, and none is opened
 *            6 not now: there may be room, but it cannot be counted while others hold shares, or may still be alive
 *            7 an old number: nothing was done; the figures are those of the share now
 * o_allow_*: the node's from now on. o_used_*: of all nodes, as far as they have told. o_count: NULL, or what counted()
 * wants to hear if the count begins after this answer. o_nodes: on how many nodes the account has sessions, this one
 * among them. p_sessions is what the broker p_broker of the node counts; p_is_alone: the node has no other. Who waits for a
 * lock gives up after half a second: others wait behind it, on the same connection.
 */
CREATE FUNCTION sallyport.credit(p_account bigint, p_node int, p_boot uuid, p_share bigint, p_seq bigint, p_sessions int,
	p_net_bytes bigint, p_net_files bigint, p_keep_bytes bigint, p_keep_files bigint,
	p_want_bytes bigint, p_want_files bigint, p_spare_bytes bigint, p_spare_files bigint,
	p_broker bigint DEFAULT 0, p_is_alone boolean DEFAULT true,
	OUT o_outcome int, OUT o_share bigint, OUT o_allow_bytes bigint, OUT o_allow_files bigint,
	OUT o_used_bytes bigint, OUT o_used_files bigint, OUT o_count bigint, OUT o_nodes int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
	q account;
	u usage;
	s share;
	o record;
	v_voices voice[] := '{}';
	v_others int := 0;  -- sessions that other brokers of the node count
	v_own int := 0;
	v_left_bytes numeric;
	v_left_files numeric;
BEGIN
	PERFORM ledger_refuse(p_share >= 0 AND p_seq >= 1 AND p_sessions BETWEEN 0 AND 1000000
		AND p_net_bytes BETWEEN -figure_max() AND figure_max() AND p_net_files BETWEEN -figure_max() AND figure_max()
		AND p_keep_bytes BETWEEN -figure_max() AND figure_max() AND p_keep_files BETWEEN -figure_max() AND figure_max()
		AND p_want_bytes BETWEEN 0 AND figure_max() AND p_want_files BETWEEN 0 AND figure_max()
		AND p_spare_bytes BETWEEN 0 AND figure_max() AND p_spare_files BETWEEN 0 AND figure_max()
		AND (p_share > 0 OR (p_net_bytes = 0 AND p_net_files = 0)));
	o_outcome := 3;
	IF NOT ledger_lock(p_account)
		OR NOT EXISTS (SELECT 1 FROM node WHERE id = p_node AND boot = p_boot AND owner = session_user) THEN
		RETURN;
	END IF;
	PERFORM share_bury(l.id) FROM share_left l
		WHERE l.account = p_account AND (l.node <> p_node OR l.boot <> p_boot);

	SELECT * INTO s FROM share x WHERE x.account = p_account AND x.node = p_node AND x.boot = p_boot;
	IF p_share <> 0 AND s.id IS DISTINCT FROM p_share THEN
		RETURN;
	ELSIF p_share = 0 THEN  -- what it held before, it holds no longer
		PERFORM share_bury(s.id);
		DELETE FROM ghost WHERE account = p_account AND node = p_node;
		s := NULL;
	END IF;

	SELECT * INTO q FROM account WHERE id = p_account;
	SELECT * INTO u FROM usage WHERE account = p_account;
	SELECT count(*) AS shares, coalesce(sum(allow_bytes), 0) AS allow_bytes, coalesce(sum(allow_files), 0) AS allow_files,
		coalesce(sum(net_bytes), 0) AS net_bytes, coalesce(sum(net_files), 0) AS net_files,
		coalesce(sum(sessions), 0) AS sessions, count(*) FILTER (WHERE sessions > 0) AS nodes
		INTO o FROM share WHERE account = p_account AND id IS DISTINCT FROM s.id;
	o_outcome := 0;
	o_nodes := o.nodes + 1;
	IF cardinality(s.voices) = 1 AND (s.voices[1]).broker = p_broker THEN  -- as nearly always
		v_own := s.sessions;
	ELSIF s.id IS NOT NULL THEN
		v_voices := voices_others(s.voices, p_broker, p_is_alone);
		v_others := voices_sum(v_voices);
		v_own := s.sessions - voices_sum(voices_others(s.voices, p_broker, false));
	END IF;
	IF p_sessions > v_own AND o.sessions + v_others + p_sessions > q.max_sessions THEN
		o_outcome := 5;
		IF p_share = 0 THEN
			o_share := 0;
			RETURN;
		END IF;
		p_sessions := v_own;
	END IF;
	v_voices := v_voices || ROW(p_broker, p_seq, p_sessions)::voice;
	p_sessions := v_others + p_sessions;

	IF p_share = 0 THEN
		INSERT INTO share (account, node, boot, seq, sessions, voices)
			VALUES (p_account, p_node, p_boot, p_seq, p_sessions, v_voices) RETURNING * INTO s;
	ELSIF p_seq <= s.seq THEN
		o_outcome := 7;
		p_seq := s.seq;
		p_sessions := s.sessions;
		v_voices := s.voices;
		p_net_bytes := s.net_bytes;
		p_net_files := s.net_files;
		p_keep_bytes := s.allow_bytes;
		p_keep_files := s.allow_files;
	ELSIF u.is_counted AND ((q.quota_bytes IS NOT NULL AND (p_net_bytes > s.allow_bytes
				OR u.base_bytes + u.slack_bytes + o.allow_bytes + p_net_bytes < 0))
			OR (q.quota_files IS NOT NULL AND (p_net_files > s.allow_files
				OR u.base_files + u.slack_files + o.allow_files + p_net_files < 0))) THEN
		-- It went over its share, or removed more than there was: no figure of the account is believed any more.
		PERFORM share_bury(s.id);
		UPDATE usage SET is_counted = false WHERE account = p_account;
		o_outcome := 3;
		RETURN;
	END IF;
	o_share := s.id;

	o_allow_bytes := greatest(p_net_bytes, least(p_keep_bytes, s.allow_bytes));
	o_allow_files := greatest(p_net_files, least(p_keep_files, s.allow_files));
	v_left_bytes := least(coalesce(q.quota_bytes, figure_max()), figure_max())
		- u.base_bytes - u.slack_bytes - o.allow_bytes - o_allow_bytes;
	v_left_files := least(coalesce(q.quota_files, figure_max()), figure_max())
		- u.base_files - u.slack_files - o.allow_files - o_allow_files;
	IF o.shares = 0 AND NOT ledger_haunted(p_account) THEN
		o_count := u.folds;
	END IF;

	IF o_outcome = 0 AND (p_want_bytes > 0 OR p_want_files > 0) THEN
		o_outcome := CASE
			WHEN NOT u.is_counted THEN CASE WHEN o_count IS NULL THEN 6 ELSE 4 END
			WHEN ledger_fits(p_want_bytes, v_left_bytes, p_want_files, v_left_files) THEN 0
			WHEN ledger_fits(p_want_bytes, v_left_bytes + o.allow_bytes - o.net_bytes,
				p_want_files, v_left_files + o.allow_files - o.net_files) THEN 2
			WHEN NOT ledger_fits(p_want_bytes, v_left_bytes + u.slack_bytes + o.allow_bytes - o.net_bytes,
				p_want_files, v_left_files + u.slack_files + o.allow_files - o.net_files) THEN 1
			WHEN o_count IS NULL THEN 6
			ELSE 4 END;
		IF o_outcome = 0 THEN
			o_allow_bytes := o_allow_bytes + ledger_grant(p_want_bytes, p_spare_bytes, v_left_bytes);
			o_allow_files := o_allow_files + ledger_grant(p_want_files, p_spare_files, v_left_files);
		ELSIF o_outcome = 2 THEN
			PERFORM pg_notify('sallyport_recall', p_account::text);
		END IF;
	END IF;
	UPDATE share SET seq = p_seq, sessions = p_sessions, voices = v_voices, net_bytes = p_net_bytes, net_files = p_net_files,
		allow_bytes = o_allow_bytes, allow_files = o_allow_files WHERE id = s.id;
	o_used_bytes := figure_clamp(u.base_bytes + u.slack_bytes + o.net_bytes + p_net_bytes);
	o_used_files := figure_clamp(u.base_files + u.slack_files + o.net_files + p_net_files);
END $$;

-- Sessions of the account on this node have ended without a word: so many are left, of those that p_broker counts. p_seq is
-- the last number that this broker has sent of the share, so that this undoes no later message, and it never raises the
-- number. false: the share is gone, or has heard a later one.
CREATE FUNCTION sallyport.share_sessions(p_account bigint, p_node int, p_boot uuid, p_share bigint, p_seq bigint,
	p_sessions int, p_broker bigint DEFAULT 0, p_is_alone boolean DEFAULT true) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
	v_voices voice[];
	v_own voice;
BEGIN
	PERFORM ledger_refuse(p_share >= 1 AND p_seq >= 0 AND p_sessions BETWEEN 0 AND 1000000);
	SELECT s.voices INTO v_voices FROM share s
		WHERE s.id = p_share AND s.account = p_account AND s.node = p_node AND s.boot = p_boot
		AND EXISTS (SELECT 1 FROM node n WHERE n.id = p_node AND n.boot = p_boot AND n.owner = session_user) FOR UPDATE;
	SELECT * INTO v_own FROM unnest(v_voices) v WHERE v.broker = p_broker AND v.seq <= p_seq;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	v_own.sessions := least(v_own.sessions, p_sessions);
	v_voices := voices_others(v_voices, p_broker, p_is_alone) || v_own;
	UPDATE share SET sessions = voices_sum(v_voices), voices = v_voices WHERE id = p_share;
	RETURN true;
END $$;

-- The last session of the account on this node has ended, and net is its last word. false: the share is gone.
CREATE FUNCTION sallyport.share_close(p_account bigint, p_node int, p_boot uuid, p_share bigint, p_seq bigint,
	p_net_bytes bigint, p_net_files bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
DECLARE
	v_outcome int;
	v_share bigint;
BEGIN
	PERFORM ledger_refuse(p_share >= 1);
	SELECT c.o_outcome, c.o_share INTO v_outcome, v_share FROM credit(p_account, p_node, p_boot, p_share, p_seq, 0,
		p_net_bytes, p_net_files, p_net_bytes, p_net_files, 0, 0, 0, 0) c;
	IF v_outcome IS DISTINCT FROM 0 THEN
		RETURN false;
	END IF;
	-- allow is net now: nothing is left for slack, and nobody for a ghost
	PERFORM share_bury(v_share);
	DELETE FROM ghost WHERE account = p_account AND node = p_node AND boot = p_boot;
	RETURN true;
END $$;

-- The home was counted, beginning after the answer that p_count is of, with nothing of this node growing meanwhile: the
-- share has used net of what was found. false: not believed; somebody else held something meanwhile.
CREATE FUNCTION sallyport.counted(p_account bigint, p_node int, p_boot uuid, p_share bigint, p_seq bigint,
	p_net_bytes bigint, p_net_files bigint, p_bytes bigint, p_files bigint, p_count bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
BEGIN
	PERFORM ledger_refuse(p_share >= 1 AND p_seq >= 1 AND p_bytes BETWEEN 0 AND figure_max()
		AND p_files BETWEEN 0 AND figure_max()
		AND p_net_bytes BETWEEN -figure_max() AND figure_max() AND p_net_files BETWEEN -figure_max() AND figure_max());
	IF NOT ledger_lock(p_account)
		OR NOT EXISTS (SELECT 1 FROM node WHERE id = p_node AND boot = p_boot AND owner = session_user)
		OR NOT EXISTS (SELECT 1 FROM usage WHERE account = p_account AND folds = p_count)
		OR EXISTS (SELECT 1 FROM share WHERE account = p_account AND id <> p_share)
		OR ledger_haunted(p_account) THEN
		RETURN false;
	END IF;
	UPDATE share s SET seq = p_seq, net_bytes = p_net_bytes, net_files = p_net_files,
		allow_bytes = greatest(s.allow_bytes, p_net_bytes), allow_files = greatest(s.allow_files, p_net_files)
		WHERE s.id = p_share AND s.account = p_account AND s.node = p_node AND s.boot = p_boot AND s.seq < p_seq;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE usage SET base_bytes = figure_clamp(p_bytes::numeric - p_net_bytes),
		base_files = figure_clamp(p_files::numeric - p_net_files),
		slack_bytes = 0, slack_files = 0, folds = folds + 1, is_counted = true WHERE account = p_account;
	DELETE FROM ghost WHERE account = p_account;
	RETURN true;
END $$;

-- Bury up to p_max shares of nodes that are gone; how many. What somebody has locked is left for the next time, and takes no
-- place of others.
CREATE FUNCTION sallyport.expire(p_max int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
DECLARE
	v_left record;
	v_count int := 0;
BEGIN
	PERFORM ledger_refuse(p_max BETWEEN 1 AND 10000);
	-- each node asks every ten seconds: two looks into the index for each node, and not one into all shares
	FOR v_left IN SELECT l.id, l.account FROM node n CROSS JOIN LATERAL (
		(SELECT s.id, s.account FROM share s WHERE s.node = n.id AND s.boot < n.boot LIMIT p_max) UNION ALL
		(SELECT s.id, s.account FROM share s WHERE s.node = n.id AND s.boot > n.boot LIMIT p_max) UNION ALL
		(SELECT s.id, s.account FROM share s WHERE s.node = n.id AND s.boot = n.boot AND n.lease_until < now() LIMIT p_max)) l
		LOOP
		EXIT WHEN v_count >= p_max;
		PERFORM 1 FROM account WHERE id = v_left.account FOR KEY SHARE SKIP LOCKED;
		CONTINUE WHEN NOT FOUND;
		PERFORM 1 FROM usage WHERE account = v_left.account FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN NOT FOUND;
		PERFORM 1 FROM share WHERE id = v_left.id FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN NOT FOUND;
		PERFORM share_bury(l.id) FROM share_left l WHERE l.id = v_left.id;  -- if it still is one
		v_count := v_count + CASE WHEN FOUND THEN 1 ELSE 0 END;
	END LOOP;
	RETURN v_count;
END $$;

-- --- news: what nodes tell each other ---
--
-- Each change gets the next number, in the order of their commits. A node asks for all after the last number that it knows:
-- when sallyport_news is notified, every ten seconds, and from 0 on after it was away. So a lost notification costs time only.

CREATE TABLE sallyport.news (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	last bigint NOT NULL DEFAULT 0);
INSERT INTO sallyport.news DEFAULT VALUES;

-- Addresses that are banned everywhere; and bans that were lifted, until they would have ended: a node that was away has them.
CREATE TABLE sallyport.ban (
	address cidr PRIMARY KEY CHECK (masklen(address) = CASE family(address) WHEN 4 THEN 32 ELSE 64 END),
	number bigint NOT NULL UNIQUE,
	node int NOT NULL REFERENCES sallyport.node,
	kind text NOT NULL CHECK (kind IN ('auto', 'manual', 'lifted')),
	changed timestamptz NOT NULL DEFAULT now(),
	until timestamptz NOT NULL);

-- Whose sessions an administrator has ended everywhere. Those that began later go on, so a node may hear of it late.
CREATE TABLE sallyport.kick (
	number bigint PRIMARY KEY,
	node int NOT NULL REFERENCES sallyport.node,
	target text NOT NULL CHECK (target IN ('user', 'address')),
	value text COLLATE "C" NOT NULL CHECK (octet_length(value) BETWEEN 1 AND 64 AND value !~ '[[:cntrl:][:space:]]'),
	changed timestamptz NOT NULL DEFAULT now());

-- The number of a node's next change; until the end of the transaction nobody else gets one. NULL: it is not this node's
-- boot, or it tells more than 600 a minute.
CREATE FUNCTION sallyport.news_number(p_node int, p_boot uuid) RETURNS bigint
LANGUAGE plpgsql SET search_path = sallyport, pg_temp AS $$
DECLARE
	v_number bigint;
BEGIN
	UPDATE node SET told = CASE WHEN told_since < now() - interval '1 min' THEN 1 ELSE told + 1 END,
		told_since = CASE WHEN told_since < now() - interval '1 min' THEN now() ELSE told_since END
		WHERE id = p_node AND boot = p_boot AND owner = session_user
			AND (told < 600 OR told_since < now() - interval '1 min');
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE news SET last = last + 1 RETURNING last INTO v_number;
	RETURN v_number;
END $$;

-- A node has banned an address for so many seconds (p_kind: by failures, or by its administrator), or has lifted a ban that
-- would have lasted so long. An automatic ban shortens none. false: not taken, as there are too many.
CREATE FUNCTION sallyport.ban_tell(p_node int, p_boot uuid, p_address text, p_kind text, p_seconds bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
	v_address cidr := p_address::cidr;
	v_number bigint := news_number(p_node, p_boot);
BEGIN
	IF v_number IS NULL THEN
		RETURN false;
	END IF;
	IF p_seconds IS NULL OR p_seconds NOT BETWEEN 1 AND 315360000 THEN
		RAISE 'no ban lasts so long' USING ERRCODE = '22023';
	END IF;
	DELETE FROM ban WHERE until <= now();
	IF NOT EXISTS (SELECT 1 FROM ban WHERE address = v_address) THEN
		IF p_kind = 'lifted' THEN
			RETURN true;
		ELSIF (SELECT count(*) >= 2048 OR count(*) FILTER (WHERE node = p_node)
			>= CASE p_kind WHEN 'auto' THEN 768 ELSE 1024 END FROM ban) THEN
			RETURN false;
		END IF;
	END IF;
	INSERT INTO ban AS b (address, number, node, kind, until)
		VALUES (v_address, v_number, p_node, p_kind, now() + make_interval(secs => p_seconds))
		ON CONFLICT (address) DO UPDATE SET number = excluded.number, node = excluded.node, changed = now(),
			kind = CASE WHEN excluded.kind = 'auto' AND b.kind = 'manual' THEN 'manual' ELSE excluded.kind END,
			until = CASE WHEN excluded.kind = 'manual' OR (excluded.kind = 'auto' AND b.kind = 'lifted')
				THEN excluded.until ELSE greatest(b.until, excluded.until) END;
	PERFORM pg_notify('sallyport_news', '');
	RETURN true;
END $$;

-- An administrator has ended the sessions of an account (p_target 'user'), or from an address, on every node. The last 256 of
-- a day are kept. false: not taken.
CREATE FUNCTION sallyport.kick_tell(p_node int, p_boot uuid, p_target text, p_value text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
	v_number bigint := news_number(p_node, p_boot);
BEGIN
	IF v_number IS NULL THEN
		RETURN false;
	END IF;
	INSERT INTO kick (number, node, target, value) VALUES (v_number, p_node, p_target, p_value);
	DELETE FROM kick WHERE changed < now() - interval '1 day'
		OR number <= (SELECT number FROM kick ORDER BY number DESC OFFSET 256 LIMIT 1);
	PERFORM pg_notify('sallyport_news', '');
	RETURN true;
END $$;

-- Up to 100 changes after a number, and the number of the last of them (NULL: there are none), one a line:
--    ban ADDRESS auto|manual|lifted SECONDS-LEFT AGE-IN-MS NODE
--    kick user|address VALUE AGE-IN-MS NODE
CREATE FUNCTION sallyport.news_after(p_after bigint, OUT o_last bigint, OUT o_lines text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	WITH bans AS (SELECT b.number, concat_ws(' ', 'ban',
			CASE family(b.address) WHEN 4 THEN host(b.address) ELSE text(b.address) END, b.kind,
			ceil(extract(epoch FROM b.until - now()))::bigint,
			greatest(0, floor(1000 * extract(epoch FROM now() - b.changed)))::bigint, n.name) AS line
		FROM ban b JOIN node n ON n.id = b.node WHERE b.number > p_after AND b.until > now() ORDER BY b.number LIMIT 100),
	kicks AS (SELECT k.number, concat_ws(' ', 'kick', k.target, k.value,
			greatest(0, floor(1000 * extract(epoch FROM now() - k.changed)))::bigint, n.name) AS line
		FROM kick k JOIN node n ON n.id = k.node WHERE k.number > p_after AND k.changed > now() - interval '1 day'
		ORDER BY k.number LIMIT 100),
	both_kinds AS (SELECT * FROM bans UNION ALL SELECT * FROM kicks ORDER BY number LIMIT 100)
	SELECT max(number), string_agg(line, E'\n' ORDER BY number) FROM both_kinds;
$$;

-- --- for sallyport_admin ---

-- Until the end of the transaction nobody else changes accounts. It is a lock that a node cannot have; an advisory one is
-- anybody's.
CREATE FUNCTION sallyport.accounts_lock() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
BEGIN
	PERFORM 1 FROM meta FOR UPDATE;
END $$;

-- The fields of a line; NULL where it has too few of them.
CREATE FUNCTION sallyport.line_fields(p_line text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_catalog.regexp_match(p_line, '^([^:]*):(!*\*pam:[^:]*|(?!!*\*pam:)[^:]*):([0-9]{1,15}):([0-9]{1,15}):([^:]*):(.*)$');
$$;

-- Add accounts; the names that are taken already, of which none was changed. Each line comes with the limits that
-- account_parse() found in it; NULL: none.
CREATE FUNCTION sallyport.account_add(p_lines text[], p_max_sessions int[], p_quota_bytes bigint[], p_quota_files bigint[])
RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
BEGIN
	IF (cardinality(p_max_sessions), cardinality(p_quota_bytes), cardinality(p_quota_files))
		IS DISTINCT FROM (cardinality(p_lines), cardinality(p_lines), cardinality(p_lines)) THEN
		RAISE 'each line needs its limits' USING ERRCODE = '22023';
	END IF;
	RETURN QUERY
	WITH wanted AS (SELECT line_fields(l) AS f, s, b, q, n
		FROM unnest(p_lines, p_max_sessions, p_quota_bytes, p_quota_files) WITH ORDINALITY AS u (l, s, b, q, n)),
	numbered AS (SELECT w.*, row_number() OVER (PARTITION BY f[1] COLLATE "C" ORDER BY n) AS nth FROM wanted w),
	added AS (INSERT INTO account (name, hash, uid, gid, home, options, max_sessions, quota_bytes, quota_files, limits_of)
		SELECT f[1], f[2], f[3]::bigint, f[4]::bigint, f[5], f[6], s, b, q, md5(f[6])::uuid
		FROM numbered WHERE nth = 1 ORDER BY n
		ON CONFLICT (name) DO NOTHING RETURNING name)
	SELECT w.f[1] FROM numbered w WHERE w.nth > 1
		OR NOT EXISTS (SELECT 1 FROM added WHERE added.name = w.f[1] COLLATE "C");
END $$;

-- Replace an account by a line of the same name, with its limits as account_add() has them. false: there is none.
-- A figure that gets its first quota was not bounded until now: the home is counted before anything is granted.
CREATE FUNCTION sallyport.account_set(p_line text, p_max_sessions int, p_quota_bytes bigint, p_quota_files bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
DECLARE
	f text[] := line_fields(p_line);
	o account;
BEGIN
	SELECT * INTO o FROM account WHERE name = f[1] FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE account SET hash = f[2], uid = f[3]::bigint, gid = f[4]::bigint, home = f[5], options = f[6],
		max_sessions = p_max_sessions, quota_bytes = p_quota_bytes, quota_files = p_quota_files,
		limits_of = md5(f[6])::uuid, changed = now() WHERE id = o.id;
	IF f[5] <> o.home OR (o.quota_bytes IS NULL AND p_quota_bytes IS NOT NULL)
		OR (o.quota_files IS NULL AND p_quota_files IS NOT NULL) THEN
		UPDATE usage SET is_counted = false, folds = folds + 1 WHERE account = o.id;
	END IF;
	RETURN true;
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

-- What an account uses, and a row for each node that holds a share of it (o_node NULL: none does). o_haunted: nodes
-- that may go on within a share that the database has taken back; they hold up a count.
CREATE FUNCTION sallyport.quota_show(p_name text, OUT o_quota_bytes bigint, OUT o_quota_files bigint,
	OUT o_max_sessions int, OUT o_is_counted boolean, OUT o_base_bytes bigint, OUT o_base_files bigint,
	OUT o_slack_bytes bigint, OUT o_slack_files bigint, OUT o_haunted text[], OUT o_node text, OUT o_is_gone boolean,
	OUT o_sessions int, OUT o_net_bytes bigint, OUT o_net_files bigint, OUT o_allow_bytes bigint, OUT o_allow_files bigint)
RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	SELECT a.quota_bytes, a.quota_files, a.max_sessions, coalesce(u.is_counted, false),
		coalesce(u.base_bytes, 0), coalesce(u.base_files, 0), coalesce(u.slack_bytes, 0), coalesce(u.slack_files, 0),
		ARRAY(SELECT n.name FROM ghost g JOIN node n ON n.id = g.node AND n.boot = g.boot
			WHERE g.account = a.id ORDER BY n.name),
		n.name, l.id IS NOT NULL, s.sessions, s.net_bytes, s.net_files, s.allow_bytes, s.allow_files
	FROM account a LEFT JOIN usage u ON u.account = a.id LEFT JOIN share s ON s.account = a.id
		LEFT JOIN node n ON n.id = s.node LEFT JOIN share_left l ON l.id = s.id
	WHERE a.name = p_name ORDER BY n.name, s.id;
$$;

-- Somebody else has changed the home, so the figure is not believed: it is counted before anything more is granted. true;
-- NULL: there is no such account.
CREATE FUNCTION sallyport.quota_recount(p_name text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '10s' AS $$
	INSERT INTO usage (account) SELECT id FROM account WHERE name = p_name
		ON CONFLICT (account) DO UPDATE SET is_counted = false, folds = usage.folds + 1 RETURNING true;
$$;

-- Declare a node dead: nothing runs on it any more that was started before. Its name is free for another role, and its
-- boot never comes back. How many shares expire() will find of it; NULL: there is no such node. A node that is taken over may
-- hold its row in a transaction without an end.
CREATE FUNCTION sallyport.node_forget(p_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sallyport, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
	v_shares bigint;
BEGIN
	UPDATE node SET boot = gen_random_uuid(), past = (boot || past)[1:32], owner = NULL, lease_until = '-infinity'
		WHERE name = p_name RETURNING (SELECT count(*) FROM share WHERE share.node = node.id) INTO v_shares;
	RETURN v_shares;
EXCEPTION WHEN lock_not_available THEN
	RAISE 'a transaction of this node does not end' USING ERRCODE = '55006';
END $$;

-- The nodes, and what they hold. o_seen_s: seconds since it was heard last, by the clock of the database; NULL: it was
-- declared dead. o_is_alive: its lease holds.
CREATE FUNCTION sallyport.node_list(OUT o_name text, OUT o_seen_s bigint, OUT o_is_alive boolean, OUT o_shares bigint,
	OUT o_sessions bigint)
RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sallyport, pg_temp AS $$
	SELECT n.name, CASE WHEN isfinite(n.lease_until)
			THEN greatest(0, extract(epoch FROM now() - (n.lease_until - m.lease)))::bigint END,
		n.lease_until >= now(), s.shares, s.sessions
	FROM node n CROSS JOIN meta m
		CROSS JOIN LATERAL (SELECT count(*) AS shares, coalesce(sum(sessions), 0) AS sessions FROM share WHERE node = n.id) s
	ORDER BY n.name;
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sallyport FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sallyport.schema_version, sallyport.account_find, sallyport.node_hello, sallyport.node_beat,
	sallyport.credit, sallyport.share_sessions, sallyport.share_close, sallyport.counted, sallyport.expire,
	sallyport.ban_tell, sallyport.kick_tell, sallyport.news_after TO sallyport_node;
GRANT EXECUTE ON FUNCTION sallyport.schema_version, sallyport.account_find, sallyport.accounts_lock,
	sallyport.account_add, sallyport.account_set, sallyport.account_remove, sallyport.account_lines,
	sallyport.account_sharing, sallyport.account_free_uid, sallyport.account_count,
	sallyport.quota_show, sallyport.quota_recount, sallyport.node_list, sallyport.node_forget TO sallyport_admin;
