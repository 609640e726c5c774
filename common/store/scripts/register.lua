-- register: a boot is present in a group, for a bounded time. Who is overdue leaves the group on this occasion.
-- KEYS  8 the group's members  9 what they say of themselves  10 the group's channel
-- ARGV  3 how long, ms  4 boot  5 what it says of itself, JSON
--       6 'new': whoever else is there is replaced, or 'again': a later boot is left alone
-- Returns OK, or FENCED: a later boot is there.
local until_, text = now + tonumber(ARGV[3]), ARGV[5]

local function boot_of(said)
  local read, info = pcall(cjson.decode, said)
  return read and type(info) == 'table' and info.boot
end

local there = redis.call('HGET', KEYS[9], by)
local boot = there and boot_of(there)
if ARGV[6] == 'again' and boot and boot ~= ARGV[4] then
  return 'FENCED'
end

local changed = there ~= text or not redis.call('ZSCORE', KEYS[8], by)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', now, 'LIMIT', 0, 200)) do
  redis.call('ZREM', KEYS[8], member)
  redis.call('HDEL', KEYS[9], member)
  changed = true
end
redis.call('ZADD', KEYS[8], until_, by)
redis.call('HSET', KEYS[9], by, text)
if changed then
  redis.call('PUBLISH', KEYS[10], by)
end
return 'OK'
