-- Stands before every verb. What it gives them:
--   index   status -> the sorted set of that status (KEYS[1..7] are the indexes, see keys.py)
--   now     Redis' own time in ms; stamp: the same as ISO 8601 text
--   final   whether a status' text is a final one, as the caller says in ARGV[1] ("SUCCESS,FAILED,CANCELLED")
--   by      who asks (ARGV[2]), for the history
-- The verbs' own keys and arguments begin at KEYS[8] and ARGV[3].
-- All names are local: a global would outlive the script.
local index = {}
for i = 1, 7 do
  index[string.match(KEYS[i], '[^:]+$')] = KEYS[i]
end

local final = {}
for status in string.gmatch(ARGV[1], '[^,]+') do
  final[status] = true
end

local by = ARGV[2]
local by_json = cjson.encode(by)

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- Days since 1970 to a date, and below back again: http://howardhinnant.github.io/date_algorithms.html#civil_from_days
local function iso(ms)
  local floor = math.floor
  local days = floor(ms / 86400000)
  local rest = ms - days * 86400000
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month,
    doy - floor((153 * mp + 2) / 5) + 1, floor(rest / 3600000), floor(rest / 60000) % 60,
    floor(rest / 1000) % 60, rest % 1000)
end

local stamp = iso(now)

-- The text that iso makes of a time, back to ms; nothing where it is another text.
local function instant(text)
  local floor = math.floor
  local year, month, day, hour, minute, second, ms =
    string.match(text, '^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.(%d%d%d)Z$')
  if not year then
    return
  end
  local y = month + 0 <= 2 and year - 1 or year + 0
  local era = floor(y / 400)
  local yoe = y - era * 400
  local doy = floor((153 * (month + (month + 0 > 2 and -3 or 9)) + 2) / 5) + day - 1
  local days = era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + doy - 719468
  return days * 86400000 + hour * 3600000 + minute * 60000 + second * 1000 + ms
end

-- The named fields of a task; none of them where its key holds no hash, for then it is no task.
local function fields(task, ...)
  local found = redis.pcall('HMGET', task, ...)
  return found.err and {} or found
end

-- Which attempt was the last; nothing where that is no task of this id, whatever somebody else has written there.
local function last_attempt(id, task_id, attempt)
  return task_id == id and attempt and string.match(attempt, '^%d+$')
end

-- One history entry; `detail` is '' or more JSON members, each with a leading comma.
local function entry(verb, before, after, attempt, detail)
  return '{"at":"' .. stamp .. '","verb":"' .. verb .. '","from":"' .. before .. '","to":"' .. after
    .. '","attempt":' .. attempt .. ',"by":' .. by_json .. detail .. '}'
end

-- The one place where a status changes: hash and index together; the verb writes its own history entries.
local function move(id, task, before, after, ...)
  redis.call('HSET', task, 'status', after, 'updatedAt', stamp, ...)
  redis.call('ZREM', index[before], id)
  redis.call('ZADD', index[after], now, id)
end

-- What an agent holds: counted where it is given more, and looked through when it is lost. Returns by how much it grew.
local function hold(held, id)
  return redis.call('ZADD', held, now, id)
end

local function let_go(held, id)
  redis.call('ZREM', held, id)
end

-- Whether an agent is kept from new tasks for a while; what is over is forgotten with the next one.
local function quarantined(key, agent)
  return (tonumber(redis.call('ZSCORE', key, agent) or 0)) > now
end

-- How the last attempt ended leaves the hash; it stands in the history.
local function forget_result(task)
  redis.call('HDEL', task, 'reason', 'exitCode', 'error', 'result', 'outputBytes')
end

-- An id in the queue that is no task any more would come up again and again.
local function forget_id(pending, id)
  redis.call('ZREM', pending, id)
  redis.call('ZREM', index.PENDING, id)
end

-- Make a task ready to be taken, in its turn: a minute earlier for each level of priority above the usual one. So what
-- waits long enough comes before all that is new. One element in the bell is enough to wake whoever waits.
local rung = false
local function ready(pending, bell, id, priority)
  redis.call('ZADD', pending, now - ((tonumber(priority) or 4) - 4) * 60000, id)
  if not rung and redis.call('LLEN', bell) == 0 then
    redis.call('LPUSH', bell, 1)
  end
  rung = true
end

-- Put a PENDING task where it waits: until it is due, if it has asked for a time, else among those that are ready.
local function wait_in_turn(delayed, pending, bell, id, due, priority)
  local at = due and instant(due)
  if at and at > now then
    redis.call('ZADD', delayed, at, id)
  else
    ready(pending, bell, id, priority)
  end
end

-- When a task is due, and its priority: what the two above ask for.
local function turn(task)
  return unpack(fields(task, 'dueAt', 'priority'), 1, 2)
end

-- Note by when a task must have started, if its request says so: a time, or so long from when it is due. Where only a
-- time is said that is over already, a task that got a new life has none any more (`again`).
local function set_deadline(expiring, task, id, again)
  local asked = fields(task, 'startBy', 'startWithin', 'dueAt')
  local at = asked[1] and instant(asked[1])
  local within = tonumber(asked[2])
  if within then
    at = math.max(now, asked[3] and instant(asked[3]) or 0) + math.floor(within * 1000)
  end
  if at and not (again and at <= now) then
    redis.call('HSET', task, 'expiresAt', iso(at))
    redis.call('ZADD', expiring, at, id)
  elseif again then
    redis.call('HDEL', task, 'expiresAt')
  end
end

-- By when a task is to have started; nothing where that does not matter, or not any more: it has, in this life.
local function deadline(started_at, expires_at)
  return expires_at and (started_at or '') == '' and instant(expires_at)
end

local function too_late(started_at, expires_at)
  local at = deadline(started_at, expires_at)
  return at and at <= now
end

-- A task that is too late is FAILED, whoever meets it.
local function expire(id, task, history, before, attempt, expires_at)
  move(id, task, before, 'FAILED', 'reason', 'EXPIRED', 'finishedAt', stamp,
    'error', 'it had not started by ' .. expires_at)
  redis.call('RPUSH', history, entry('expire', before, 'FAILED', attempt, ',"reason":"EXPIRED"'))
end

-- A note of a task that is given up because agents kept being lost with it, for whoever looks what it did to them.
local function give_up(dead, id, lost)
  redis.call('LPUSH', dead, '{"at":"' .. stamp .. '","taskId":"' .. id .. '","lost":' .. lost .. '}')
  redis.call('LTRIM', dead, 0, 9999)
end

-- Commands of an older term are refused; a newer term is remembered. '' is an asker without a term.
local function fenced(key, epoch)
  local newest = tonumber(redis.call('GET', key) or 0)
  local asked = tonumber(epoch) or 0
  if asked < newest then
    return true
  end
  if asked > newest then
    redis.call('SET', key, epoch)
  end
  return false
end

-- Append to a log at a known offset: what is there already is not written twice.
local function append(log, offset, text)
  if text == '' then
    return
  end
  local have = redis.call('STRLEN', log)
  if have > offset then
    text = string.sub(text, have - offset + 1)
  end
  if text ~= '' then
    redis.call('APPEND', log, text)
  end
end

-- From which statuses an attempt begins.
local begin = { SCHEDULED = true, DISPATCHED = true }

-- What stands in the history of an attempt that began.
local function start_entry(before, attempt, agent, boot)
  return entry('start', before, 'RUNNING', attempt, ',"agent":' .. cjson.encode(agent)
    .. ',"boot":' .. cjson.encode(boot))
end

-- When an attempt began that is known to have begun so many ms ago.
local function began(ago)
  return iso(now - (tonumber(ago) or 0))
end
