-- Shared by every script: the clock, the event log, and the one way a job ends.
-- Keys: easel:job:<id> hash; easel:pending:<queue> zset id -> seq; easel:leases zset id -> expiry ms;
-- easel:waiting:<owner> set; easel:events:<id> stream; easel:outbox zset message -> due ms.

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

local function finish(id, status, now)
  local key = 'easel:job:' .. id
  local job = redis.call('HMGET', key, 'queue', 'owner', 'webhook_url', 'retention_ms')
  redis.call('HSET', key, 'status', status, 'finished_at', whole(now))
  redis.call('ZREM', 'easel:leases', id)
  redis.call('ZREM', 'easel:pending:' .. job[1], id)
  redis.call('SREM', 'easel:waiting:' .. job[2], id)
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
  emit(id, status, {status = status})
end
