-- expire: tasks that should have started by now, and wait still, are FAILED. Whenever this is asked, it is about all.
-- KEYS  8 tasks:expiring  9 queue:pending  10 queue:delayed  11 the prefix of task hashes. Which tasks are too late is
--       not known beforehand, so here keys are built: prefix .. id and prefix .. id .. ':history'.
-- ARGV  3 how many at most
-- Returns {how many are FAILED now, how many were looked at}.
local AGAIN = 2000
local late = redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', now, 'LIMIT', 0, tonumber(ARGV[3]))
local gone = 0

local function look(id)
  local task = KEYS[11] .. id
  local found = fields(task, 'status', 'attempt', 'taskId', 'startedAt', 'expiresAt')
  local status, attempt = found[1], last_attempt(id, found[3], found[2])
  local before_start = status == 'PENDING' or begin[status]
  local at = attempt and before_start and deadline(found[4], found[5])
  if at and at > now then
    redis.call('ZADD', KEYS[8], at, id)
  elseif at and begin[status] then
    -- It is with an agent, which may have begun: the start gate, or whoever takes it back, tells.
    redis.call('ZADD', KEYS[8], now + AGAIN, id)
  else
    if at then
      redis.call('ZREM', KEYS[9], id)
      redis.call('ZREM', KEYS[10], id)
      expire(id, task, task .. ':history', status, attempt, found[5])
      gone = gone + 1
    end
    redis.call('ZREM', KEYS[8], id)
  end
end

for _, id in ipairs(late) do
  look(id)
end
return { gone, #late }
