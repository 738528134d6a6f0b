#!lua flags=allow-oom
-- RAISE: a field of a hash that only grows. KEYS: hash. ARGV: field, number, value.
-- Stored as `number|value`. Gives {1, value} when it was raised, {0, number|value in force} when that is not below.
-- What has no number is not ours, and is replaced.
local old = redis.call('HGET', KEYS[1], ARGV[1])
local number = old and tonumber(string.match(old, '^(%d+)|'))
if number and number >= tonumber(ARGV[2]) then return {0, old} end
local new = ARGV[2] .. '|' .. ARGV[3]
redis.call('HSET', KEYS[1], ARGV[1], new)
return {1, new}
