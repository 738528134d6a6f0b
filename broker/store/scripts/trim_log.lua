#!lua flags=allow-oom
-- TRIM of the log: removes its first entries with all that belongs to them, up to the first that has not expired, and
-- never at or beyond the routed position: routers hold the log to what they have routed.
-- KEYS: log, state. ARGV: how many entries at most, time in µs, then the prefixes of what belongs to an item.
-- Gives how many were removed.
local log = KEYS[1]
local count, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local routed = redis.call('HGET', KEYS[2], 'routed')
if not routed then return 0 end
local entries = redis.call('XRANGE', log, '-', '(' .. routed, 'COUNT', count)
local removed = {}
for _, entry in ipairs(entries) do
  local fields, item, expires = entry[2], nil, nil
  for f = 1, #fields, 2 do
    if fields[f] == 'i' then item = fields[f + 1] end
    if fields[f] == 'x' then expires = tonumber(fields[f + 1]) end
  end
  if not item or not expires or expires > now then break end
  for a = 3, #ARGV do redis.call('UNLINK', ARGV[a] .. item) end
  removed[#removed + 1] = entry[1]
end
if #removed > 0 then
  -- The entry at the routed position, or one before it, stands behind these.
  local first = redis.call('XRANGE', log, '(' .. removed[#removed], '+', 'COUNT', 1)[1]
  if first then redis.call('XTRIM', log, 'MINID', first[1]) end
end
return #removed
