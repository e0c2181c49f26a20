-- A database of the first schema with one chat in it. Never change this file. The chat's id and
-- its owner's session token are constants in sqlite.rs.

PRAGMA foreign_keys = OFF; -- some rows precede the rows that they refer to
PRAGMA application_id = 0x57505459;
PRAGMA user_version = 1;

BEGIN;
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
INSERT INTO "chat" VALUES(1,X'0000000000004000AFCD1D7B39A820E2','Film night',9,'link',6,3,21600000,1800000000000);
CREATE TABLE ended_session (
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    token BLOB NOT NULL CHECK (length(token) = 32),
    PRIMARY KEY (chat_id, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO "ended_session" VALUES(1,9,X'A20E2B44F0344800C3CB872703C3100C5B5A7AFE67FF0AE15642EEFB2B2B6F5B');
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
INSERT INTO "invite" VALUES(1,1,X'AC85445A2B8D4AD8979E0B102B6001DB',X'85440792AB7C1FBBCDF8022C99D9B75E7410EB5800005F2E0EAA769005F67EA2',NULL,NULL,1,1800000000000,NULL);
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
INSERT INTO "message" VALUES(1,2,5,1800000000000,X'A6B08C368C4848F3893DB13CDDEC7E65','Ann','second',NULL);
INSERT INTO "message" VALUES(1,3,6,1800000000000,X'A6B08C368C4848F3893DB13CDDEC7E65','Ann','third 王',NULL);
INSERT INTO "message" VALUES(1,4,8,1800000000000,X'8F3C7BA1D9AE4EBFBB5D5C1D2D4079ED','Bob','from Bob',X'8E03978E40D543DDBC936894A57F9324');
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
INSERT INTO "receipt" VALUES(1,4,X'8F3C7BA1D9AE4EBFBB5D5C1D2D4079ED',X'8E03978E40D543DDBC936894A57F9324',1800000000000);
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
INSERT INTO "session" VALUES(1,1,X'A6B08C368C4848F3893DB13CDDEC7E65',X'CF72C596ACC6A347675BF2A061E40358FEC4E594500FBDCF22B8BAC15AE929CB','Ann','ann','owner',1800000000000,1800021600000);
INSERT INTO "session" VALUES(2,1,X'8F3C7BA1D9AE4EBFBB5D5C1D2D4079ED',X'E43AACC7F64214BAD62B44DD8DD4B6F317159B6C1E909541B1151913D6275614','Bob','bob','guest',1800000000000,1800021600000);
CREATE VIEW chat_now AS
SELECT id, hash_key, name, admission, capacity, history, session_lifetime, vacant_since,
    max(revision, coalesce((SELECT revision FROM message WHERE chat_id = chat.id ORDER BY id DESC LIMIT 1), 0))
    AS revision
FROM chat;
CREATE INDEX chat_vacant_since ON chat (vacant_since);
CREATE INDEX session_expires_at ON session (expires_at);
COMMIT;
