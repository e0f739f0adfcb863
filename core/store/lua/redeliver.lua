-- ARGV: endpoint, message. Sends a message of the endpoint's log again, now, with its attempts counted anew.
-- Returns 1, or 0 if the log has no such message.
local key = KEY.delivery .. ARGV[2]
if redis.call('HGET', key, 'endpoint') ~= ARGV[1] then return 0 end
if redis.call('HGET', key, 'state') ~= 'pending' then
  redis.call('HSET', key, 'state', 'pending', 'attempts', '0')
  redis.call('PERSIST', key)
end
redis.call('ZADD', KEY.outbox, whole(now_ms()), ARGV[2])
return 1
