#!lua flags=allow-oom
-- SWEEP: replaces the bodies of expired items by tombstones, which keep position, statement digest and stamp, so that
-- a repeat still gets its answer. Who received them stays until TRIM: the originator may ask, and cancel. What is not
-- routed yet is left alone: the router needs it.
-- KEYS: log, state. ARGV: position to start after, how many entries, time in µs,
--       prefixes of bodies, openings.
-- Gives {position to go on after ('' when all that is routed was seen), how many were replaced}.
local log = KEYS[1]
local routed = redis.call('HGET', KEYS[2], 'routed') or '0-0'
local count, now = tonumber(ARGV[2]), tonumber(ARGV[3])
local entries = redis.call('XRANGE', log, '(' .. ARGV[1], routed, 'COUNT', count)
local erased = 0
for _, entry in ipairs(entries) do
  local fields, item, expires = entry[2], nil, nil
  for f = 1, #fields, 2 do
    if fields[f] == 'i' then item = fields[f + 1] end
    if fields[f] == 'x' then expires = tonumber(fields[f + 1]) end
  end
  if item and expires and expires <= now then
    local body = ARGV[4] .. item
    local start = redis.call('GETRANGE', body, 0, 95)
    local bar = string.find(start, '|', 1, true)
    if bar and #start >= bar + 37 and string.sub(start, bar + 1, bar + 1) == 'B' then
      local stamp_end = bar + 36 + struct.unpack('>I4', string.sub(start, bar + 34, bar + 37))
      local kept = redis.call('GETRANGE', body, bar + 1, stamp_end)
      redis.call('SET', body, string.sub(start, 1, bar) .. 'T' .. kept .. 'expired')
      redis.call('UNLINK', ARGV[5] .. item)
      erased = erased + 1
    end
  end
end
if #entries < count then return {'', erased} end
return {entries[#entries][1], erased}
