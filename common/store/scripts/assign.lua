-- assign: the leader gives ready tasks to agents: off the queue and SCHEDULED in one move, attempt + 1.
-- KEYS  8 leader:epoch  9 queue:pending  10 agents:drained  11 agents:quarantined, then per task: hash, history,
--       lease of the chosen agent, what it holds
-- ARGV  3 epoch, then per task: id, agent, boot, how many the agent may hold with it, why (JSON, or '')
-- Returns per task {answer, attempt}: OK; SAME: it stands so already; FENCED: old term, or the lease is not that
-- boot's; FULL: the agent holds as many; SHUT: it takes nothing new; STALE_STATE: not ready any more; TERMINAL:
-- it has ended, or ends now, for it is too late;
-- NOT_FOUND.
local stale_term = fenced(KEYS[8], ARGV[3])
local answers = {}
local k = 12

-- What holds for all tasks of one agent is asked once: only this script changes it meanwhile.
local known = {}
local function look_at(agent, lease, held)
  known[agent] = known[agent] or {
    boot = redis.call('HGET', lease, 'boot'),
    shut = redis.call('SISMEMBER', KEYS[10], agent) == 1 or quarantined(KEYS[11], agent),
    holds = redis.call('ZCARD', held),
  }
  return known[agent]
end

local function assign(task, history, lease, held, id, agent, boot, limit, why)
  if stale_term then
    return { 'FENCED', 0 }
  end
  local found = fields(task, 'status', 'attempt', 'agent', 'boot', 'taskId', 'startedAt', 'expiresAt', 'waiting')
  local status, attempt = found[1], tonumber(last_attempt(id, found[5], found[2]))
  if not attempt then
    forget_id(KEYS[9], id)
    return { 'NOT_FOUND', 0 }
  end
  if status ~= 'PENDING' then
    -- The queue is only a hint: what stands in it wrongly would come up again and again.
    redis.call('ZREM', KEYS[9], id)
  end
  local given = look_at(agent, lease, held)
  if final[status] then
    return { 'TERMINAL', attempt }
  elseif status == 'SCHEDULED' and found[3] == agent and found[4] == boot then
    return { 'SAME', attempt }
  elseif status ~= 'PENDING' then
    return { 'STALE_STATE', attempt }
  elseif given.boot ~= boot then
    return { 'FENCED', attempt }
  elseif given.shut then
    return { 'SHUT', attempt }
  elseif given.holds >= tonumber(limit) then
    return { 'FULL', attempt }
  elseif redis.call('ZREM', KEYS[9], id) == 0 then
    return { 'STALE_STATE', attempt }
  elseif too_late(found[6], found[7]) then
    expire(id, task, history, status, attempt, found[7])
    return { 'TERMINAL', attempt }
  end
  attempt = attempt + 1
  move(id, task, 'PENDING', 'SCHEDULED', 'attempt', attempt, 'agent', agent, 'boot', boot, 'epoch', ARGV[3])
  given.holds = given.holds + hold(held, id)
  if found[8] then
    redis.call('HDEL', task, 'waiting')
  end
  redis.call('RPUSH', history, entry('assign', 'PENDING', 'SCHEDULED', attempt, ',"agent":' .. cjson.encode(agent)
    .. ',"boot":' .. cjson.encode(boot) .. ',"epoch":' .. (ARGV[3] ~= '' and ARGV[3] or 0)
    .. (why ~= '' and ',"why":' .. why or '')))
  return { 'OK', attempt }
end

for at = 4, #ARGV, 5 do
  answers[#answers + 1] = assign(KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], unpack(ARGV, at, at + 4))
  k = k + 4
end
return answers
