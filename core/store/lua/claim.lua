-- ARGV: queue, worker, lease ms, running limit of one owner. Takes the next job of the owner whose turn has come.
-- Returns {id, fence}, the job now running under a new attempt, or false.
local line = ARGV[1]
local turns = 'easel:turns:' .. line

local function next_owner()
  for _, owner in ipairs(redis.call('ZRANGE', turns, 0, -1)) do
    if redis.call('SCARD', 'easel:running:' .. owner) < tonumber(ARGV[4]) then return owner end
  end
end

local owner = next_owner()
if not owner then return false end

local id = redis.call('ZRANGE', 'easel:backlog:' .. line .. ':' .. owner, 0, 0)[1]
local key = 'easel:job:' .. id
local job = redis.call('HMGET', key, 'cost', 'weight')
local start = tonumber(redis.call('ZSCORE', turns, owner))
local paid = start + tonumber(job[1]) / tonumber(job[2])
redis.call('HSET', 'easel:virtual:' .. line, '*', start, owner, paid)
leave_line(id)
redis.call('ZADD', turns, 'XX', paid, owner)

local now = now_ms()
local attempt = redis.call('HINCRBY', key, 'attempts', 1)
local fence = redis.call('HINCRBY', key, 'fence', 1)
redis.call('HSETNX', key, 'started_at', whole(now))
redis.call('HSET', key, 'status', 'running', 'worker', ARGV[2])
redis.call('HDEL', key, 'stage', 'step', 'steps')
redis.call('SADD', 'easel:running:' .. owner, id)
redis.call('ZADD', 'easel:leases', whole(now + tonumber(ARGV[3])), id)
emit(id, 'started', {status = 'running', attempt = attempt})
return {id, fence}
