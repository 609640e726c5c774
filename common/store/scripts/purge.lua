-- purge: final tasks whose time is over leave, with all that belongs to them.
-- KEYS  8 tasks:all  9 tasks:expiring, then per task: hash and its other keys (history, logs, request)
-- ARGV  3 ms since 1970 before which a task must have ended  4 the final status in whose index it was found,
--       then per task: id, count of its keys
-- Returns how many left; one that was retried meanwhile stays. What is no task any more leaves the indexes.
local gone = 0
local k = 10
for at = 5, #ARGV, 2 do
  local id, count = ARGV[at], tonumber(ARGV[at + 1])
  local status = fields(KEYS[k], 'status')[1]
  local ended = redis.call('ZSCORE', index[ARGV[4]], id)
  if ended and tonumber(ended) < tonumber(ARGV[3]) and (not status or status == ARGV[4]) then
    redis.call('UNLINK', unpack(KEYS, k, k + count - 1))
    redis.call('ZREM', index[ARGV[4]], id)
    redis.call('ZREM', KEYS[8], id)
    redis.call('ZREM', KEYS[9], id)
    gone = gone + 1
  end
  k = k + count
end
return gone
