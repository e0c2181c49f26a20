-- Replaces a value for a while if it is still the expected one; empty means none.
--
-- KEYS  the value
-- ARGV  the expected value, the new value, its time to live in milliseconds
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
else
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
