-- Reads how far a chat's history goes, and sends a signal to the nodes that have subscribed to it.
--
-- KEYS  the chat
-- ARGV  PUBLISH or SPUBLISH, the channel, what to publish
local held = redis.call('HMGET', KEYS[1], 'schema', 'epoch', 'revision', 'server')
if not held[1] then
    return false
end
redis.call(ARGV[1], ARGV[2], ARGV[3])
local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
return {held[1], held[2], held[3], held[4] == server and 1 or 0}
