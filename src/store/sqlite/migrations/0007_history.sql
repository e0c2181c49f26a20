-- A store that several nodes share may lose the newest part of a chat's history. The chat may then move here.
ALTER TABLE chat ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0; -- how often that has happened

DROP VIEW chat_now;
CREATE VIEW chat_now AS
SELECT id, hash_key, name, admission, capacity, history, session_lifetime, vacant_since, public_access, epoch,
    max(revision, coalesce((SELECT revision FROM message WHERE chat_id = chat.id ORDER BY id DESC LIMIT 1), 0))
    AS revision
FROM chat;

-- Message ids that may have been lost: those above after_id and up to until_id.
CREATE TABLE gap (
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    after_id INTEGER NOT NULL,
    until_id INTEGER NOT NULL CHECK (until_id > after_id),
    PRIMARY KEY (chat_id, until_id)
) STRICT, WITHOUT ROWID;
