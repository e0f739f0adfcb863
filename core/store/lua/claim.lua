-- ARGV: queue, worker, lease ms, running limit of an owner whose key has none, max attempts, the call's own token.
-- Takes the next job of the owner whose turn has come.
-- Returns {id, fence}, the job now running under a new attempt, or false.
-- The reply to this very call may have been lost: sent again, it means the job that it took then.
local told = redis.call('HMGET', 'easel:claim:' .. ARGV[6], 'id', 'fence')
if told[1] then return {told[1], tonumber(told[2])} end

local line = ARGV[1]
local holds = 'easel:holds:' .. ARGV[2]
local max_attempts = tonumber(ARGV[5])

-- The last attempt of a job whose workers died is drawn alone, or the one that kills them would take its neighbours
-- along three times, and they would fail for nothing.
local function is_last(attempts)
  return max_attempts > 1 and tonumber(attempts) >= max_attempts
end

for _, held in ipairs(redis.call('SMEMBERS', holds)) do
  if is_last(redis.call('HGET', 'easel:job:' .. held, 'attempts') or 0) then return false end
end

local turns = 'easel:turns:' .. line

local function next_owner()
  for _, owner in ipairs(redis.call('ZRANGE', turns, 0, -1)) do
    local own = redis.call('HGET', 'easel:key:' .. owner, 'max_running')
    local limit = tonumber(own and own ~= '' and own or ARGV[4])
    if redis.call('SCARD', 'easel:running:' .. owner) < limit then return owner end
  end
end

local owner = next_owner()
if not owner then return false end

local id = redis.call('ZRANGE', 'easel:backlog:' .. line .. ':' .. owner, 0, 0)[1]
local key = 'easel:job:' .. id
local job = redis.call('HMGET', key, 'cost', 'weight', 'attempts')
if is_last(tonumber(job[3]) + 1) and redis.call('SCARD', holds) > 0 then return false end
local start = tonumber(redis.call('ZSCORE', turns, owner))
local paid = start + tonumber(job[1]) / tonumber(job[2])
redis.call('HSET', 'easel:virtual:' .. line, '*', start, owner, paid)
leave_line(id)
redis.call('ZADD', turns, 'XX', paid, owner)

local now = now_ms()
local attempt = redis.call('HINCRBY', key, 'attempts', 1)
local fence = redis.call('HINCRBY', key, 'fence', 1)
redis.call('HSETNX', key, 'started_at', whole(now))
redis.call('HSET', key, 'status', 'running', 'worker', ARGV[2], 'claimed_at', whole(now))
redis.call('HDEL', key, 'stage', 'step', 'steps')
redis.call('SADD', 'easel:running:' .. owner, id)
redis.call('ZADD', 'easel:leases', whole(now + tonumber(ARGV[3])), id)
redis.call('SADD', holds, id)
redis.call('EXPIRE', holds, 86400)
redis.call('HSET', 'easel:claim:' .. ARGV[6], 'id', id, 'fence', fence)
redis.call('EXPIRE', 'easel:claim:' .. ARGV[6], 60)
emit(id, 'started', {status = 'running', attempt = attempt})
tell_endpoints(id, 'started', 'started', now)
return {id, fence}
