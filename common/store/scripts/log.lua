-- log: more of what an attempt printed. Repeated or overlapping pieces are written once. A piece may come after the
-- attempt's end: of the latest attempt always, of an earlier one where it goes on from what is there.
-- KEYS  per task, from 8 on: hash, log of the attempt
-- ARGV  per task, from 3 on: attempt, agent, boot, byte offset, text
-- Returns per task: OK; STALE_ATTEMPT, FENCED: not this boot's attempt; NOT_FOUND.
local answers = {}
local k = 8

local function write(task, log, attempt, agent, boot, offset, text)
  local found = fields(task, 'status', 'attempt', 'agent', 'boot')
  if not found[1] then
    return 'NOT_FOUND'
  elseif found[2] ~= attempt then
    local have = redis.call('STRLEN', log)
    if have == 0 or have < tonumber(offset) or tonumber(attempt) > (tonumber(found[2]) or 0) then
      return 'STALE_ATTEMPT'
    end
  elseif found[3] ~= agent or found[4] ~= boot then
    return 'FENCED'
  end
  append(log, tonumber(offset), text)
  return 'OK'
end

for at = 3, #ARGV, 5 do
  answers[#answers + 1] = write(KEYS[k], KEYS[k + 1], unpack(ARGV, at, at + 4))
  k = k + 2
end
return answers
