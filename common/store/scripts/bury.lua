-- bury: held messages go to the dead-letter list, with the reason. Repeating it changes nothing.
-- KEYS  8 what the consumer holds  9 the dead-letter list
-- ARGV  3 how many dead letters are kept, then per message: id, its reason and body as the members of a JSON object
-- Returns how many were buried.
local buried = 0
for at = 4, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[8], ARGV[at]) == 1 then
    -- First the letter: if that can't be written, nothing takes back what a script has done before.
    redis.call('LPUSH', KEYS[9], '{"id":"' .. ARGV[at] .. '","at":"' .. stamp .. '",' .. ARGV[at + 1] .. '}')
    redis.call('HDEL', KEYS[8], ARGV[at])
    buried = buried + 1
  end
end
redis.call('LTRIM', KEYS[9], 0, tonumber(ARGV[3]) - 1)
return buried
