-- ARGV: message, delay ms. Puts a taken row back as if it had not been taken: no attempt is used.
local key = KEY.delivery .. ARGV[1]
if redis.call('HGET', key, 'state') ~= 'pending' then return 0 end
redis.call('HINCRBY', key, 'attempts', -1)
redis.call('ZADD', KEY.outbox, whole(now_ms() + tonumber(ARGV[2])), ARGV[1])
return 1
