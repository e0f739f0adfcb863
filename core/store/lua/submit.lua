-- ARGV: a JSON object, then values: for each job those of its ticket, then its own. The object has `owner`, `queue`,
-- `idempotency` ('' for none), `fingerprint`, `answer` (the id that a replay is answered with), `jobs` {id, adapters (ids),
-- ticket {key, id, queue_key}, ticket_values and values (how many of each), `expires_in` seconds if there is a deadline},
-- `group` {id, seconds, values…} if they are asked for together, and the server's `limits`: `max_queued` of all, and for
-- owners whose key does not say: `max_queued_per_owner` and, where there are any, `images_per_day` and
-- `worker_seconds_per_day`.
-- All of the jobs are accepted, or none is.
-- Returns {'accepted'|'replayed', id}, {'mismatch'}, {'model'}, {'adapter', id}, {'owner_full', jobs waiting, owners who
-- wait}, {'full', jobs waiting}, or, when a day is used up, {'images'|'worker_seconds', used, limit, seconds until the
-- next day}. Safe to send twice.
local new = cjson.decode(ARGV[1])
local owner, queue, limits, jobs = new.owner, new.queue, new.limits, new.jobs
local id = jobs[1].id
if redis.call('EXISTS', KEY.job .. id) == 1 then return {'accepted', new.answer} end

local idempotency = KEY.idempotency .. owner .. ':' .. new.idempotency
if new.idempotency ~= '' then
  local known = redis.call('HMGET', idempotency, 'fingerprint', 'id')
  if known[1] then
    if known[1] ~= new.fingerprint then return {'mismatch'} end
    return {'replayed', known[2]}
  end
end

local place, n = 2, 0
local function taken(count)
  local values = {}
  for i = place, place + count - 1 do values[#values + 1] = ARGV[i] end
  place = place + count
  return values
end
for _, job in ipairs(jobs) do
  job.ticket.fields, job.fields, job.asked = taken(job.ticket_values), taken(job.values), {}
  for i = 1, #job.fields, 2 do job.asked[job.fields[i]] = job.fields[i + 1] end
  n = n + tonumber(job.asked.n)
end

-- What the owner's own key says, where it is one of core/store/keys.py; what it does not limit is empty there.
local own = {}
local OWN = {'models', 'adapters', 'weight', 'max_queued', 'images_per_day', 'worker_seconds_per_day',
  'retention_hours'}
local SERVERS = {max_queued = limits.max_queued_per_owner, images_per_day = limits.images_per_day,
  worker_seconds_per_day = limits.worker_seconds_per_day}
for i, value in ipairs(redis.call('HMGET', KEY.key .. owner, unpack(OWN))) do
  own[OWN[i]] = value and value ~= '' and value or SERVERS[OWN[i]] or ''
end

if own.models ~= '' then
  local allowed, some = {}, false
  for _, model in ipairs(cjson.decode(own.models)) do allowed[model], some = true, true end
  for _, job in ipairs(some and jobs or {}) do
    if not allowed[job.asked.model] then return {'model'} end
  end
end

if own.adapters ~= '' then
  local allowed, some = {}, false
  for _, adapter in ipairs(cjson.decode(own.adapters)) do allowed[adapter], some = true, true end
  for _, job in ipairs(some and jobs or {}) do
    for _, adapter in ipairs(job.adapters) do
      if not allowed[adapter] then return {'adapter', adapter} end
    end
  end
end

local waiting = redis.call('SCARD', KEY.waiting .. owner)
if waiting + #jobs > tonumber(own.max_queued) then
  return {'owner_full', waiting, redis.call('ZCARD', KEY.turns .. queue)}
end
local pending = redis.call('ZCARD', KEY.pending .. queue)
if pending + #jobs > limits.max_queued then return {'full', pending} end

local now = now_ms()
local day = math.floor(now / 86400000)
local used = redis.call('HMGET', KEY.usage .. owner .. ':' .. whole(day), 'images', 'worker_seconds')
local images, seconds = tonumber(used[1] or 0), tonumber(used[2] or 0)
local left = math.ceil(((day + 1) * 86400000 - now) / 1000)
if own.images_per_day ~= '' and images + n > tonumber(own.images_per_day) then
  return {'images', images, tonumber(own.images_per_day), left}
end
if own.worker_seconds_per_day ~= '' and seconds >= tonumber(own.worker_seconds_per_day) then
  return {'worker_seconds', seconds, tonumber(own.worker_seconds_per_day), left}
end

local function accept(job)
  local seq = redis.call('INCR', KEY.seq)
  local key = KEY.job .. job.id
  redis.call('HSET', key, unpack(job.fields))
  redis.call('HSET', key, 'id', job.id, 'owner', owner, 'queue', queue, 'status', 'queued', 'attempts', '0',
    'seq', seq, 'created_at', whole(now))
  if own.weight ~= '' then redis.call('HSET', key, 'weight', own.weight) end
  if own.retention_hours ~= '' then
    redis.call('HSET', key, 'retention_ms', whole(tonumber(own.retention_hours) * 3600000))
  end
  redis.call('ZREM', KEY.expiries, job.id)
  redis.call('ZADD', KEY.jobs .. owner, seq, job.id)
  join_line(job.id)
  if job.expires_in then
    redis.call('ZADD', KEY.deadlines, whole(now + 1000 * job.expires_in), job.id)
  end
  put_ticket(job.ticket.key, job.ticket.id, job.ticket.queue_key, job.ticket.fields)
  emit(job.id, 'queued', {status = 'queued'})
end

for _, job in ipairs(jobs) do accept(job) end
use(owner, 'images', n, now)
if new.group then
  local group = KEY.group .. new.group.id
  redis.call('HSET', group, 'id', new.group.id, 'owner', owner, 'prompt', new.group.prompt,
    'members', cjson.encode(new.group.members), 'created_at', whole(now))
  redis.call('EXPIRE', group, new.group.seconds)
  redis.call('ZADD', KEY.groups .. owner, whole(now), new.group.id)
  redis.call('ZREMRANGEBYSCORE', KEY.groups .. owner, '-inf', whole(now - 1000 * new.group.seconds))
  redis.call('EXPIRE', KEY.groups .. owner, new.group.seconds)
end
if new.idempotency ~= '' then
  redis.call('HSET', idempotency, 'fingerprint', new.fingerprint, 'id', new.answer)
  redis.call('EXPIRE', idempotency, 86400)
end
return {'accepted', new.answer}
