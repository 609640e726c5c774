-- start: the gate. No agent runs a command before this says OK, and it runs the body that stands here.
-- KEYS  8 the agent's lease  9 what it holds, then per task: hash, history
-- ARGV  3 agent  4 boot, then per task: id, attempt
-- Returns per task {answer, hash as a flat list}: OK; SAME: this boot runs this attempt already (both with
-- the hash); FENCED: the lease or the task is another boot's; STALE_ATTEMPT; STALE_STATE; TERMINAL: it has
-- ended, or ends now, for it is too late; NOT_FOUND.
local agent, boot = ARGV[3], ARGV[4]
local leased = redis.call('HGET', KEYS[8], 'boot') == boot
local answers = {}
local k = 10

local function start(task, history, id, attempt)
  local found = fields(task, 'status', 'attempt', 'agent', 'boot', 'startedAt', 'expiresAt')
  local status = found[1]
  if not status then
    return 'NOT_FOUND'
  elseif final[status] then
    return 'TERMINAL'
  elseif found[2] ~= attempt then
    return 'STALE_ATTEMPT'
  elseif found[3] ~= agent or found[4] ~= boot or not leased then
    return 'FENCED'
  elseif status == 'RUNNING' then
    return 'SAME'
  elseif status ~= 'SCHEDULED' and status ~= 'DISPATCHED' then
    return 'STALE_STATE'
  elseif too_late(found[5], found[6]) then
    let_go(KEYS[9], id)
    expire(id, task, history, status, attempt, found[6])
    return 'TERMINAL'
  end
  if tonumber(attempt) > 1 then
    forget_result(task)
  end
  move(id, task, status, 'RUNNING', 'startedAt', stamp)
  redis.call('RPUSH', history, start_entry(status, attempt, agent, boot))
  return 'OK'
end

for at = 5, #ARGV, 2 do
  local answer = start(KEYS[k], KEYS[k + 1], ARGV[at], ARGV[at + 1])
  local granted = answer == 'OK' or answer == 'SAME'
  answers[#answers + 1] = { answer, granted and redis.call('HGETALL', KEYS[k]) or {} }
  k = k + 2
end
return answers
