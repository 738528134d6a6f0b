#!lua
-- APPEND: takes a group of items into the log, each whole or not at all.
-- KEYS: log, state, then for each item: body, decision, opening, receipts (a set, used by a receipt).
-- ARGV: tolerance of stamps in µs, '1' to count repeats by a write, then for each item twelve arguments (see below).
-- Gives for each item: {'new', position} | {'repeat', position, stamp} | {'conflict', position}
--                    | {'registry', version} | {'stamp', not before}
-- No 'allow-oom': the server refuses the whole call when memory is full, before the first write.
local log, state = KEYS[1], KEYS[2]
local tolerance, count_repeats = tonumber(ARGV[1]), ARGV[2] == '1'
local PER_KEY, PER_ITEM = 4, 12

-- A body is `position|form stmt(32) u32 length-of-stamp stamp rest`; only its start is read, never the sealed bytes.
local function known(key)
  local start = redis.call('GETRANGE', key, 0, 95)
  if start == '' then return nil end
  local bar = string.find(start, '|', 1, true)
  if not bar or #start < bar + 37 then return '0-0', '' end -- not ours: equal to no statement
  return string.sub(start, 1, bar - 1), string.sub(start, bar + 2, bar + 33),
         bar + 37, struct.unpack('>I4', string.sub(start, bar + 34, bar + 37))
end

local found = redis.call('HMGET', state, 'registry', 'taken')
local registry, taken, taken_text = tonumber(found[1] or 0), tonumber(found[2] or 0), found[2]
local wrote, repeats = false, 0
local answers = {}

for n = 0, (#KEYS - 2) / PER_KEY - 1 do
  local k, a = 2 + n * PER_KEY, 2 + n * PER_ITEM
  local body, decision, opening, receipts = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + 4]
  local item, kind, version, taken_at = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local stmt, stamp, digest, sealed = ARGV[a + 5], ARGV[a + 6], ARGV[a + 7], ARGV[a + 8]
  local decided, opened, expires, is_receipt = ARGV[a + 9], ARGV[a + 10], ARGV[a + 11], ARGV[a + 12] == '1'

  -- A repeat is looked up before the item is refused for its age, else a slow repeat would never get its answer.
  local position, old_stmt, stamp_from, stamp_length = known(body)
  if position then
    if old_stmt == stmt then
      repeats = repeats + 1
      answers[n + 1] = {'repeat', position, redis.call('GETRANGE', body, stamp_from, stamp_from + stamp_length - 1)}
    else
      answers[n + 1] = {'conflict', position}
    end
  elseif tonumber(version) < registry then
    answers[n + 1] = {'registry', string.format('%.0f', registry)}
  elseif tonumber(taken_at) < taken - tolerance then
    answers[n + 1] = {'stamp', string.format('%.0f', taken - tolerance)}
  else
    position = redis.call('XADD', log, '*', 'i', item, 'k', kind, 'd', digest, 'x', expires)
    redis.call('SET', body, position .. '|B' .. stmt .. struct.pack('>I4', #stamp) .. stamp .. sealed)
    redis.call('SET', decision, decided)
    if opened ~= '' then redis.call('SET', opening, opened) end
    if is_receipt then redis.call('SADD', receipts, item) end
    if tonumber(taken_at) > taken then taken, taken_text = tonumber(taken_at), taken_at end
    wrote = true
    answers[n + 1] = {'new', position}
  end
end

if wrote then redis.call('HSET', state, 'taken', taken_text) end
-- With replicas, a repeat must be as safe as the first answer: this write is what the caller then waits for.
if count_repeats and repeats > 0 then redis.call('HINCRBY', state, 'repeats', repeats) end
return answers
