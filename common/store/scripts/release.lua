-- release: an agent that stops gives its lease back; another boot's is left alone.
-- KEYS  8 the agent's lease  9, 10 as with `lease`; not looked at
-- ARGV  3 boot
-- Returns OK, or FENCED.
if redis.call('HGET', KEYS[8], 'boot') ~= ARGV[3] then
  return 'FENCED'
end
redis.call('DEL', KEYS[8])
return 'OK'
