-- log: more of what a running attempt printed. Repeated or overlapping pieces are written once.
-- KEYS  per task, from 8 on: hash, log of the attempt
-- ARGV  per task, from 3 on: attempt, agent, boot, byte offset, text
-- Returns per task: OK; STALE_ATTEMPT, FENCED, STALE_STATE: not this boot's running attempt; TERMINAL; NOT_FOUND.
local answers = {}
local k = 8

local function write(task, log, attempt, agent, boot, offset, text)
  local found = fields(task, 'status', 'attempt', 'agent', 'boot')
  if not found[1] then
    return 'NOT_FOUND'
  elseif final[found[1]] then
    return 'TERMINAL'
  elseif found[2] ~= attempt then
    return 'STALE_ATTEMPT'
  elseif found[3] ~= agent or found[4] ~= boot then
    return 'FENCED'
  elseif found[1] ~= 'RUNNING' then
    return 'STALE_STATE'
  end
  append(log, tonumber(offset), text)
  return 'OK'
end

for at = 3, #ARGV, 5 do
  answers[#answers + 1] = write(KEYS[k], KEYS[k + 1], unpack(ARGV, at, at + 4))
  k = k + 2
end
return answers
