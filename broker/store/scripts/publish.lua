#!lua flags=allow-oom
-- PUBLISH: a registry comes into force. From then on APPEND refuses what was decided under an older one.
-- KEYS: state, ticks, registry. ARGV: version, registry, length of the tick stream,
--       the version that it must follow ('' for any that is lower).
-- Gives the version that was in force: the publication is done when that is the one asked for.
-- With allow-oom: a revocation must not wait for memory.
local version = tonumber(redis.call('HGET', KEYS[1], 'registry') or 0)
if tonumber(ARGV[1]) <= version or (ARGV[4] ~= '' and tonumber(ARGV[4]) ~= version) then return version end
redis.call('SET', KEYS[3], ARGV[2])
redis.call('HSET', KEYS[1], 'registry', ARGV[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'v', ARGV[1])
return version
