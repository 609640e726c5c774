-- take: move messages from a queue to its consumer's held ones, each stamped with an id that stays.
-- KEYS  8 the queue  9 what its consumer is moving  10 what it holds
-- ARGV  from 3 on: ids for as many messages as are wanted
-- Returns id, body, ... oldest first. What a blocking move left in `moving` goes first: it is the oldest.
local taken = {}
for i = 3, #ARGV do
  local body = redis.call('RPOP', KEYS[9]) or redis.call('RPOP', KEYS[8])
  if not body then
    break
  end
  redis.call('HSET', KEYS[10], ARGV[i], body)
  taken[#taken + 1] = ARGV[i]
  taken[#taken + 1] = body
end
return taken
