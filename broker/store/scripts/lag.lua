#!lua flags=no-writes
-- LAG: how many entries are not routed, and since when the oldest of them waits, by the server's own clock.
-- KEYS: log, state. Gives {entries, age of the oldest in ms}.
local found = redis.call('HMGET', KEYS[2], 'routed', 'routed-count')
local oldest = redis.call('XRANGE', KEYS[1], '(' .. (found[1] or '0-0'), '+', 'COUNT', 1)[1]
if not oldest then return {0, 0} end
local added = 0
local facts = redis.call('XINFO', 'STREAM', KEYS[1])
for f = 1, #facts, 2 do
  if facts[f] == 'entries-added' then added = facts[f + 1] end
end
local now = redis.call('TIME')
local age = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) - tonumber(string.match(oldest[1], '^%d+'))
return {math.max(1, added - tonumber(found[2] or 0)), math.max(0, age)}
