-- ARGV: endpoint, new secret, seconds for which the old one signs along. Returns 1, or 0 if there is no such endpoint.
-- The reply may have been lost: the same secret sent again changes nothing.
local key = KEY.endpoint .. ARGV[1]
local secret = redis.call('HGET', key, 'secret')
if not secret then return 0 end
if secret ~= ARGV[2] then
  redis.call('HSET', key, 'secret', ARGV[2], 'old_secret', secret,
    'old_until', whole(now_ms() + tonumber(ARGV[3]) * 1000))
end
return 1
