-- ARGV: id. A queued job ends at once; a running one is told and ends when its worker lets go.
-- Returns the status after the call, or false if there is no such job.
local key = KEY.job .. ARGV[1]
local status = redis.call('HGET', key, 'status')
if not status then return false end
if status == 'queued' then
  redis.call('HSET', key, 'cancel_requested', '1')
  finish(ARGV[1], 'canceled', now_ms())
  return 'canceled'
end
if status == 'running' and redis.call('HGET', key, 'cancel_requested') ~= '1' then
  redis.call('HSET', key, 'cancel_requested', '1')
  emit(ARGV[1], 'canceling', {status = 'running'})
  redis.call('PUBLISH', KEY.cancels, ARGV[1])
end
return status
