-- Shared by every script: the clock, the event log, the waiting line, and the one way a job ends.
-- KEY, which the loader puts before this, has the names of all keys; core/key_names.py says what each is.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function whole(number)
  return string.format('%d', number)
end

-- What an owner's pages follow: which of their jobs have changed, and nothing of what is in them.
local FEED_LENGTH, FEED_SECONDS = '10000', 86400

local function feed(owner, id, kind)
  local key = KEY.feed .. owner
  redis.call('XADD', key, 'MAXLEN', '~', FEED_LENGTH, '*', 'job', id, 'kind', kind)
  redis.call('EXPIRE', key, FEED_SECONDS)
  redis.call('PUBLISH', KEY.changes, owner .. ' ' .. kind)
end

local function emit(id, kind, data)
  redis.call('XADD', KEY.events .. id, 'MAXLEN', '~', '2000', '*', 'type', kind, 'data', cjson.encode(data))
  redis.call('PUBLISH', KEY.changes, id .. ' ' .. kind)
  if kind ~= 'progress' then feed(redis.call('HGET', KEY.job .. id, 'owner'), id, kind) end
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
  local seen = redis.call('HMGET', KEY.job .. id, 'status', 'fence', 'cancel_requested')
  if seen[1] ~= 'running' or seen[2] ~= attempt then return 'lost' end
  if seen[3] == '1' then return 'cancel' end
  return 'held'
end

-- The waiting line: start-time fair queueing between owners (Goyal et al. 1996), so nobody's jobs hold up another's;
-- within an owner by class, then first come first served. KEY.turns has each owner's virtual start time;
-- KEY.backlog, by queue and owner, is by class and seq; KEY.virtual is a hash of the clock ('*') and of the
-- virtual time at which each owner's last claimed job is paid for.
local CLASSES = {high = 0, normal = 1, low = 2}

local function join_line(id)
  local job = redis.call('HMGET', KEY.job .. id, 'queue', 'owner', 'seq', 'priority')
  local line, owner, seq = job[1], job[2], tonumber(job[3])
  if redis.call('EXISTS', KEY.pending .. line) == 0 then
    redis.call('HSET', KEY.pace .. line, 'waiting_since', whole(now_ms()))
  end
  redis.call('ZADD', KEY.pending .. line, seq, id)
  redis.call('SADD', KEY.waiting .. owner, id)
  -- 10^15 is more than there will be jobs, and doubles are exact to nine times that.
  redis.call('ZADD', KEY.backlog .. line .. ':' .. owner, whole((CLASSES[job[4]] or CLASSES.normal) * 10 ^ 15 + seq), id)
  -- Who was away starts at the clock: idle time earns no credit, and what was drawn is not forgotten.
  local virtual = redis.call('HMGET', KEY.virtual .. line, '*', owner)
  local start = math.max(tonumber(virtual[1] or 0), tonumber(virtual[2] or 0))
  redis.call('ZADD', KEY.turns .. line, 'NX', start, owner)
end

local function leave_line(id)
  local job = redis.call('HMGET', KEY.job .. id, 'queue', 'owner')
  local line, owner = job[1], job[2]
  redis.call('ZREM', KEY.pending .. line, id)
  redis.call('SREM', KEY.waiting .. owner, id)
  redis.call('ZREM', KEY.backlog .. line .. ':' .. owner, id)
  if redis.call('EXISTS', KEY.backlog .. line .. ':' .. owner) == 0 then
    redis.call('ZREM', KEY.turns .. line, owner)
  end
end

local function stop_running(id)
  local job = redis.call('HMGET', KEY.job .. id, 'owner', 'worker')
  redis.call('ZREM', KEY.leases, id)
  redis.call('SREM', KEY.running .. job[1], id)
  if job[2] then redis.call('SREM', KEY.holds .. job[2], id) end
end

local function back_in_line(id)
  local key = KEY.job .. id
  stop_running(id)
  -- The owner gets back what the start was charged: the job will be paid for when it is drawn.
  local job = redis.call('HMGET', key, 'queue', 'owner', 'cost', 'weight')
  local refund = -tonumber(job[3]) / tonumber(job[4])
  redis.call('HINCRBYFLOAT', KEY.virtual .. job[1], job[2], refund)
  local turns = KEY.turns .. job[1]
  if redis.call('ZSCORE', turns, job[2]) then redis.call('ZINCRBY', turns, refund, job[2]) end
  redis.call('HSET', key, 'status', 'queued')
  redis.call('HDEL', key, 'stage', 'step', 'steps', 'worker', 'claimed_at')
  join_line(id)
  emit(id, 'queued', {status = 'queued'})
end

-- What an owner has used of a day in UTC: pictures from when they are asked for, given back if they do not come, and
-- seconds of workers, once the attempt that ends the job is over.
local function use(owner, what, amount, ms)
  local key = KEY.usage .. owner .. ':' .. whole(math.floor(ms / 86400000))
  redis.call('HINCRBYFLOAT', key, what, amount)
  redis.call('EXPIRE', key, 172800)
end

local function settle_usage(id, status, now)
  local job = redis.call('HMGET', KEY.job .. id, 'owner', 'n', 'created_at', 'claimed_at')
  if status ~= 'succeeded' and job[2] then use(job[1], 'images', -tonumber(job[2]), tonumber(job[3])) end
  if job[4] then use(job[1], 'worker_seconds', (now - tonumber(job[4])) / 1000, now) end
end

-- What the operator counts, in the hash KEY.metrics: a field a label, and for a histogram one a bucket and a sum.
-- The bounds are those of core/store/counters.py.
local BOUNDS = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

local function count(name)
  redis.call('HINCRBY', KEY.metrics, name, 1)
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
  redis.call('HINCRBYFLOAT', KEY.metrics, name .. '|sum', seconds)
end

local function count_end(id, status, now)
  local job = redis.call('HMGET', KEY.job .. id, 'model', 'created_at', 'started_at')
  local model = job[1]
  count('jobs|' .. model .. '|' .. status)
  if not job[3] then return end
  observe('wait|' .. model, (job[3] - job[2]) / 1000)
  if status == 'succeeded' then observe('run|' .. model, (now - job[3]) / 1000) end
end

-- Webhooks. A job may name a URL of its own; the endpoints of its owner get what they asked for, and each has a log.
local KEEP_DELIVERY_SECONDS, LOG_LENGTH = 30 * 86400, 100

local function post(message, now, fields)
  redis.call('HSET', KEY.delivery .. message, 'created_at', whole(now), 'attempts', '0', 'state', 'pending',
    unpack(fields))
  redis.call('ZADD', KEY.outbox, whole(now), message)
end

local function post_to_endpoint(endpoint, message, now, fields)
  local seen = redis.call('HMGET', KEY.endpoint .. endpoint, 'url', 'owner')
  post(message, now, {'endpoint', endpoint, 'url', seen[1], 'owner', seen[2], unpack(fields)})
  redis.call('ZADD', KEY.deliveries .. endpoint, whole(now), message)
  redis.call('ZREMRANGEBYRANK', KEY.deliveries .. endpoint, 0, -LOG_LENGTH - 1)
end

-- `event` is what endpoints choose by: 'started', 'progress' or 'completed'; `kind` is what the message says.
local function tell_endpoints(id, event, kind, now)
  local job = redis.call('HMGET', KEY.job .. id, 'owner', 'traceparent')
  local owner = job[1]
  for _, endpoint in ipairs(redis.call('ZRANGE', KEY.endpoints .. owner, 0, -1)) do
    local seen = redis.call('HMGET', KEY.endpoint .. endpoint, 'enabled', 'events')
    if seen[1] == '1' and string.find(seen[2], event, 1, true) then
      local number = redis.call('HINCRBY', KEY.job .. id, 'messages', 1)
      post_to_endpoint(endpoint, 'msg_' .. string.sub(id, 5) .. '_' .. whole(number), now,
        {'job', id, 'type', 'generation.' .. kind, 'once', event == 'progress' and '1' or '0',
        'traceparent', job[2] or ''})
    end
  end
end

-- A delivery is over: the row stays as a log; the body, which holds the prompt, would outlive the job.
local function close_delivery(message, state)
  local key = KEY.delivery .. message
  redis.call('ZREM', KEY.outbox, message)
  redis.call('HSET', key, 'state', state)
  redis.call('HDEL', key, 'body')
  redis.call('INCR', KEY.forgotten)
  redis.call('EXPIRE', key, KEEP_DELIVERY_SECONDS)
end

-- How fast a queue drains. KEY.pace is a hash: when a drawn job ended last, how long it was drawn, since when
-- somebody waits; KEY.gaps a list of the last gaps between two ends, in ms. Only gaps count during which
-- somebody waited all the time: how long a server has had nothing to do says nothing of how fast it is.
local GAPS_KEPT = 50

local function note_pace(line, claimed_at, now)
  local pace = KEY.pace .. line
  local seen = redis.call('HMGET', pace, 'ended_at', 'waiting_since')
  local ended_at, since = tonumber(seen[1]), tonumber(seen[2])
  if ended_at and since and since <= ended_at and redis.call('EXISTS', KEY.pending .. line) == 1 then
    redis.call('LPUSH', KEY.gaps .. line, whole(now - ended_at))
    redis.call('LTRIM', KEY.gaps .. line, 0, GAPS_KEPT - 1)
  end
  redis.call('HSET', pace, 'ended_at', whole(now), 'took', whole(now - claimed_at))
end

-- A job that is not to be stored is kept until it was fetched (see fetched.lua), for ten minutes at most.
local UNSTORED_MS = 600000

local function retention_of(id)
  local job = redis.call('HMGET', KEY.job .. id, 'retention_ms', 'store')
  return job[2] == '0' and math.min(tonumber(job[1]), UNSTORED_MS) or tonumber(job[1])
end

local function begin_retention(id, now)
  local retention = retention_of(id)
  redis.call('HSET', KEY.job .. id, 'expires_at', whole(now + retention))
  redis.call('ZADD', KEY.expiries, whole(now + retention), id)
end

local function finish(id, status, now)
  local key = KEY.job .. id
  local job = redis.call('HMGET', key, 'queue', 'owner', 'webhook_url', 'traceparent', 'claimed_at')
  leave_line(id)
  stop_running(id)
  settle_usage(id, status, now)
  redis.call('HSET', key, 'status', status, 'finished_at', whole(now))
  redis.call('ZREM', KEY.deadlines, id)
  begin_retention(id, now)
  if status ~= 'canceled' and job[5] then note_pace(job[1], tonumber(job[5]), now) end
  if job[3] and job[3] ~= '' then
    post('msg_' .. string.sub(id, 5), now, {'job', id, 'owner', job[2], 'type', 'generation.' .. status,
      'url', job[3], 'traceparent', job[4] or ''})
  end
  tell_endpoints(id, 'completed', status, now)
  count_end(id, status, now)
  emit(id, status, {status = status})
end
