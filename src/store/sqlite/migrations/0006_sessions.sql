-- A member may have several sessions: a seat in `member`, and what proves it in `session`. What a chat's
-- address allows by itself, the invites that were made by it, and the chats that a browser has entered.

CREATE TABLE member (
    id INTEGER PRIMARY KEY, -- the order of seats
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    member_id BLOB NOT NULL CHECK (length(member_id) = 16),
    username TEXT NOT NULL,
    folded_username TEXT NOT NULL, -- equal for names that people would take for one
    role TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    invite_id BLOB CHECK (length(invite_id) = 16), -- may be revoked since
    joined_as BLOB CHECK (length(joined_as) = 32),
    UNIQUE (chat_id, member_id),
    UNIQUE (chat_id, folded_username)
) STRICT;

INSERT INTO member (id, chat_id, member_id, username, folded_username, role, joined_at, invite_id, joined_as)
SELECT id, chat_id, member_id, username, folded_username, role, joined_at, invite_id, joined_as FROM session;

CREATE TABLE receipt_of_member (
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    message_id INTEGER NOT NULL,
    member_id BLOB NOT NULL,
    client_id BLOB NOT NULL CHECK (length(client_id) = 16),
    sent_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, message_id),
    UNIQUE (chat_id, member_id, client_id),
    FOREIGN KEY (chat_id, member_id) REFERENCES member (chat_id, member_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

INSERT INTO receipt_of_member (chat_id, message_id, member_id, client_id, sent_at)
SELECT chat_id, message_id, member_id, client_id, sent_at FROM receipt;

DROP TABLE receipt;
ALTER TABLE receipt_of_member RENAME TO receipt;

CREATE TABLE session_of_member (
    id INTEGER PRIMARY KEY, -- the order in which a member's sessions started
    chat_id INTEGER NOT NULL,
    member_id BLOB NOT NULL,
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    source BLOB CHECK (length(source) = 32), -- the secret that the token was given for
    salt BLOB CHECK (length(salt) = 32 AND (salt IS NULL) = (source IS NULL)),
    FOREIGN KEY (chat_id, member_id) REFERENCES member (chat_id, member_id) ON DELETE CASCADE
) STRICT;

INSERT INTO session_of_member (id, chat_id, member_id, token, started_at, expires_at, source, salt)
SELECT id, chat_id, member_id, token, joined_at, expires_at, source, salt FROM session;

DROP TABLE session;
ALTER TABLE session_of_member RENAME TO session;

CREATE INDEX session_member ON session (chat_id, member_id);
CREATE INDEX session_expires_at ON session (expires_at);

ALTER TABLE account ADD COLUMN role TEXT NOT NULL DEFAULT 'guest'; -- of the holder, whenever they are in
UPDATE account SET role = 'owner' WHERE EXISTS (
    SELECT 1 FROM member
    WHERE member.chat_id = account.chat_id AND member.member_id = account.member_id AND member.role = 'owner'
);

-- Several may end at one revision. The order of ids is the order in which they ended.
CREATE TABLE session_that_ended (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    token BLOB NOT NULL CHECK (length(token) = 32)
) STRICT;

INSERT INTO session_that_ended (chat_id, token) SELECT chat_id, token FROM ended_session ORDER BY chat_id, revision;

DROP TABLE ended_session;
ALTER TABLE session_that_ended RENAME TO ended_session;

CREATE INDEX ended_session_chat_id ON ended_session (chat_id);

DROP VIEW chat_now;
ALTER TABLE chat ADD COLUMN public_access TEXT NOT NULL DEFAULT 'none';
UPDATE chat SET public_access = 'read' WHERE is_readable;
ALTER TABLE chat DROP COLUMN is_readable;
CREATE VIEW chat_now AS
SELECT id, hash_key, name, admission, capacity, history, session_lifetime, vacant_since, public_access,
    max(revision, coalesce((SELECT revision FROM message WHERE chat_id = chat.id ORDER BY id DESC LIMIT 1), 0))
    AS revision
FROM chat;

ALTER TABLE invite ADD COLUMN is_by_address INTEGER NOT NULL DEFAULT 0 CHECK (is_by_address IN (0, 1));

-- The chats that a browser has entered, each masked: only its token tells which they are. The order of ids
-- is the order in which it entered them.
CREATE TABLE entered_chat (
    id INTEGER PRIMARY KEY,
    browser_session_id INTEGER NOT NULL REFERENCES browser_session ON DELETE CASCADE,
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    masked_chat BLOB NOT NULL CHECK (length(masked_chat) = 16)
) STRICT;

CREATE INDEX entered_chat_browser_session_id ON entered_chat (browser_session_id);
