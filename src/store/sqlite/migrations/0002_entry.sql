-- Who came by which invite and how they are known again, invites that ask first, knocks, and how
-- owners come back. Salts are random and worth nothing by themselves; all secrets are SHA-256
-- digests here too.

ALTER TABLE session ADD COLUMN invite_id BLOB CHECK (length(invite_id) = 16); -- may be revoked since
ALTER TABLE session ADD COLUMN joined_as BLOB CHECK (length(joined_as) = 32);
ALTER TABLE session ADD COLUMN source BLOB CHECK (length(source) = 32); -- the secret that the token was given for
ALTER TABLE session ADD COLUMN salt BLOB CHECK (length(salt) = 32 AND (salt IS NULL) = (source IS NULL));

ALTER TABLE invite ADD COLUMN asks_first INTEGER NOT NULL DEFAULT 0 CHECK (asks_first IN (0, 1));

-- The order of ids is the order of their last changes.
CREATE TABLE knock (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    knock_id BLOB NOT NULL CHECK (length(knock_id) = 16),
    ticket BLOB NOT NULL UNIQUE CHECK (length(ticket) = 32),
    joined_as BLOB NOT NULL CHECK (length(joined_as) = 32),
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    token BLOB NOT NULL CHECK (length(token) = 32), -- of the session that may come of it
    invite_id BLOB NOT NULL CHECK (length(invite_id) = 16),
    username TEXT NOT NULL,
    knocked_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (chat_id, knock_id),
    UNIQUE (chat_id, joined_as)
) STRICT;

CREATE INDEX knock_expires_at ON knock (expires_at);

-- The order of ids is the order in which they were given.
CREATE TABLE recovery (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    member_id BLOB NOT NULL CHECK (length(member_id) = 16),
    code BLOB NOT NULL UNIQUE CHECK (length(code) = 32),
    source BLOB CHECK (length(source) = 32), -- the code that was used to get this one
    UNIQUE (chat_id, member_id)
) STRICT;
