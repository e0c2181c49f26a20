-- The join digests of guests whom an owner removed; a row goes when its guest is let in again. The order
-- of ids is the order in which they were removed.

CREATE TABLE removed (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
    joined_as BLOB NOT NULL CHECK (length(joined_as) = 32),
    UNIQUE (chat_id, joined_as)
) STRICT;
