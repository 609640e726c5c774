-- cancel: a task that has not started is CANCELLED at once; a running one is flagged, its agent told.
-- KEYS  8 queue:pending  9 queue:delayed  10 the prefix of agents' keys  11 tasks:cancelling, then per task: hash,
--       history. Whose a task is stands in its hash, so here a key is built: prefix .. agent .. ':tasks'.
-- ARGV  3 the prefix of the agents' control channels, then per task: id
-- Returns per task: OK; REQUESTED: it runs, its agent will end it; SAME: asked or cancelled before; TERMINAL; NOT_FOUND.
local answers = {}
local k = 12

local function cancel(task, history, id)
  local found = fields(task, 'status', 'attempt', 'cancelRequested', 'agent')
  local status, attempt = found[1], found[2]
  if not status then
    return 'NOT_FOUND'
  elseif status == 'CANCELLED' then
    return 'SAME'
  elseif final[status] then
    return 'TERMINAL'
  elseif status == 'RUNNING' then
    redis.call('PUBLISH', ARGV[3] .. found[4], id)
    if found[3] == '1' then
      return 'SAME'
    end
    redis.call('HSET', task, 'cancelRequested', 1, 'updatedAt', stamp)
    redis.call('ZADD', KEYS[11], now, id)
    redis.call('RPUSH', history, entry('cancel', status, status, attempt, ''))
    return 'REQUESTED'
  end
  redis.call('ZREM', KEYS[8], id)
  redis.call('ZREM', KEYS[9], id)
  if status ~= 'PENDING' then
    let_go(KEYS[10] .. (found[4] or '') .. ':tasks', id)
  end
  forget_result(task)
  move(id, task, status, 'CANCELLED', 'reason', 'CANCELLED', 'finishedAt', stamp)
  redis.call('RPUSH', history, entry('cancel', status, 'CANCELLED', attempt, ''))
  return 'OK'
end

for at = 4, #ARGV do
  answers[#answers + 1] = cancel(KEYS[k], KEYS[k + 1], ARGV[at])
  k = k + 2
end
return answers
