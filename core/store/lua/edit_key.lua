-- ARGV: owner, then fields and values. Returns 1, or 0 if there is no such key or it has been revoked.
local key = KEY.key .. ARGV[1]
if redis.call('EXISTS', key) == 0 or redis.call('HEXISTS', key, 'revoked_at') == 1 then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
return 1
