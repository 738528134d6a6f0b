#!lua flags=allow-oom
-- TRIM of an inbox: removes its first entries and writes the floor, when the whole head still is the one expected.
-- KEYS: heads, inbox. ARGV: agency, expected head, new head, number of the first item that stays.
-- Gives 1 when done, 0 when the head was another one and nothing was written.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[4] .. '-0')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
