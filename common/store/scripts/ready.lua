-- ready: what waits longest of the tasks that are ready, and what an assignment needs to know of it. Changes nothing.
-- KEYS  8 queue:pending  9 the prefix of task hashes: which tasks wait is not known beforehand
-- ARGV  3 how many at most, then the names of the fields that are wanted
-- Returns per task a list: its id, then its fields, '' where one is missing or its key holds no hash.
local names = { unpack(ARGV, 4) }
local answers = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[8], 0, tonumber(ARGV[3]) - 1)) do
  local found = fields(KEYS[9] .. id, unpack(names))
  local answer = { id }
  for i = 1, #names do
    answer[i + 1] = found[i] or ''
  end
  answers[#answers + 1] = answer
end
return answers
