#!lua flags=allow-oom
-- LEASE: at most one holder until it lapses. KEYS: lease. ARGV: holder, duration in ms (0 gives it back).
-- Gives 1 when the caller holds it now.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  if holder then redis.call('UNLINK', KEYS[1]) end
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
