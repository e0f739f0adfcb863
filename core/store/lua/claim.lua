-- ARGV: queue, worker, lease ms. Returns {id, fence} of the next job, now running under a new attempt, or false.
local pending = 'easel:pending:' .. ARGV[1]
while true do
  local popped = redis.call('ZPOPMIN', pending)
  if #popped == 0 then return false end
  local id = popped[1]
  local key = 'easel:job:' .. id
  if redis.call('HGET', key, 'status') == 'queued' then
    local now = now_ms()
    local attempt = redis.call('HINCRBY', key, 'attempts', 1)
    local fence = redis.call('HINCRBY', key, 'fence', 1)
    redis.call('HSETNX', key, 'started_at', whole(now))
    redis.call('HSET', key, 'status', 'running', 'worker', ARGV[2])
    redis.call('HDEL', key, 'stage', 'step', 'steps')
    redis.call('SREM', 'easel:waiting:' .. redis.call('HGET', key, 'owner'), id)
    redis.call('ZADD', 'easel:leases', whole(now + tonumber(ARGV[3])), id)
    emit(id, 'started', {status = 'running', attempt = attempt})
    return {id, fence}
  end
end
