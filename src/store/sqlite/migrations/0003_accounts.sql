-- Accounts that belong to one chat, and chats that can be read by their address.

ALTER TABLE chat ADD COLUMN is_readable INTEGER NOT NULL DEFAULT 0 CHECK (is_readable IN (0, 1));

DROP VIEW chat_now;
CREATE VIEW chat_now AS
SELECT id, hash_key, name, admission, capacity, history, session_lifetime, vacant_since, is_readable,
    max(revision, coalesce((SELECT revision FROM message WHERE chat_id = chat.id ORDER BY id DESC LIMIT 1), 0))
    AS revision
FROM chat;

-- The order of ids is the order in which they registered.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    member_id BLOB NOT NULL CHECK (length(member_id) = 16), -- of the holder, whenever they are in
    username TEXT NOT NULL,
    folded_username TEXT NOT NULL, -- equal for names that people would take for one
    password TEXT NOT NULL CHECK (password LIKE '$argon2id$%'), -- a hash in PHC format
    UNIQUE (chat_id, member_id),
    UNIQUE (chat_id, folded_username)
) STRICT;
