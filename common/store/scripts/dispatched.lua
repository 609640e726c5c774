-- dispatched: the leader has published the task to its agent. Only from SCHEDULED: it may have started already.
-- KEYS  8 leader:epoch, then per task: hash, history
-- ARGV  3 epoch, then per task: id, attempt
-- Returns per task: OK; SAME; FENCED: old term; STALE_ATTEMPT; STALE_STATE; TERMINAL; NOT_FOUND.
local stale_term = fenced(KEYS[8], ARGV[3])
local answers = {}
local k = 9

local function dispatched(task, history, id, attempt)
  if stale_term then
    return 'FENCED'
  end
  local found = fields(task, 'status', 'attempt')
  local status = found[1]
  if not status then
    return 'NOT_FOUND'
  elseif final[status] then
    return 'TERMINAL'
  elseif found[2] ~= attempt then
    return 'STALE_ATTEMPT'
  elseif status == 'DISPATCHED' then
    return 'SAME'
  elseif status ~= 'SCHEDULED' then
    return 'STALE_STATE'
  end
  move(id, task, 'SCHEDULED', 'DISPATCHED')
  redis.call('RPUSH', history, entry('dispatched', 'SCHEDULED', 'DISPATCHED', attempt, ''))
  return 'OK'
end

for at = 4, #ARGV, 2 do
  answers[#answers + 1] = dispatched(KEYS[k], KEYS[k + 1], ARGV[at], ARGV[at + 1])
  k = k + 2
end
return answers
