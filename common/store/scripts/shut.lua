-- shut: an agent gets nothing new: until somebody opens it again, or for a while.
-- KEYS  8 agents:drained  9 agents:quarantined
-- ARGV  3 agent  4 'drain', 'resume' or 'quarantine'  5 how long, ms ('quarantine')
-- Returns OK; SAME: it was so already.
local changed
if ARGV[4] == 'drain' then
  changed = redis.call('SADD', KEYS[8], ARGV[3])
elseif ARGV[4] == 'resume' then
  changed = redis.call('SREM', KEYS[8], ARGV[3]) + redis.call('ZREM', KEYS[9], ARGV[3])
else
  redis.call('ZREMRANGEBYSCORE', KEYS[9], '-inf', now)
  redis.call('ZADD', KEYS[9], now + tonumber(ARGV[5]), ARGV[3])
  changed = 1
end
return changed > 0 and 'OK' or 'SAME'
