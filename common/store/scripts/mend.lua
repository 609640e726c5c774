-- mend: what stands about a task beside its hash is made what the hash says. The hash is the truth and stays as it is.
-- Repeating it changes nothing.
-- KEYS  8 tasks:all  9 queue:pending  10 queue:delayed  11 bell:pending  12 the prefix of agents' keys
--       13 tasks:cancelling  14 tasks:expiring, then per task: hash, history, request (the hash again if none). Whose a task is stands in
--       its hash, so here a key is built: prefix .. agent .. ':tasks'.
-- ARGV  per task, from 3 on: id, status and updatedAt as the asker saw them ('' where there was no such task),
--       requestId or '', and in ms since 1970, '' for now: when it was made, when it got to its status
-- Returns per task what was done, in words; nothing where it is sound, not as the asker saw it, or can't be read.
local done

local function leaves(place, id)
  if redis.call('ZREM', place, id) == 1 then
    done[#done + 1] = 'taken out of ' .. place
  end
end

local function enters(place, id, ms)
  if redis.call('ZADD', place, 'NX', tonumber(ms) or now, id) == 1 then
    done[#done + 1] = 'put into ' .. place
  end
end

local function stands_in_one_queue(task, id)
  if not redis.call('ZSCORE', KEYS[9], id) and not redis.call('ZSCORE', KEYS[10], id) then
    wait_in_turn(KEYS[10], KEYS[9], KEYS[11], id, turn(task))
    done[#done + 1] = 'put into ' .. (redis.call('ZSCORE', KEYS[9], id) and KEYS[9] or KEYS[10])
  elseif redis.call('ZSCORE', KEYS[9], id) then
    leaves(KEYS[10], id)
  end
end

local function stays(key)
  if redis.call('PERSIST', key) == 1 then
    done[#done + 1] = 'made to stay: ' .. key
  end
end

local function remembered(task, request, id, request_id)
  local found = fields(task, 'requestId', 'digest')
  if request_id ~= '' and found[1] == request_id and found[2]
    and redis.call('SET', request, id .. ' ' .. found[2], 'NX') then
    done[#done + 1] = 'written: ' .. request
  end
end

local function forget(id)
  for _, place in pairs(index) do
    leaves(place, id)
  end
  leaves(KEYS[8], id)
  leaves(KEYS[9], id)
  leaves(KEYS[10], id)
  leaves(KEYS[13], id)
  leaves(KEYS[14], id)
end

local function mend(task, history, request, id, status, updated, request_id, made, reached)
  local found = fields(task, 'status', 'attempt', 'updatedAt', 'agent', 'cancelRequested', 'startedAt', 'expiresAt')
  if status == '' then
    if redis.call('EXISTS', task) == 0 then
      forget(id)
    end
    return
  elseif found[1] ~= status or found[3] ~= updated or not index[status] or not tonumber(found[2]) then
    return
  end
  for name, place in pairs(index) do
    if name ~= status then
      leaves(place, id)
    end
  end
  enters(index[status], id, reached)
  enters(KEYS[8], id, made)
  local held = KEYS[12] .. (found[4] or '') .. ':tasks'
  if status == 'SCHEDULED' or status == 'DISPATCHED' or status == 'RUNNING' then
    enters(held, id, reached)
  else
    leaves(held, id)
  end
  if status == 'PENDING' then
    stands_in_one_queue(task, id)
  else
    leaves(KEYS[9], id)
    leaves(KEYS[10], id)
  end
  if status == 'RUNNING' and found[5] == '1' then
    -- To ask for it is a change too, mostly its last one.
    enters(KEYS[13], id, reached)
  else
    leaves(KEYS[13], id)
  end
  local at = (status == 'PENDING' or begin[status]) and deadline(found[6], found[7])
  if at then
    enters(KEYS[14], id, at)
  end
  stays(task)
  stays(history)
  remembered(task, request, id, request_id)
end

local answers = {}
local k = 15
for at = 3, #ARGV, 6 do
  done = {}
  mend(KEYS[k], KEYS[k + 1], KEYS[k + 2], unpack(ARGV, at, at + 5))
  answers[#answers + 1] = done
  k = k + 3
end
return answers
