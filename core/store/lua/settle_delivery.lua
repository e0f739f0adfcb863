-- ARGV: message, state ('delivered', 'dead' or 'pending'), delay ms, keep seconds, last status, last error.
-- Writes down how an attempt went; 'pending' tries again after `delay ms`.
local key = 'easel:delivery:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then
  redis.call('ZREM', 'easel:outbox', ARGV[1])
  return 0
end
-- Two senders may have had the row when the first was slow: what one of them has settled stays settled.
if redis.call('HGET', key, 'state') ~= 'pending' then return 0 end
redis.call('HSET', key, 'state', ARGV[2], 'last_status', ARGV[5], 'last_error', ARGV[6],
  'last_attempt_at', whole(now_ms()))
count('deliveries|' .. (ARGV[2] == 'pending' and 'retried' or ARGV[2]))
if ARGV[2] == 'pending' then
  redis.call('ZADD', 'easel:outbox', whole(now_ms() + tonumber(ARGV[3])), ARGV[1])
else
  redis.call('ZREM', 'easel:outbox', ARGV[1])
  -- The row stays as a log; the body, which holds the prompt, would outlive the job.
  redis.call('HDEL', key, 'body')
  redis.call('EXPIRE', key, ARGV[4])
end
return 1
