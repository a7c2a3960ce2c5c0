-- The tables of the storage contract. Times are milliseconds since 1970 in UTC,
-- 0 for none; absent text is ''. The columns are those of package batch, each
-- row with its checksum. Text is compared byte by byte, so that no index depends
-- on the locale of the machine. Indexes of what may be absent are partial, so
-- that they hold what is there. What is encrypted or random is not compressed.

-- +goose Up

CREATE TABLE head (
	id bigint PRIMARY KEY CHECK (id = 0), size bigint NOT NULL, root bytea NOT NULL, time bigint NOT NULL,
	mail_seq bigint NOT NULL, sum bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- The root of the empty tree (RFC 9162, Section 2.1.1).
INSERT INTO head VALUES (0, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, 0, 2063979786);

CREATE TABLE tile (
	id bigint PRIMARY KEY, -- level << 48 | index
	hashes bytea NOT NULL, sum bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
	toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000);

CREATE TABLE entry (
	idx bigint PRIMARY KEY, leaf bytea NOT NULL, e1 bytea NOT NULL, e2 bytea NOT NULL,
	key text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, time bigint NOT NULL, batch bigint NOT NULL,
	discloser text COLLATE "C" NOT NULL, recipient text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL,
	case_ref text COLLATE "C" NOT NULL, sum bigint NOT NULL);
CREATE INDEX entry_time ON entry (time, idx);
CREATE INDEX entry_discloser ON entry (discloser, time, idx) WHERE discloser <> '';
CREATE INDEX entry_recipient ON entry (recipient, time, idx) WHERE recipient <> '';
CREATE INDEX entry_subject ON entry (subject, time, idx) WHERE subject <> '';
CREATE INDEX entry_case ON entry (case_ref, time, idx) WHERE case_ref <> '';

CREATE TABLE replay (
	id text COLLATE "C" PRIMARY KEY, until bigint NOT NULL, sum bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX replay_until ON replay (until);

CREATE TABLE message (
	id text COLLATE "C" NOT NULL, issuer text COLLATE "C" NOT NULL, digest bytea NOT NULL, recipient text COLLATE "C" NOT NULL,
	sender text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, issued bigint NOT NULL,
	expires bigint NOT NULL, body bytea NOT NULL, key text COLLATE "C" NOT NULL, entry bigint NOT NULL,
	sum bigint NOT NULL, PRIMARY KEY (id, issuer)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX message_held ON message (issuer, expires) WHERE key <> '';
CREATE INDEX message_expires ON message (expires);

CREATE TABLE statement (
	seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text COLLATE "C" NOT NULL, issuer text COLLATE "C" NOT NULL,
	id text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL, fact text COLLATE "C" NOT NULL, number bigint NOT NULL,
	digest bytea NOT NULL, body bytea NOT NULL, key text COLLATE "C" NOT NULL, entry bigint NOT NULL,
	sum bigint NOT NULL);
CREATE INDEX statement_state ON statement (state, seq);
CREATE INDEX statement_id ON statement (id, issuer);

CREATE TABLE state (
	name text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, digest bytea NOT NULL, mac bytea NOT NULL, sum bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE document (
	name text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, body bytea NOT NULL, sum bigint NOT NULL);

CREATE TABLE published (
	id bigint PRIMARY KEY CHECK (id = 0), size bigint NOT NULL, note bytea NOT NULL, sum bigint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE mail (
	seq bigint PRIMARY KEY, agency text COLLATE "C" NOT NULL, role text COLLATE "C" NOT NULL, issuer text COLLATE "C" NOT NULL,
	message text COLLATE "C" NOT NULL, notice bytea NOT NULL, notice_id text COLLATE "C" NOT NULL, expires bigint NOT NULL,
	state text COLLATE "C" NOT NULL, version bigint NOT NULL, lease bigint NOT NULL, hold bytea NOT NULL,
	delivery text COLLATE "C" NOT NULL, entry bigint NOT NULL, token bytea NOT NULL, sum bigint NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
-- What may be handed out is a range of (lease, seq): what waits has lease 0.
CREATE INDEX mail_open ON mail (agency, role, lease, seq) WHERE state IN ('waiting', 'held', 'handed');
CREATE INDEX mail_expires ON mail (expires, seq) WHERE state IN ('waiting', 'held', 'handed');
CREATE INDEX mail_done ON mail (expires) WHERE state NOT IN ('waiting', 'held', 'handed');
CREATE INDEX mail_delivery ON mail (delivery) WHERE delivery <> '';
CREATE INDEX mail_notice ON mail (notice_id) WHERE notice_id <> '';
CREATE INDEX mail_message ON mail (message, issuer) WHERE message <> '';

-- How many messages a mailbox holds, and with role '' how many of an agency are
-- held. It is kept in step with what it counts in the same transaction.
CREATE TABLE tally (
	agency text COLLATE "C" NOT NULL, role text COLLATE "C" NOT NULL, n bigint NOT NULL, PRIMARY KEY (agency, role)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE entry ALTER COLUMN e2 SET STORAGE EXTERNAL;
ALTER TABLE message ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE statement ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE lease (
	name text COLLATE "C" PRIMARY KEY, holder text COLLATE "C" NOT NULL, until bigint NOT NULL
) WITH (fillfactor = 10);

-- Which gateway decides on which items. What is lost with a server is only work
-- saved, so it is neither synced nor on a standby.
CREATE UNLOGGED TABLE claim (
	seq bigint PRIMARY KEY, holder text COLLATE "C" NOT NULL, until bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX claim_until ON claim (until);
