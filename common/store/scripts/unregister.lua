-- unregister: a boot leaves its group at once; another boot is left alone.
-- KEYS  8 the group's members  9 what they say of themselves  10 the group's channel
-- ARGV  3 boot
-- Returns OK, or FENCED.
local read, info = pcall(cjson.decode, redis.call('HGET', KEYS[9], by) or '')
if not (read and type(info) == 'table' and info.boot == ARGV[3]) then
  return 'FENCED'
end
redis.call('ZREM', KEYS[8], by)
redis.call('HDEL', KEYS[9], by)
redis.call('PUBLISH', KEYS[10], by)
return 'OK'
