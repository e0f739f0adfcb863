-- ARGV: message, state ('delivered', 'dead' or 'pending'), delay ms, seconds taken, last status, last error.
-- Writes down how an attempt went; 'pending' tries again after `delay ms`. Returns 0 if somebody else has settled it,
-- 2 if the row's endpoint is disabled for it, else 1.
local FAILING_MS = 120 * 3600000
local message, state, now = ARGV[1], ARGV[2], now_ms()
local key = KEY.delivery .. message
if redis.call('EXISTS', key) == 0 then
  redis.call('ZREM', KEY.outbox, message)
  return 0
end
-- Two senders may have had the row when the first was slow: what one of them has settled stays settled.
if redis.call('HGET', key, 'state') ~= 'pending' then return 0 end

local tried = redis.call('HINCRBY', key, 'tried', 1)
redis.call('HSET', key, 'last_status', ARGV[5], 'last_error', ARGV[6], 'last_attempt_at', whole(now),
  'try:' .. whole(tried), cjson.encode({at = now, seconds = tonumber(ARGV[4]), status = ARGV[5], error = ARGV[6]}))
redis.call('HDEL', key, 'try:' .. whole(tried - 20))
count('deliveries|' .. (state == 'pending' and 'retried' or state))
if state == 'pending' then
  redis.call('ZADD', KEY.outbox, whole(now + tonumber(ARGV[3])), message)
else
  close_delivery(message, state)
end

-- An endpoint that says it is gone, or takes nothing for days, is not asked again until its owner enables it.
local row = redis.call('HMGET', key, 'endpoint', 'type')
local endpoint = KEY.endpoint .. (row[1] or '')
if not row[1] or row[2] == 'webhook.test' or redis.call('EXISTS', endpoint) == 0 then return 1 end
if state == 'delivered' then
  redis.call('HSET', endpoint, 'last_success_at', whole(now))
  redis.call('HDEL', endpoint, 'failing_since')
  return 1
end
redis.call('HSETNX', endpoint, 'failing_since', whole(now))
local reason
if ARGV[5] == '410' then
  reason = 'gone'
elseif now - tonumber(redis.call('HGET', endpoint, 'failing_since')) >= FAILING_MS then
  reason = 'failing'
end
if not reason or redis.call('HGET', endpoint, 'enabled') ~= '1' then return 1 end
redis.call('HSET', endpoint, 'enabled', '0', 'disabled_reason', reason)
return 2
