-- ARGV: queue, worker, lease ms, running limit of one owner. Takes the next job: the best class first, in it the owner
-- whose turn has come, of theirs the oldest. Returns {id, fence}, the job now running under a new attempt, or false.
local line = ARGV[1]
local virtual = 'easel:virtual:' .. line

local function next_job()
  for _, class in ipairs(CLASSES) do
    local turns = 'easel:turns:' .. line .. ':' .. class
    for _, owner in ipairs(redis.call('ZRANGE', turns, 0, -1)) do
      if redis.call('SCARD', 'easel:running:' .. owner) < tonumber(ARGV[4]) then
        local first = redis.call('ZRANGE', 'easel:backlog:' .. line .. ':' .. class .. ':' .. owner, 0, 0)
        return first[1], class, owner
      end
    end
  end
end

local id, class, owner = next_job()
if not id then return false end

local turns = 'easel:turns:' .. line .. ':' .. class
local key = 'easel:job:' .. id
local job = redis.call('HMGET', key, 'cost', 'weight')
local start = tonumber(redis.call('ZSCORE', turns, owner))
local paid = start + tonumber(job[1] or 1) / tonumber(job[2] or 1)
redis.call('HSET', virtual, '*', start, owner, paid)
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
