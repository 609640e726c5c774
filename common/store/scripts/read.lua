-- read: of several readers of a list one reads, for a bounded time.
-- KEYS  8 who reads
-- ARGV  3 for how long, ms; 0 gives it up
-- Returns 1 where the asker reads now, else 0.
local reader = redis.call('GET', KEYS[8])
if reader and reader ~= by then
  return 0
end
if tonumber(ARGV[3]) == 0 then
  redis.call('DEL', KEYS[8])
  return 0
end
redis.call('SET', KEYS[8], by, 'PX', ARGV[3])
return 1
