-- look: where tasks stand and what their hashes say of it, each task at one moment. Changes nothing.
-- KEYS  8 tasks:all  9 queue:pending  10 queue:delayed  11 the prefix of agents' keys  12 tasks:cancelling
--       13 tasks:expiring, then per task: hash, history. Whose a task is stands in its hash, so here a key is built: prefix .. agent .. ':tasks'.
-- ARGV  per task, from 3 on: id
-- Returns per task a list of four: the type of its key ('none' where there is no such task); the hash's fields
-- NAMES, each '' where it is missing; the sorted sets that have the id; the keys that would expire.
local NAMES = { 'status', 'attempt', 'agent', 'boot', 'requestId', 'createdAt', 'updatedAt', 'cancelRequested',
  'startedAt', 'expiresAt' }
local places = { KEYS[8], KEYS[9], KEYS[10], KEYS[12], KEYS[13] }
for _, key in pairs(index) do
  places[#places + 1] = key
end

local function look(task, history, id)
  local found = fields(task, unpack(NAMES))
  local said, standing, expiring = {}, {}, {}
  for i = 1, #NAMES do
    said[i] = found[i] or ''
  end
  for _, place in ipairs(places) do
    if redis.call('ZSCORE', place, id) then
      standing[#standing + 1] = place
    end
  end
  local held = KEYS[11] .. said[3] .. ':tasks'
  if redis.call('ZSCORE', held, id) then
    standing[#standing + 1] = held
  end
  for _, key in ipairs({ task, history }) do
    if redis.call('PTTL', key) >= 0 then
      expiring[#expiring + 1] = key
    end
  end
  return { redis.call('TYPE', task).ok, said, standing, expiring }
end

local answers = {}
local k = 14
for at = 3, #ARGV do
  answers[#answers + 1] = look(KEYS[k], KEYS[k + 1], ARGV[at])
  k = k + 2
end
return answers
