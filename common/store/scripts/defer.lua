-- defer: ready tasks that no agent may have now: each is told why it waits, and may wait aside for a while, so that
-- those behind it are looked at. Changes no status: they were PENDING and stay so.
-- KEYS  8 leader:epoch  9 queue:pending  10 queue:delayed, then per task: hash
-- ARGV  3 epoch, then per task: id, how long it waits aside, ms (0: it keeps its place), why (JSON)
-- Returns OK, or FENCED: old term.
if fenced(KEYS[8], ARGV[3]) then
  return 'FENCED'
end
local k = 11
for at = 4, #ARGV, 3 do
  local id, aside = ARGV[at], tonumber(ARGV[at + 1])
  if fields(KEYS[k], 'status')[1] == 'PENDING' and redis.call('ZSCORE', KEYS[9], id) then
    redis.call('HSET', KEYS[k], 'waiting', ARGV[at + 2])
    if aside > 0 then
      redis.call('ZREM', KEYS[9], id)
      redis.call('ZADD', KEYS[10], now + aside, id)
    end
  end
  k = k + 1
end
return 'OK'
