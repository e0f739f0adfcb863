-- ARGV: endpoint, then fields and values. Returns 1, or 0 if there is no such endpoint. Enabling it forgives the past.
local key = KEY.endpoint .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return 0 end
for i = 2, #ARGV, 2 do
  redis.call('HSET', key, ARGV[i], ARGV[i + 1])
  if ARGV[i] == 'enabled' then redis.call('HDEL', key, 'disabled_reason', 'failing_since') end
end
return 1
