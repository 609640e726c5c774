-- lease: an agent takes or renews its right to run tasks, for a bounded time.
-- KEYS  8 the agent's lease  9 the agents that were ever seen  10 agents:evicted
-- ARGV  3 boot  4 how long, ms  5 'new': only where nobody holds it, or 'renew': only where this boot holds it,
--       then field, value, ... (with 'new')
-- Returns OK; SAME: 'new' and this boot holds it; FENCED: another boot holds it, this boot's has run out, or it was
-- evicted.
local boot, ttl = ARGV[3], tonumber(ARGV[4])
local holder = redis.call('HGET', KEYS[8], 'boot')
if redis.call('ZSCORE', KEYS[10], boot) then
  return 'FENCED'
end
if holder and holder ~= boot or not holder and ARGV[5] == 'renew' then
  return 'FENCED'
end
if not holder then
  redis.call('SADD', KEYS[9], by)
  redis.call('HSET', KEYS[8], 'boot', boot, 'startedAt', stamp, unpack(ARGV, 6))
end
redis.call('PEXPIRE', KEYS[8], ttl)
return (holder and ARGV[5] == 'new') and 'SAME' or 'OK'
