-- bury: held messages go to the dead-letter list, with the reason. Repeating it changes nothing.
-- KEYS  8 what the consumer holds  9 the dead-letter list
-- ARGV  3 how many dead letters are kept, then per message: id, reason
-- Returns how many were buried.
local buried = 0
for at = 4, #ARGV, 2 do
  local body = redis.call('HGET', KEYS[8], ARGV[at])
  if body then
    redis.call('LPUSH', KEYS[9], '{"reason":' .. cjson.encode(ARGV[at + 1]) .. ',"at":"' .. stamp .. '","id":"'
      .. ARGV[at] .. '","body":' .. cjson.encode(body) .. '}')
    redis.call('HDEL', KEYS[8], ARGV[at])
    buried = buried + 1
  end
end
redis.call('LTRIM', KEYS[9], 0, tonumber(ARGV[3]) - 1)
return buried
