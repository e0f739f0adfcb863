-- ARGV: max attempts. Ends jobs whose deadline is over and takes those whose lease ran out from their workers.
-- Returns {requeued, failed, canceled, expired} ids.
local now = now_ms()
local requeued, failed, canceled, expired = {}, {}, {}, {}

local function fail(id, code, message, list)
  redis.call('HSET', KEY.job .. id, 'error', cjson.encode({code = code, message = message}))
  finish(id, 'failed', now)
  list[#list + 1] = id
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEY.deadlines, '-inf', whole(now), 'LIMIT', 0, 100)) do
  fail(id, 'deadline_exceeded', 'the job was not done when the time that it was given was over', expired)
  -- A worker that still draws it has lost it now; told at once, it stops before its next step.
  redis.call('PUBLISH', KEY.cancels, id)
end

-- If nobody has reaped for a while, Redis itself was away: then no worker could renew, and one may be about to commit
-- a finished picture. They get a moment to come back.
local SILENCE_MS, GRACE_MS = 6000, 5000
local reaped_at = tonumber(redis.call('GET', KEY.reaped_at) or now)
redis.call('SET', KEY.reaped_at, whole(now))
if now - reaped_at > SILENCE_MS then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEY.leases, '-inf', whole(now + GRACE_MS))) do
    redis.call('ZADD', KEY.leases, whole(now + GRACE_MS), id)
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEY.leases, '-inf', whole(now), 'LIMIT', 0, 100)) do
  local key = KEY.job .. id
  local job = redis.call('HMGET', key, 'status', 'cancel_requested', 'attempts')
  redis.call('ZREM', KEY.leases, id)
  if job[1] == 'running' then
    if job[2] == '1' then
      finish(id, 'canceled', now)
      canceled[#canceled + 1] = id
    elseif tonumber(job[3]) >= tonumber(ARGV[1]) then
      fail(id, 'worker_crashed', 'the worker died ' .. job[3] .. ' times while drawing this job', failed)
    else
      back_in_line(id)
      requeued[#requeued + 1] = id
    end
  end
end
return {requeued, failed, canceled, expired}
