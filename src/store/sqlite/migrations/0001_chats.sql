-- Chats as their events made them. Times are milliseconds since 1970 UTC; ids that are blobs are
-- UUIDs; tokens and keys are SHA-256 digests, never the secrets themselves.

PRAGMA application_id = 0x57505459; -- "WPTY"

CREATE TABLE chat (
    id INTEGER PRIMARY KEY,
    hash_key BLOB NOT NULL UNIQUE CHECK (length(hash_key) = 16), -- the chat's id in addresses
    name TEXT,
    revision INTEGER NOT NULL CHECK (revision > 0), -- after the last change that was more than a message
    admission TEXT NOT NULL,
    capacity INTEGER NOT NULL CHECK (capacity > 0),
    history INTEGER NOT NULL CHECK (history > 0),
    session_lifetime INTEGER NOT NULL,
    vacant_since INTEGER NOT NULL
) STRICT;

CREATE INDEX chat_vacant_since ON chat (vacant_since);

-- Who holds a seat, and the digest of what proves it. The order of ids is the order of seats.
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    member_id BLOB NOT NULL CHECK (length(member_id) = 16),
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    username TEXT NOT NULL,
    folded_username TEXT NOT NULL, -- equal for names that people would take for one
    role TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (chat_id, member_id),
    UNIQUE (chat_id, folded_username)
) STRICT;

CREATE INDEX session_expires_at ON session (expires_at);

-- Digests of sessions that were good once; the revision at which each ended orders them.
CREATE TABLE ended_session (
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    token BLOB NOT NULL CHECK (length(token) = 32),
    PRIMARY KEY (chat_id, revision)
) STRICT, WITHOUT ROWID;

-- The order of ids is the order in which they were made.
CREATE TABLE invite (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    invite_id BLOB NOT NULL CHECK (length(invite_id) = 16),
    key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    label TEXT,
    max_uses INTEGER,
    uses INTEGER NOT NULL CHECK (max_uses IS NULL OR uses <= max_uses),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    UNIQUE (chat_id, invite_id)
) STRICT;

-- A chat's messages lie side by side, and a new one writes nothing else: the chat's revision is
-- the greater of its own and its newest message's, which is always kept. The name is the author's
-- at the time, who may have left.
CREATE TABLE message (
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    id INTEGER NOT NULL, -- 1, 2, 3 … in its chat
    revision INTEGER NOT NULL, -- of the chat, with this message
    timestamp INTEGER NOT NULL,
    member_id BLOB NOT NULL CHECK (length(member_id) = 16),
    username TEXT NOT NULL,
    content TEXT NOT NULL,
    client_id BLOB CHECK (length(client_id) = 16),
    PRIMARY KEY (chat_id, id)
) STRICT, WITHOUT ROWID;

CREATE VIEW chat_now AS
SELECT id, hash_key, name, admission, capacity, history, session_lifetime, vacant_since,
    max(revision, coalesce((SELECT revision FROM message WHERE chat_id = chat.id ORDER BY id DESC LIMIT 1), 0))
    AS revision
FROM chat;

-- That a client id has made a message already; it outlives the message.
CREATE TABLE receipt (
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    message_id INTEGER NOT NULL,
    member_id BLOB NOT NULL,
    client_id BLOB NOT NULL CHECK (length(client_id) = 16),
    sent_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, message_id),
    UNIQUE (chat_id, member_id, client_id),
    FOREIGN KEY (chat_id, member_id) REFERENCES session (chat_id, member_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
