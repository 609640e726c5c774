-- evict: the leader takes an agent's boot its right to run tasks: it can't renew its lease, nor take it again.
-- KEYS  8 leader:epoch  9 the agent's lease  10 agents:evicted
-- ARGV  3 epoch  4 boot  5 how long it is remembered, ms
-- Returns OK; SAME: it was evicted before; FENCED: old term.
if fenced(KEYS[8], ARGV[3]) then
  return 'FENCED'
end
redis.call('ZREMRANGEBYSCORE', KEYS[10], '-inf', now)
local known = redis.call('ZADD', KEYS[10], now + tonumber(ARGV[5]), ARGV[4]) == 0
if redis.call('HGET', KEYS[9], 'boot') == ARGV[4] then
  redis.call('DEL', KEYS[9])
end
return known and 'SAME' or 'OK'
