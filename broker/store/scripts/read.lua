#!lua flags=no-writes
-- READ: one consistent view for the router. Separate reads lost entries, so all of it is one script.
-- KEYS: log, state, routed-to. ARGV: how many entries, prefix of decisions, prefix of recipients,
--       position to start after ('' for the routed one).
-- Gives {routed, routed-to flat, {{position, fields flat, decision or nil, recipients or nil}, …}}.
local routed = redis.call('HGET', KEYS[2], 'routed') or '0-0'
local after = ARGV[4]
if after == '' then after = routed end
local entries = {}
for n, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', ARGV[1])) do
  local fields, item = entry[2], nil
  for f = 1, #fields, 2 do
    if fields[f] == 'i' then item = fields[f + 1] end
  end
  local decision, recipients = false, false
  if item then decision = redis.call('GET', ARGV[2] .. item) end
  if item and not decision then recipients = redis.call('GET', ARGV[3] .. item) end
  entries[n] = {entry[1], fields, decision, recipients}
end
local routed_to = {}
if ARGV[4] == '' then routed_to = redis.call('HGETALL', KEYS[3]) end
return {routed, routed_to, entries}
