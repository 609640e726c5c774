-- stand: a candidate takes an office that nobody holds, or goes on holding it, for a bounded time.
-- KEYS  8 the office
-- ARGV  3 how long, ms  4 the candidate's token, another for each time that it stands
-- Returns the epoch, or 0: somebody else holds it.
local last = redis.call('HMGET', KEYS[8], 'token', 'epoch', 'until')
local held, ours = (tonumber(last[3]) or 0) > now, last[1] == ARGV[4]
if held and not ours then
  return '0'
end

-- Larger than the last one, and than any that was ever given, should Redis have forgotten it. Only who wins gets one.
local epoch = last[2]
if not held then
  local micros = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
  epoch = string.format('%.0f', math.max((tonumber(last[2]) or 0) + 1, micros))
end
redis.call('HSET', KEYS[8], 'candidate', by, 'token', ARGV[4], 'epoch', epoch, 'until', now + tonumber(ARGV[3]))
return epoch
