-- leader: who holds an office now.
-- KEYS  8 the office
-- Returns the candidate and its epoch; '' and 0 where nobody does.
local last = redis.call('HMGET', KEYS[8], 'candidate', 'epoch', 'until')
if (tonumber(last[3]) or 0) <= now then
  return {'', '0'}
end
return {last[1] or '', last[2] or '0'}
