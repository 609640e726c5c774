-- retry: a person gives a FAILED or CANCELLED task a new life: budgets reset, attempts go on rising.
-- KEYS  8 queue:pending  9 bell:pending  10 queue:delayed  11 tasks:expiring, then per task: hash, history
-- ARGV  per task: id, from 3 on
-- Returns per task: OK; SAME: it waits already because of a retry; STALE_STATE: it is under way;
-- TERMINAL: it succeeded; NOT_FOUND.
local answers = {}
local k = 12

local function retry(task, history, id)
  local found = fields(task, 'status', 'attempt', 'reason', 'exitCode', 'error', 'result')
  local status, attempt = found[1], found[2]
  if not status then
    return 'NOT_FOUND'
  elseif status == 'PENDING' and string.find(redis.call('LINDEX', history, -1) or '', '"verb":"retry"', 1, true) then
    return 'SAME'
  elseif not final[status] then
    return 'STALE_STATE'
  elseif status == 'SUCCESS' then
    return 'TERMINAL'
  end
  -- The old result leaves the hash; the history keeps it.
  local was = ',"was":{"reason":' .. cjson.encode(found[3] or '') .. ',"exitCode":' .. cjson.encode(found[4] or '')
    .. ',"error":' .. cjson.encode(found[5] or '') .. ',"result":' .. cjson.encode(found[6] or '') .. '}'
  forget_result(task)
  redis.call('HDEL', task, 'cancelRequested', 'startedAt', 'finishedAt', 'waiting')
  move(id, task, status, 'PENDING', 'failures', 0, 'lost', 0)
  redis.call('RPUSH', history, entry('retry', status, 'PENDING', attempt, was))
  set_deadline(KEYS[11], task, id, true)
  -- One that was cancelled before its time waits for it still.
  wait_in_turn(KEYS[10], KEYS[8], KEYS[9], id, turn(task))
  return 'OK'
end

for at = 3, #ARGV do
  answers[#answers + 1] = retry(KEYS[k], KEYS[k + 1], ARGV[at])
  k = k + 2
end
return answers
