#!lua flags=allow-oom
-- ADVANCE: moves the routed position, after every partition has succeeded.
-- KEYS: log, state, routed-to, ticks, then for each item: recipients, decision.
-- ARGV: old position, new position, digest that the log must have there, changed agencies ('' for none),
--       length of the tick stream, how many items, how many places, how many entries;
--       then for each item: recipients; then for each place: agency, position|digest.
-- Gives 1 when done, 0 when another router was first, -1 when the log no longer has what was read (a failover).
local log, state = KEYS[1], KEYS[2]
if (redis.call('HGET', state, 'routed') or '0-0') ~= ARGV[1] then return 0 end
local there = redis.call('XRANGE', log, ARGV[2], ARGV[2])[1]
local digest = nil
if there then
  digest = ''
  for f = 1, #there[2], 2 do
    if there[2][f] == 'd' then digest = there[2][f + 1] end
  end
end
if digest ~= ARGV[3] then return -1 end

local items, places = tonumber(ARGV[6]), tonumber(ARGV[7])
local a = 8
for n = 1, items do
  local recipients, decision = KEYS[3 + 2 * n], KEYS[4 + 2 * n]
  redis.call('SET', recipients, ARGV[a + 1])
  redis.call('UNLINK', decision)
  a = a + 1
end
for _ = 1, places do
  redis.call('HSET', KEYS[3], ARGV[a + 1], ARGV[a + 2])
  a = a + 2
end
-- The count serves the lag alone. It is put right whenever the router has caught up.
local added = 0
local facts = redis.call('XINFO', 'STREAM', log)
for f = 1, #facts, 2 do
  if facts[f] == 'entries-added' then added = facts[f + 1] end
end
local count = added
if #redis.call('XRANGE', log, '(' .. ARGV[2], '+', 'COUNT', 1) > 0 then
  count = tonumber(redis.call('HGET', state, 'routed-count') or 0) + tonumber(ARGV[8])
end
redis.call('HSET', state, 'routed', ARGV[2], 'routed-count', string.format('%.0f', count))
if ARGV[4] ~= '' then redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[5], '*', 'a', ARGV[4]) end
return 1
