-- Shared by every script: the clock, the event log, the waiting line, and the one way a job ends.
-- Keys: easel:job:<id> hash; easel:pending:<queue> zset id -> seq; easel:leases zset id -> expiry ms;
-- easel:waiting:<owner>, easel:running:<owner> and easel:holds:<worker> sets; easel:events:<id> stream;
-- easel:outbox zset message -> due ms.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function whole(number)
  return string.format('%d', number)
end

local function emit(id, kind, data)
  redis.call('XADD', 'easel:events:' .. id, 'MAXLEN', '~', '2000', '*', 'type', kind, 'data', cjson.encode(data))
  redis.call('PUBLISH', 'easel:bell', id)
end

local function put_ticket(key, id, queue_key, fields)
  redis.call('HSET', key, unpack(fields))
  redis.call('SADD', 'rq:queues', queue_key)
  redis.call('RPUSH', queue_key, id)
end

-- 'held' if attempt `attempt` still owns the job, 'cancel' if it does and should stop, else 'lost'.
-- Attempts are told apart by the fence, which only grows: a job handed back gets its count of attempts back, so
-- that count may come twice.
local function verdict(id, attempt)
  local seen = redis.call('HMGET', 'easel:job:' .. id, 'status', 'fence', 'cancel_requested')
  if seen[1] ~= 'running' or seen[2] ~= attempt then return 'lost' end
  if seen[3] == '1' then return 'cancel' end
  return 'held'
end

-- The waiting line: start-time fair queueing between owners (Goyal et al. 1996), so nobody's jobs hold up another's;
-- within an owner by class, then first come first served. easel:turns:<queue> zset owner -> virtual start time;
-- easel:backlog:<queue>:<owner> zset id -> class and seq; easel:virtual:<queue> hash of the clock ('*') and of the
-- virtual time at which each owner's last claimed job is paid for.
local CLASSES = {high = 0, normal = 1, low = 2}

local function join_line(id)
  local job = redis.call('HMGET', 'easel:job:' .. id, 'queue', 'owner', 'seq', 'priority')
  local line, owner, seq = job[1], job[2], tonumber(job[3])
  redis.call('ZADD', 'easel:pending:' .. line, seq, id)
  redis.call('SADD', 'easel:waiting:' .. owner, id)
  -- 10^15 is more than there will be jobs, and doubles are exact to nine times that.
  redis.call('ZADD', 'easel:backlog:' .. line .. ':' .. owner, whole(CLASSES[job[4]] * 10 ^ 15 + seq), id)
  -- Who was away starts at the clock: idle time earns no credit, and what was drawn is not forgotten.
  local virtual = redis.call('HMGET', 'easel:virtual:' .. line, '*', owner)
  local start = math.max(tonumber(virtual[1] or 0), tonumber(virtual[2] or 0))
  redis.call('ZADD', 'easel:turns:' .. line, 'NX', start, owner)
end

local function leave_line(id)
  local job = redis.call('HMGET', 'easel:job:' .. id, 'queue', 'owner')
  local line, owner = job[1], job[2]
  redis.call('ZREM', 'easel:pending:' .. line, id)
  redis.call('SREM', 'easel:waiting:' .. owner, id)
  redis.call('ZREM', 'easel:backlog:' .. line .. ':' .. owner, id)
  if redis.call('EXISTS', 'easel:backlog:' .. line .. ':' .. owner) == 0 then
    redis.call('ZREM', 'easel:turns:' .. line, owner)
  end
end

local function stop_running(id)
  local job = redis.call('HMGET', 'easel:job:' .. id, 'owner', 'worker')
  redis.call('ZREM', 'easel:leases', id)
  redis.call('SREM', 'easel:running:' .. job[1], id)
  if job[2] then redis.call('SREM', 'easel:holds:' .. job[2], id) end
end

local function back_in_line(id)
  local key = 'easel:job:' .. id
  stop_running(id)
  -- The owner gets back what the start was charged: the job will be paid for when it is drawn.
  local job = redis.call('HMGET', key, 'queue', 'owner', 'cost', 'weight')
  local refund = -tonumber(job[3]) / tonumber(job[4])
  redis.call('HINCRBYFLOAT', 'easel:virtual:' .. job[1], job[2], refund)
  local turns = 'easel:turns:' .. job[1]
  if redis.call('ZSCORE', turns, job[2]) then redis.call('ZINCRBY', turns, refund, job[2]) end
  redis.call('HSET', key, 'status', 'queued')
  redis.call('HDEL', key, 'stage', 'step', 'steps', 'worker', 'claimed_at')
  join_line(id)
  emit(id, 'queued', {status = 'queued'})
end

-- What an owner has used of a day in UTC: pictures from when they are asked for, given back if they do not come, and
-- seconds of workers, once the attempt that ends the job is over.
local function use(owner, what, amount, ms)
  local key = 'easel:usage:' .. owner .. ':' .. whole(math.floor(ms / 86400000))
  redis.call('HINCRBYFLOAT', key, what, amount)
  redis.call('EXPIRE', key, 172800)
end

local function settle_usage(id, status, now)
  local job = redis.call('HMGET', 'easel:job:' .. id, 'owner', 'n', 'created_at', 'claimed_at')
  if status ~= 'succeeded' and job[2] then use(job[1], 'images', -tonumber(job[2]), tonumber(job[3])) end
  if job[4] then use(job[1], 'worker_seconds', (now - tonumber(job[4])) / 1000, now) end
end

-- What the operator counts, in the hash easel:metrics: a field a label, and for a histogram one a bucket and a sum.
-- The bounds are those of core/store/counters.py.
local BOUNDS = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

local function count(name)
  redis.call('HINCRBY', 'easel:metrics', name, 1)
end

local function observe(name, seconds)
  local bucket = '+Inf'
  for _, bound in ipairs(BOUNDS) do
    if seconds <= bound then
      bucket = tostring(bound)
      break
    end
  end
  count(name .. '|' .. bucket)
  redis.call('HINCRBYFLOAT', 'easel:metrics', name .. '|sum', seconds)
end

local function count_end(id, status, now)
  local job = redis.call('HMGET', 'easel:job:' .. id, 'request', 'created_at', 'started_at')
  local model = cjson.decode(job[1]).model
  count('jobs|' .. model .. '|' .. status)
  if not job[3] then return end
  observe('wait|' .. model, (job[3] - job[2]) / 1000)
  if status == 'succeeded' then observe('run|' .. model, (now - job[3]) / 1000) end
end

local function finish(id, status, now)
  local key = 'easel:job:' .. id
  local job = redis.call('HMGET', key, 'queue', 'owner', 'webhook_url', 'retention_ms')
  leave_line(id)
  stop_running(id)
  settle_usage(id, status, now)
  redis.call('HSET', key, 'status', status, 'finished_at', whole(now))
  redis.call('ZREM', 'easel:deadlines', id)
  redis.call('ZADD', 'easel:expiries', whole(now + tonumber(job[4])), id)
  if status ~= 'canceled' then
    redis.call('LPUSH', 'easel:finished:' .. job[1], whole(now))
    redis.call('LTRIM', 'easel:finished:' .. job[1], 0, 49)
  end
  if job[3] and job[3] ~= '' then
    local message = 'msg_' .. string.sub(id, 5)
    redis.call('HSET', 'easel:delivery:' .. message, 'job', id, 'type', 'generation.' .. status,
      'url', job[3], 'created_at', whole(now), 'attempts', '0', 'state', 'pending')
    redis.call('ZADD', 'easel:outbox', whole(now), message)
  end
  count_end(id, status, now)
  emit(id, status, {status = status})
end
