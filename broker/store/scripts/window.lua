#!lua flags=no-writes
-- WINDOW: the head of an inbox and, as of the same moment, its entries from a number on.
-- A script, not MULTI: Redis 7.0 refuses even reads inside MULTI when memory is full.
-- KEYS: heads, inbox. ARGV: agency, first id, how many entries. Gives {head or nil, entries}.
return {redis.call('HGET', KEYS[1], ARGV[1]), redis.call('XRANGE', KEYS[2], ARGV[2], '+', 'COUNT', ARGV[3])}
