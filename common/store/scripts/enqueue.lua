-- enqueue: PENDING tasks that stand in no queue are put back into one. The queue is only a hint, and
-- this is what makes losing it harmless.
-- KEYS  8 queue:delayed  9 queue:pending  10 bell:pending  11 the prefix of task hashes: which tasks are
--       missing is not known beforehand
-- ARGV  3 rank in the PENDING index to begin at  4 how many to look at
-- Returns {how many were put back, how many were looked at}.
local first = tonumber(ARGV[3])
local ids = redis.call('ZRANGE', index.PENDING, first, first + tonumber(ARGV[4]) - 1)
local back = 0
for _, id in ipairs(ids) do
  if not redis.call('ZSCORE', KEYS[9], id) and not redis.call('ZSCORE', KEYS[8], id) then
    wait_in_turn(KEYS[8], KEYS[9], KEYS[10], id, turn(KEYS[11] .. id))
    back = back + 1
  end
end
return { back, #ids }
