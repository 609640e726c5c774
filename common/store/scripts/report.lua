-- report: an attempt ended. Its result is kept, the task becomes final or waits for its next attempt.
-- KEYS  8 queue:pending  9 queue:delayed  10 bell:pending  11 tasks:dead  12 tasks:cancelling, then per task: hash,
--       history, log of the attempt, what its agent holds
-- ARGV  3 how many agents may be lost with one task  4 longest wait before a retry, ms, where the task
--       says no other, then per task:
--       id, attempt, agent, boot, status, reason or '', exit code or '', error, output, output bytes,
--       budget ('retries': this failure uses one up; 'lost': the agent's fault; 'none': handed back; '': final),
--       jitter from 0 to 1, log offset, log text, proof of its processes' end as JSON or '',
--       how many ms it ran where agents start without asking (its start is then noted with its end), else ''
-- Returns per task {answer, status, and where that is final now, when the task was due or made}: OK; SAME: this attempt was reported before; STALE_ATTEMPT; FENCED: another
-- boot's attempt; STALE_STATE; TERMINAL; NOT_FOUND.
local FIELDS = 16
local answers = {}
local k = 13

-- How many ms a task waits for its next attempt after so many failures, as it asks for.
local function before_retry(found, failures, jitter)
  local delay, longest = tonumber(found.retryDelay) or 0, tonumber(found.maxRetryDelay)
  if found.backoff == 'fixed' then
    return math.min(longest or delay, delay) * 1000
  end
  return math.min(longest and longest * 1000 or tonumber(ARGV[4]), delay * 1000 * 2 ^ failures) * jitter
end

-- Where the task goes, and how many ms later it may be taken.
local function outcome(found, status, budget, jitter)
  local failures, lost = tonumber(found.failures) or 0, tonumber(found.lost) or 0
  if budget == '' then
    return status, 0, failures, lost
  end
  local wait = 0
  if budget == 'retries' then
    if failures >= (tonumber(found.retries) or 0) then
      return status, 0, failures, lost
    end
    wait = before_retry(found, failures, jitter)
    failures = failures + 1
  elseif budget == 'lost' then
    lost = lost + 1
    if lost >= tonumber(ARGV[3]) and found.cancelRequested ~= '1' then
      return status, 0, failures, lost
    end
    wait = math.min(tonumber(ARGV[4]), 1000 * 2 ^ lost) * jitter
  end
  -- It would run again, but somebody asked that it should not.
  if found.cancelRequested == '1' then
    return 'CANCELLED', 0, failures, lost
  end
  return 'PENDING', math.floor(wait), failures, lost
end

local function read(task)
  local names = { 'status', 'attempt', 'agent', 'boot', 'reported', 'failures', 'lost', 'retries', 'retryDelay',
    'cancelRequested', 'maxRetryDelay', 'backoff', 'createdAt', 'dueAt' }
  local values = fields(task, unpack(names))
  local found = {}
  for i, name in ipairs(names) do
    found[name] = values[i] or nil
  end
  return found
end

local function report(task, history, log, held, at)
  local id, attempt, agent, boot, status, reason, exit_code, error_text, output, output_bytes, budget, jitter =
    unpack(ARGV, at, at + 11)
  local found = read(task)
  local mine = found.attempt == attempt and found.agent == agent and found.boot == boot
  if not found.status then
    return { 'NOT_FOUND', '' }
  elseif found.reported == attempt and mine then
    return { 'SAME', found.status }
  elseif final[found.status] then
    return { 'TERMINAL', found.status }
  elseif found.attempt ~= attempt then
    return { 'STALE_ATTEMPT', found.status }
  elseif not mine then
    return { 'FENCED', found.status }
  elseif found.status ~= 'RUNNING' and (ARGV[at + 15] == '' or not begin[found.status]) then
    return { 'STALE_STATE', found.status }
  end
  append(log, tonumber(ARGV[at + 12]), ARGV[at + 13])
  local since = {}
  if found.status ~= 'RUNNING' then
    -- That it ran is told with its end: nobody has seen it run.
    redis.call('RPUSH', history, start_entry(found.status, attempt, agent, boot))
    since = { 'startedAt', began(ARGV[at + 15]) }
  end
  local after, wait, failures, lost = outcome(found, status, budget, tonumber(jitter))
  local detail = ''
  if reason ~= '' then
    detail = detail .. ',"reason":' .. cjson.encode(reason)
  end
  if exit_code ~= '' then
    detail = detail .. ',"exitCode":' .. exit_code
  end
  if error_text ~= '' then
    detail = detail .. ',"error":' .. cjson.encode(error_text)
  end
  if ARGV[at + 14] ~= '' then
    detail = detail .. ',"proof":' .. ARGV[at + 14]
  end
  if after == 'PENDING' and wait > 0 then
    detail = detail .. ',"retryAt":"' .. iso(now + wait) .. '"'
  end
  move(id, task, found.status, after, 'reason', after == 'CANCELLED' and after or reason, 'exitCode', exit_code,
    'error', error_text, 'result', output, 'outputBytes', output_bytes, 'reported', attempt, 'failures', failures, 'lost', lost,
    'finishedAt', final[after] and stamp or '', unpack(since))
  let_go(held, id)
  if found.cancelRequested == '1' then
    redis.call('ZREM', KEYS[12], id)
  end
  if after == 'PENDING' and wait > 0 then
    redis.call('ZADD', KEYS[9], now + wait, id)
  elseif after == 'PENDING' then
    ready(KEYS[8], KEYS[10], id, fields(task, 'priority')[1])
  elseif after == 'FAILED' and budget == 'lost' then
    give_up(KEYS[11], id, lost)
  end
  -- Last: where somebody has spoilt the history, an agent that tells it again is answered SAME, and goes on with others.
  redis.call('RPUSH', history, entry('report', 'RUNNING', after, attempt, detail))
  return { 'OK', after, final[after] and (found.dueAt or found.createdAt) or '' }
end

for at = 5, #ARGV, FIELDS do
  answers[#answers + 1] = report(KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], at)
  k = k + 4
end
return answers
