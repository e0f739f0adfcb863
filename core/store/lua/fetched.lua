-- ARGV: id, index of a picture that somebody has fetched. A job that is not to be stored goes a minute after the last of
-- its pictures was: an answer that got lost on its way can be asked for again. Returns nothing.
local GRACE_MS = 60000
local key = KEY.job .. ARGV[1]
local job = redis.call('HMGET', key, 'store', 'n', 'status')
if job[1] ~= '0' or job[3] ~= 'succeeded' then return false end
redis.call('HSET', key, 'fetched:' .. ARGV[2], '1')
for index = 0, tonumber(job[2]) - 1 do
  if redis.call('HEXISTS', key, 'fetched:' .. whole(index)) == 0 then return false end
end
if redis.call('ZADD', KEY.expiries, 'XX', 'LT', 'CH', whole(now_ms() + GRACE_MS), ARGV[1]) == 1 then
  redis.call('HSET', key, 'expires_at', redis.call('ZSCORE', KEY.expiries, ARGV[1]))
end
return false
