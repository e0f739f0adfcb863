-- ARGV: key of the calls that asked for the same, ms for which the caller is believed to wait. Gives the job that was
-- left first to the caller. Returns {id or '', how many others are still waited for}. If the reply is lost, the job comes
-- back when those ms are over.
local now = now_ms()
local left = redis.call('ZRANGEBYSCORE', ARGV[1], '-inf', whole(now), 'LIMIT', 0, 1)
if left[1] then redis.call('ZADD', ARGV[1], whole(now + tonumber(ARGV[2])), left[1]) end
return {left[1] or '', redis.call('ZCARD', ARGV[1])}
