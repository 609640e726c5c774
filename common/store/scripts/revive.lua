-- revive: a dead letter goes back to where it was sent.
-- KEYS  8 the dead-letter list  9 the list it was sent to
-- ARGV  3 the letter as it stands there  4 the message
-- Returns 1, or 0 where the letter is not there any more.
if redis.call('LREM', KEYS[8], 1, ARGV[3]) == 0 then
  return 0
end
redis.call('LPUSH', KEYS[9], ARGV[4])
return 1
