-- Commits a change of one chat: all of it if the chat is still as the change expects it, else nothing. No other script
-- writes to a chat.
--
-- KEYS  the chat, its messages, its receipts
-- ARGV  1 schema   2 id of this attempt   3 mode: commit, restore or end
--       4 epoch and 5 revision that the change expects; revision 0 if there must be no chat
--       6 epoch and 7 revision after the change   8 id of the newest message
--       9 time to live in milliseconds   10 when the chat is due
--       11 state of the chat without messages, empty if it stays
--       12 PUBLISH or SPUBLISH   13 channel   14 what to publish
--       15 number of messages to keep   16 number of new ones   17 … the new ones
--       then the same for the receipts, after a word that says whether they append to the stored ones or replace them
local chat, messages, receipts = KEYS[1], KEYS[2], KEYS[3]
local mode, epoch, revision, state = ARGV[3], ARGV[4], ARGV[5], ARGV[11]
local held = redis.call('HMGET', chat, 'schema', 'epoch', 'revision', 'attempt', 'server')
-- A server has another replication id after each restart and failover.
local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''

if held[1] and held[1] ~= ARGV[1] then
    return {'schema', held[1]}
elseif held[4] == ARGV[2] then
    -- The same attempt was carried out before, but its answer was lost. The write lets WAIT wait on this connection too.
    redis.call('HSET', chat, 'attempt', ARGV[2])
    return {'done'}
elseif held[1] then
    if held[2] ~= epoch or held[3] ~= revision or (mode ~= 'restore' and held[5] ~= server) then
        return {'conflict'}
    end
elseif revision ~= '0' then
    return {'conflict'}
end

if mode == 'end' then
    redis.call('DEL', chat, messages, receipts)
    redis.call(ARGV[12], ARGV[13], ARGV[14])
    return {'done'}
end

local ttl = ARGV[9]
redis.call('HSET', chat, 'schema', ARGV[1], 'epoch', ARGV[6], 'revision', ARGV[7], 'last_id', ARGV[8],
    'attempt', ARGV[2], 'server', server)
if state ~= '' then
    redis.call('HSET', chat, 'state', state, 'due', ARGV[10])
    redis.call('PEXPIRE', chat, ttl)
    redis.call('PEXPIRE', messages, ttl)
    redis.call('PEXPIRE', receipts, ttl)
end

-- Appends the `count` arguments from `first` on, and keeps the newest. Lua can unpack only so many at once.
local function append(key, keep, first, count)
    for from = first, first + count - 1, 1000 do
        local to = math.min(from + 999, first + count - 1)
        if redis.call('RPUSH', key, unpack(ARGV, from, to)) == to - from + 1 then
            redis.call('PEXPIRE', key, ttl)
        end
    end
    if keep == 0 then
        redis.call('DEL', key)
    elseif count > 0 then
        redis.call('LTRIM', key, -keep, -1)
    end
end

local count = tonumber(ARGV[16])
if mode == 'restore' then
    redis.call('DEL', messages)
end
append(messages, tonumber(ARGV[15]), 17, count)

local at = 17 + count
if ARGV[at] == 'replace' then
    redis.call('DEL', receipts)
end
append(receipts, tonumber(ARGV[at + 1]), at + 3, tonumber(ARGV[at + 2]))

redis.call(ARGV[12], ARGV[13], ARGV[14])
return {'done'}
