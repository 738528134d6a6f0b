#!lua flags=allow-oom
-- ROUTE: appends to the inboxes of one partition, when every head concerned still is the one expected, all of it.
-- (Comparing the number alone gave duplicates.)
-- KEYS: heads, then one inbox for each agency.
-- ARGV: how many agencies; for each: agency, expected head ('' for none), new head, how many entries;
--       then for each entry: last, first, chain, MAC, references.
-- Gives 1 when written, 0 when a head was another one and nothing was written.
local heads, agencies = KEYS[1], tonumber(ARGV[1])
for n = 1, agencies do
  if (redis.call('HGET', heads, ARGV[4 * n - 2]) or '') ~= ARGV[4 * n - 1] then return 0 end
end
local a = 1 + 4 * agencies
for n = 1, agencies do
  for _ = 1, tonumber(ARGV[4 * n + 1]) do
    redis.call('XADD', KEYS[n + 1], ARGV[a + 1] .. '-0',
               'f', ARGV[a + 2], 'c', ARGV[a + 3], 'm', ARGV[a + 4], 'r', ARGV[a + 5])
    a = a + 5
  end
  redis.call('HSET', heads, ARGV[4 * n - 2], ARGV[4 * n])
end
return 1
