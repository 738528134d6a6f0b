#!lua
-- BEGIN: gives a store its epoch when it has none. Only an empty store may be begun. KEYS: state, log. ARGV: epoch.
-- Gives the epoch in force, or false when the log has entries and no epoch: not a store of ours, or a damaged one.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch then return epoch end
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'generation', 0)
return ARGV[1]
