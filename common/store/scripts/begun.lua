-- begun: agents tell of attempts that they have begun, where they need not ask: SCHEDULED or DISPATCHED -> RUNNING.
-- The lease makes no difference: it has happened.
-- KEYS  per task, from 8 on: hash, history
-- ARGV  per task, from 3 on: id, attempt, agent, boot, how many ms ago
-- Returns per task: OK; SAME: it runs there already; FENCED: another boot's attempt; STALE_ATTEMPT; STALE_STATE;
-- TERMINAL; NOT_FOUND.
local answers = {}
local k = 8

local function note(task, history, id, attempt, agent, boot, ago)
  local found = fields(task, 'status', 'attempt', 'agent', 'boot')
  local status = found[1]
  if not status then
    return 'NOT_FOUND'
  elseif final[status] then
    return 'TERMINAL'
  elseif found[2] ~= attempt then
    return 'STALE_ATTEMPT'
  elseif found[3] ~= agent or found[4] ~= boot then
    return 'FENCED'
  elseif status == 'RUNNING' then
    return 'SAME'
  elseif not begin[status] then
    return 'STALE_STATE'
  end
  if tonumber(attempt) > 1 then
    forget_result(task)
  end
  move(id, task, status, 'RUNNING', 'startedAt', began(ago))
  redis.call('RPUSH', history, start_entry(status, attempt, agent, boot))
  return 'OK'
end

for at = 3, #ARGV, 5 do
  answers[#answers + 1] = note(KEYS[k], KEYS[k + 1], unpack(ARGV, at, at + 4))
  k = k + 2
end
return answers
