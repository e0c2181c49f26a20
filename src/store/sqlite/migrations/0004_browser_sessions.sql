-- Browsers that have said who they are: one name, used between chats. Which chats, stands nowhere.

CREATE TABLE browser_session (
    id INTEGER PRIMARY KEY,
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32), -- its SHA-256 digest
    username TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX browser_session_expires_at ON browser_session (expires_at);
