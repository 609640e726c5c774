-- requeue: a task is taken back from an agent that was lost with it, or that never started it.
-- KEYS  8 leader:epoch  9 queue:pending  10 bell:pending  11 tasks:dead  12 tasks:cancelling, then per task:
--       hash, history, lease of the agent it is with, what that agent holds
-- ARGV  3 epoch, '' where no leader asks but the agent itself  4 how many agents may be lost with one task, then per task:
--       id, attempt, the status the asker saw, boot it is with, reason ('AGENT_LOST': only if that boot's
--       lease is gone; 'STUCK'; 'HANDED_BACK')
-- The next boot of that agent tells in its lease how this one's processes ended, if it knows: 'before', 'proof' as JSON.
-- Returns per task {answer, status}: OK; SAME: it waits again already; FENCED: old term; STALE_ATTEMPT;
-- STALE_STATE: not as the asker saw it, or the agent still holds its lease; TERMINAL; NOT_FOUND.
local stale_term = ARGV[3] ~= '' and fenced(KEYS[8], ARGV[3])
local answers = {}
local k = 13

local function outcome(found, status, reason)
  local lost = tonumber(found[5]) or 0
  local charged = reason == 'AGENT_LOST' and status == 'RUNNING'
  if charged then
    lost = lost + 1
  end
  if found[4] == '1' then
    return 'CANCELLED', lost
  elseif charged and (found[6] == 'fail' or lost >= tonumber(ARGV[4])) then
    return 'FAILED', lost
  end
  return 'PENDING', lost
end

local function requeue(task, history, lease, held, id, attempt, seen, boot, reason)
  if stale_term then
    return { 'FENCED', '' }
  end
  local found = fields(task, 'status', 'attempt', 'boot', 'cancelRequested', 'lost', 'onAgentLost', 'agent')
  local status = found[1]
  if not status then
    return { 'NOT_FOUND', '' }
  elseif final[status] then
    return { 'TERMINAL', status }
  elseif found[2] ~= attempt then
    return { 'STALE_ATTEMPT', status }
  elseif status == 'PENDING' then
    return { 'SAME', status }
  elseif status ~= seen or found[3] ~= boot then
    return { 'STALE_STATE', status }
  end
  local leased = reason == 'AGENT_LOST' and redis.call('HMGET', lease, 'boot', 'before', 'proof') or {}
  if leased[1] == boot then
    return { 'STALE_STATE', status }
  end
  local after, lost = outcome(found, status, reason)
  local detail = ',"reason":' .. cjson.encode(reason) .. ',"agent":' .. cjson.encode(found[7])
    .. ',"boot":' .. cjson.encode(boot) .. (ARGV[3] ~= '' and ',"epoch":' .. ARGV[3] or '')
    .. (leased[2] == boot and leased[3] and ',"proof":' .. leased[3] or '')
  if after == 'PENDING' then
    move(id, task, status, after, 'lost', lost)
    ready(KEYS[9], KEYS[10], id, fields(task, 'priority')[1])
  elseif after == 'CANCELLED' then
    move(id, task, status, after, 'lost', lost, 'reason', 'CANCELLED', 'finishedAt', stamp)
  else
    move(id, task, status, after, 'lost', lost, 'reason', reason, 'finishedAt', stamp, 'exitCode', '',
      'error', 'its agent was lost ' .. lost .. ' time(s); see its history')
    give_up(KEYS[11], id, lost)
  end
  -- Only now: what needs no memory may not come first, for then a full server refuses nothing that follows it.
  let_go(held, id)
  if found[4] == '1' then
    redis.call('ZREM', KEYS[12], id)
  end
  redis.call('RPUSH', history, entry('requeue', status, after, attempt, detail))
  return { 'OK', after }
end

for at = 5, #ARGV, 5 do
  answers[#answers + 1] = requeue(KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], unpack(ARGV, at, at + 4))
  k = k + 4
end
return answers
