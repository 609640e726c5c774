-- claim: stage 1's agent takes ready tasks for itself: assign and start in one move, both in the history.
-- KEYS  8 queue:pending  9 the agent's lease  10 what it holds  11 the prefix of task hashes. Which ids are
--       popped is not known beforehand, so here keys are built: prefix .. id and prefix .. id .. ':history'.
-- ARGV  3 agent  4 boot  5 how many at most
-- Returns {'FENCED'} if the lease is not this boot's, else {'OK', hash of task 1 as a flat list, ...}.
local agent, boot, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', KEYS[9], 'boot') ~= boot then
  return { 'FENCED' }
end
local granted = { 'OK' }
while #granted <= limit do
  local popped = redis.call('ZPOPMIN', KEYS[8], limit + 1 - #granted)
  if #popped == 0 then
    break
  end
  for i = 1, #popped, 2 do
    local id = popped[i]
    local task = KEYS[11] .. id
    local found = fields(task, 'status', 'attempt', 'taskId', 'startedAt', 'expiresAt')
    local attempt = last_attempt(id, found[3], found[2])
    -- The queue is only a hint: a task that is not PENDING any more is passed over.
    if not attempt then
      forget_id(KEYS[8], id)
    elseif found[1] == 'PENDING' and too_late(found[4], found[5]) then
      expire(id, task, task .. ':history', found[1], attempt, found[5])
    elseif found[1] == 'PENDING' then
      attempt = attempt + 1
      if attempt > 1 then
        forget_result(task)
      end
      move(id, task, 'PENDING', 'RUNNING', 'attempt', attempt, 'agent', agent, 'boot', boot, 'startedAt', stamp)
      hold(KEYS[10], id)
      local where = ',"agent":' .. cjson.encode(agent) .. ',"boot":' .. cjson.encode(boot)
      redis.call('RPUSH', task .. ':history', entry('assign', 'PENDING', 'SCHEDULED', attempt, where),
        entry('start', 'SCHEDULED', 'RUNNING', attempt, where))
      granted[#granted + 1] = redis.call('HGETALL', task)
    end
  end
end
return granted
