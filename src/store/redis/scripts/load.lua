-- Reads a whole chat at one moment.
--
-- KEYS  the chat, its messages, its receipts
local held = redis.call('HMGET', KEYS[1], 'schema', 'epoch', 'revision', 'last_id', 'state')
if not held[1] then
    return false
end
return {held, redis.call('LRANGE', KEYS[2], 0, -1), redis.call('LRANGE', KEYS[3], 0, -1)}
