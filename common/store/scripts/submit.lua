-- submit: a new task, PENDING: ready, or waiting until it is due. Asked twice, it answers with the task that is there.
-- KEYS  8 tasks:all  9 queue:pending  10 bell:pending  11 queue:delayed  12 tasks:expiring, then per
--       task: hash, history, request (the hash again if none)
-- ARGV  3 how many may wait, then per task: id, digest, requestId or '', count of fields, field, value, ...
-- Returns per task {answer, taskId}: OK; SAME: it exists with this body; CONFLICT: with another one; FULL.
local room = tonumber(ARGV[3]) - redis.call('ZCARD', index.PENDING)
local answers = {}
local at, k = 4, 13

local function existing(task, request, digest, id, request_id)
  if request_id ~= '' then
    local known = redis.call('GET', request)
    if known then
      local known_id, known_digest = string.match(known, '^(%S+) (%S+)$')
      return { known_digest == digest and 'SAME' or 'CONFLICT', known_id }
    end
  end
  if redis.call('EXISTS', task) == 1 then
    local known = fields(task, 'digest', 'requestId')
    -- One requestId stands for one task: a second one for the same task would be remembered nowhere.
    local same = known[1] == digest and (request_id == '' or known[2] == request_id)
    return { same and 'SAME' or 'CONFLICT', id }
  end
end

-- What a request says of its turn, among all its fields.
local TURN = { startAt = true, delay = true, startBy = true, startWithin = true, priority = true }
local function turn_of(from, to)
  local asked = {}
  for i = from, to, 2 do
    if TURN[ARGV[i]] then
      asked[ARGV[i]] = ARGV[i + 1]
    end
  end
  return asked
end

-- It may say when it starts, or how long from now: by Redis' clock. Returns when it is due, where that is to come.
local function set_times(task, id, asked)
  local due = asked.startAt and instant(asked.startAt) or asked.delay and now + math.floor(asked.delay * 1000)
  due = due and due > now and iso(due)
  if due then
    redis.call('HSET', task, 'dueAt', due)
  end
  if asked.startBy or asked.startWithin then
    set_deadline(KEYS[12], task, id)
  end
  return due
end

while at <= #ARGV do
  local id, digest, request_id, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local task, history, request = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local answer = existing(task, request, digest, id, request_id)
  if not answer and room <= 0 then
    answer = { 'FULL', id }
  end
  if not answer then
    redis.call('HSET', task, 'taskId', id, 'status', 'PENDING', 'attempt', 0, 'digest', digest,
      'requestId', request_id, 'createdAt', stamp, 'updatedAt', stamp, unpack(ARGV, at + 4, at + 3 + count))
    redis.call('RPUSH', history, entry('submit', '', 'PENDING', 0, ''))
    redis.call('ZADD', index.PENDING, now, id)
    redis.call('ZADD', KEYS[8], now, id)
    if request_id ~= '' then
      redis.call('SET', request, id .. ' ' .. digest)
    end
    local asked = turn_of(at + 4, at + 3 + count)
    local due = set_times(task, id, asked)
    wait_in_turn(KEYS[11], KEYS[9], KEYS[10], id, due, asked.priority)
    room = room - 1
    answer = { 'OK', id }
  end
  answers[#answers + 1] = answer
  at, k = at + 4 + count, k + 3
end
return answers
