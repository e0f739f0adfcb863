-- ARGV: max attempts. Takes jobs whose lease ran out from their workers. Returns {requeued, failed, canceled} ids.
local now = now_ms()
local requeued, failed, canceled = {}, {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'easel:leases', '-inf', whole(now), 'LIMIT', 0, 100)) do
  local key = 'easel:job:' .. id
  local job = redis.call('HMGET', key, 'status', 'cancel_requested', 'attempts', 'queue', 'seq', 'owner')
  redis.call('ZREM', 'easel:leases', id)
  if job[1] == 'running' then
    if job[2] == '1' then
      finish(id, 'canceled', now)
      canceled[#canceled + 1] = id
    elseif tonumber(job[3]) >= tonumber(ARGV[1]) then
      redis.call('HSET', key, 'error', cjson.encode({code = 'worker_crashed',
        message = 'the worker died ' .. job[3] .. ' times while drawing this job'}))
      finish(id, 'failed', now)
      failed[#failed + 1] = id
    else
      redis.call('HSET', key, 'status', 'queued')
      redis.call('HDEL', key, 'stage', 'step', 'steps', 'worker')
      redis.call('ZADD', 'easel:pending:' .. job[4], job[5], id)
      redis.call('SADD', 'easel:waiting:' .. job[6], id)
      emit(id, 'queued', {status = 'queued'})
      requeued[#requeued + 1] = id
    end
  end
end
return {requeued, failed, canceled}
