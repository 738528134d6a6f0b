#!lua flags=no-writes
-- HOLDS: for each place, whether the log holds that digest at that position. A place before the log's first entry
-- counts as held: it was trimmed after its expiry, not lost.
-- KEYS: log. ARGV: position, digest, position, digest … Gives 1 or 0 for each.
local function order(position)
  local ms, seq = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local first_ms, first_seq = nil, nil
if first then first_ms, first_seq = order(first[1]) end
local answers = {}
for a = 1, #ARGV, 2 do
  local held = 0
  local entry = redis.call('XRANGE', KEYS[1], ARGV[a], ARGV[a])[1]
  if entry then
    for f = 1, #entry[2], 2 do
      if entry[2][f] == 'd' and entry[2][f + 1] == ARGV[a + 1] then held = 1 end
    end
  elseif first then
    local ms, seq = order(ARGV[a])
    if ms < first_ms or (ms == first_ms and seq < first_seq) then held = 1 end
  end
  answers[#answers + 1] = held
end
return answers
