-- Changes a browser session, if there is one.
--
-- KEYS  the session, the chats that the browser has entered
-- ARGV  either rename and the new name, or enter, a chat and how many chats to keep
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
    return 0
end
if ARGV[1] == 'rename' then
    redis.call('HSET', KEYS[1], 'username', ARGV[2])
else
    redis.call('RPUSH', KEYS[2], ARGV[2])
    redis.call('LTRIM', KEYS[2], -ARGV[3], -1)
    redis.call('PEXPIRE', KEYS[2], ttl)
end
return 1
