-- promote: tasks whose wait is over become ready. Changes no status: they were PENDING and stay so.
-- KEYS  8 queue:delayed  9 queue:pending  10 bell:pending  11 the prefix of task hashes: which tasks are due
--       is not known beforehand
-- ARGV  3 how many at most
-- Returns how many became ready.
local due = redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', now, 'LIMIT', 0, tonumber(ARGV[3]))
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[8], id)
  ready(KEYS[9], KEYS[10], id, fields(KEYS[11] .. id, 'priority')[1])
end
return #due
