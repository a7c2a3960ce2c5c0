package batch

import "sluss/gateway/store"

// Reference is something that must be true between tables.
type Reference struct {
	Words string // what is not, before the identifiers
	Query string // lists what is not, by an identifier that holds no content
}

// References are what must be true between tables, in SQL that every backend
// understands.
var References = []Reference{
	{"head: not exactly one row, or entries are not 0 to size-1, at size",
		`SELECT h.size FROM head AS h WHERE (SELECT count(*) FROM entry) <> h.size
			OR h.size > 0 AND ((SELECT min(idx) FROM entry) <> 0 OR (SELECT max(idx) FROM entry) <> h.size - 1)
		UNION ALL SELECT -1 WHERE (SELECT count(*) FROM head) <> 1`},
	{"head: time is not that of the latest entry, at size",
		`SELECT size FROM head WHERE size > 0 AND time <> (SELECT max(time) FROM entry)`},
	{"entry: batch ends before the entry or after the log, at", `SELECT idx FROM entry, head WHERE batch <= idx OR batch > size`},
	{"message: not accepted by the entry it names, or its subject is another's",
		`SELECT m.id FROM message AS m LEFT JOIN entry AS e ON e.idx = m.entry
		WHERE e.kind IS DISTINCT FROM '` + store.KindAccepted + `' AND e.kind IS DISTINCT FROM '` + store.KindAdmitted + `' AND e.kind IS DISTINCT FROM '` + store.KindRequest + `' OR e.subject <> m.subject AND e.key <> ''`},
	// What a gateway notes itself comes with the request or release it is about.
	{"statement: not admitted by the entry it names",
		`SELECT s.id FROM statement AS s LEFT JOIN entry AS e ON e.idx = s.entry WHERE e.kind IS DISTINCT FROM '` + store.KindAdmitted + `'
			AND e.kind IS DISTINCT FROM '` + store.KindRequest + `' AND e.kind IS DISTINCT FROM '` + store.KindRelease + `'`},
	{"statement: state was never set, for",
		`SELECT id FROM statement WHERE state NOT IN (SELECT name FROM state)`},
	{"mail: message is missing, or for another agency",
		`SELECT mail.seq FROM mail LEFT JOIN message AS m ON m.id = mail.message AND m.issuer = mail.issuer
		WHERE mail.message <> '' AND m.recipient IS DISTINCT FROM mail.agency`},
	{"mail: neither message nor notice, or both",
		`SELECT seq FROM mail WHERE (message = '') = (notice_id = '') OR (message = '') = (length(notice) = 0)
			OR message = '' AND (issuer <> '' OR delivery <> '')`},
	{"mail: number is beyond the last one given", `SELECT seq FROM mail, head WHERE seq > mail_seq`},
	{"mail: state is none of the states", `SELECT seq FROM mail WHERE state NOT IN ('waiting','held','handed','done','expired','refused')`},
	{"mail: a message that was handed out names no release entry",
		`SELECT m.seq FROM mail AS m LEFT JOIN entry AS e ON e.idx = m.entry
		WHERE m.message <> '' AND (m.state IN ('handed', 'done') OR m.delivery <> '') AND e.kind IS DISTINCT FROM '` + store.KindRelease + `'`},
	{"mail: handed or done without a delivery",
		`SELECT seq FROM mail WHERE message <> '' AND state IN ('handed', 'done') AND delivery = ''`},
	{"document: not that of its state's version, for",
		`SELECT d.name FROM document AS d LEFT JOIN state AS s ON s.name = d.name WHERE s.version IS DISTINCT FROM d.version`},
	{"published: a checkpoint beyond the log, at", `SELECT p.size FROM published AS p, head AS h WHERE p.size > h.size`},
	{"message: key without content, or content without key",
		`SELECT id FROM message WHERE (key = '') <> (length(body) = 0)`},
	{"mail: was not handed out, and is not as it was made",
		`SELECT mail.seq FROM mail JOIN message AS m ON m.id = mail.message AND m.issuer = mail.issuer
		WHERE mail.message <> '' AND mail.delivery = '' AND (mail.entry <> m.entry OR length(mail.token) > 0)`},
	{"mail: a message twice in one mailbox",
		`SELECT max(seq) FROM mail WHERE message <> '' GROUP BY message, issuer, agency, role HAVING count(*) > 1`},
	{"mail: a notice twice", `SELECT max(seq) FROM mail WHERE notice_id <> '' GROUP BY notice_id HAVING count(*) > 1`},
	{"mail: has a number that was never given", `SELECT seq FROM mail WHERE seq < 1`},
	{"mail: names an entry that is not there", `SELECT m.seq FROM mail AS m, head AS h WHERE m.entry >= h.size`},
}
