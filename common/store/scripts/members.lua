-- members: who is present in a group now.
-- KEYS  8 the group's members  9 what they say of themselves
-- Returns member, what it says of itself ('' where that is lost), and so on.
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[8], '(' .. now, '+inf')) do
  found[#found + 1] = member
  found[#found + 1] = redis.call('HGET', KEYS[9], member) or ''
end
return found
