-- resign: whoever holds an office gives it up at once; another's is left alone.
-- KEYS  8 the office
-- ARGV  3 the token it was taken with
-- Returns OK, or FENCED.
if redis.call('HGET', KEYS[8], 'token') ~= ARGV[3] then
  return 'FENCED'
end
redis.call('HSET', KEYS[8], 'until', 0)
return 'OK'
