-- ARGV: a JSON object of `queue`, `worker`, `lease_ms`, `max_running` of an owner whose key has none, `max_attempts`,
-- `token`, the call's own, `schema`, the newest one that the worker reads, and `capabilities`, the tasks of each model that
-- it has; without them it can do everything. Takes the next job of the owner whose turn has come that it can do.
-- Returns {id, fence}, the job now running under a new attempt, or false.
-- The reply to this very call may have been lost: sent again, it means the job that it took then.
local asked = cjson.decode(ARGV[1])
local told = redis.call('HMGET', KEY.claim .. asked.token, 'id', 'fence')
if told[1] then return {told[1], tonumber(told[2])} end

local line, worker = asked.queue, asked.worker
local holds = KEY.holds .. worker

-- The last attempt of a job whose workers died is drawn alone, or the one that kills them would take its neighbours
-- along three times, and they would fail for nothing.
local function is_last(attempts)
  return asked.max_attempts > 1 and tonumber(attempts) >= asked.max_attempts
end

for _, held in ipairs(redis.call('SMEMBERS', holds)) do
  if is_last(redis.call('HGET', KEY.job .. held, 'attempts') or 0) then return false end
end

-- What was written before jobs said their task and schema says its task in the request.
local function can_do(id)
  local job = redis.call('HMGET', KEY.job .. id, 'schema', 'task', 'model', 'request')
  if tonumber(job[1] or 1) > asked.schema then return false end
  if not asked.capabilities then return true end
  local task = job[2] or cjson.decode(job[4]).task
  for _, known in ipairs(asked.capabilities[job[3]] or {}) do
    if known == task then return true end
  end
  return false
end

-- How far behind an owner's first job one is looked for that this worker can do.
local SCANNED = 100
local turns, passed = KEY.turns .. line, {}

local function next_job()
  for _, owner in ipairs(redis.call('ZRANGE', turns, 0, -1)) do
    local own = redis.call('HGET', KEY.key .. owner, 'max_running')
    local limit = own and own ~= '' and tonumber(own) or asked.max_running
    if redis.call('SCARD', KEY.running .. owner) < limit then
      for _, id in ipairs(redis.call('ZRANGE', KEY.backlog .. line .. ':' .. owner, 0, SCANNED - 1)) do
        if can_do(id) then return owner, id end
      end
      passed[#passed + 1] = owner
    end
  end
end

local owner, id = next_job()
if not owner then return false end

local key = KEY.job .. id
local job = redis.call('HMGET', key, 'cost', 'weight', 'attempts')
if is_last(tonumber(job[3]) + 1) and redis.call('SCARD', holds) > 0 then return false end
local start = tonumber(redis.call('ZSCORE', turns, owner))
local paid = start + tonumber(job[1]) / tonumber(job[2])
local clock = math.max(start, tonumber(redis.call('HGET', KEY.virtual .. line, '*') or 0))
redis.call('HSET', KEY.virtual .. line, '*', clock, owner, paid)
leave_line(id)
redis.call('ZADD', turns, 'XX', paid, owner)
-- Whose jobs this worker cannot do is as good as away: that earns no credit, or they would hold up everybody later.
for _, away in ipairs(passed) do redis.call('ZADD', turns, 'XX', 'GT', start, away) end

local now = now_ms()
local attempt = redis.call('HINCRBY', key, 'attempts', 1)
local fence = redis.call('HINCRBY', key, 'fence', 1)
redis.call('HSETNX', key, 'started_at', whole(now))
redis.call('HSET', key, 'status', 'running', 'worker', worker, 'claimed_at', whole(now))
redis.call('HDEL', key, 'stage', 'step', 'steps')
redis.call('SADD', KEY.running .. owner, id)
redis.call('ZADD', KEY.leases, whole(now + asked.lease_ms), id)
redis.call('SADD', holds, id)
redis.call('EXPIRE', holds, 86400)
redis.call('HSET', KEY.claim .. asked.token, 'id', id, 'fence', fence)
redis.call('EXPIRE', KEY.claim .. asked.token, 60)
emit(id, 'started', {status = 'running', attempt = attempt})
tell_endpoints(id, 'started', 'started', now)
return {id, fence}
