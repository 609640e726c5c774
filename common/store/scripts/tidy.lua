-- tidy: an agent's list of what it holds loses the ids of tasks that are not with it. Changes nothing where it is right.
-- KEYS  8 the list, then per id: the task's hash
-- ARGV  3 agent, then per id: id
-- Returns how many left.
local gone = 0
for at = 4, #ARGV do
  local found = fields(KEYS[at + 5], 'status', 'agent')
  local status = found[1]
  local with = status == 'SCHEDULED' or status == 'DISPATCHED' or status == 'RUNNING'
  if not with or found[2] ~= ARGV[3] then
    gone = gone + redis.call('ZREM', KEYS[8], ARGV[at])
  end
end
return gone
