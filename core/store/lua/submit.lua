-- ARGV: a JSON object, the number of ticket values, ticket values..., job values... The object has `id`, `owner`, `queue`,
-- `idempotency` ('' for none), `fingerprint`, `adapters` (ids), `ticket` {key, id, queue_key}, `expires_in` seconds if
-- there is a deadline, and the server's `limits`: `max_queued` of all, and for owners whose key does not say:
-- `max_queued_per_owner` and, where there are any, `images_per_day` and `worker_seconds_per_day`.
-- Returns {'accepted'|'replayed', id}, {'mismatch'}, {'model'}, {'adapter', id}, {'owner_full', jobs waiting, owners who
-- wait}, {'full', jobs waiting}, or, when a day is used up, {'images'|'worker_seconds', used, limit, seconds until the
-- next day}. Safe to send twice.
local new = cjson.decode(ARGV[1])
local id, owner, queue, limits = new.id, new.owner, new.queue, new.limits
if redis.call('EXISTS', KEY.job .. id) == 1 then return {'accepted', id} end

local idempotency = KEY.idempotency .. owner .. ':' .. new.idempotency
if new.idempotency ~= '' then
  local known = redis.call('HMGET', idempotency, 'fingerprint', 'id')
  if known[1] then
    if known[1] ~= new.fingerprint then return {'mismatch'} end
    return {'replayed', known[2]}
  end
end

local count = tonumber(ARGV[2])
local ticket, fields, asked = {}, {}, {}
for i = 3, 2 + count do ticket[#ticket + 1] = ARGV[i] end
for i = 3 + count, #ARGV do fields[#fields + 1] = ARGV[i] end
for i = 1, #fields, 2 do asked[fields[i]] = fields[i + 1] end

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
  local models, allowed = cjson.decode(own.models), false
  for _, model in ipairs(models) do allowed = allowed or model == asked.model end
  if #models > 0 and not allowed then return {'model'} end
end

if own.adapters ~= '' then
  local allowed, some = {}, false
  for _, adapter in ipairs(cjson.decode(own.adapters)) do allowed[adapter], some = true, true end
  for _, adapter in ipairs(some and new.adapters or {}) do
    if not allowed[adapter] then return {'adapter', adapter} end
  end
end

local waiting = redis.call('SCARD', KEY.waiting .. owner)
if waiting >= tonumber(own.max_queued) then
  return {'owner_full', waiting, redis.call('ZCARD', KEY.turns .. queue)}
end
local pending = redis.call('ZCARD', KEY.pending .. queue)
if pending >= limits.max_queued then return {'full', pending} end

local now = now_ms()
local day = math.floor(now / 86400000)
local used = redis.call('HMGET', KEY.usage .. owner .. ':' .. whole(day), 'images', 'worker_seconds')
local images, seconds = tonumber(used[1] or 0), tonumber(used[2] or 0)
local left = math.ceil(((day + 1) * 86400000 - now) / 1000)
if own.images_per_day ~= '' and images + tonumber(asked.n) > tonumber(own.images_per_day) then
  return {'images', images, tonumber(own.images_per_day), left}
end
if own.worker_seconds_per_day ~= '' and seconds >= tonumber(own.worker_seconds_per_day) then
  return {'worker_seconds', seconds, tonumber(own.worker_seconds_per_day), left}
end

local seq = redis.call('INCR', KEY.seq)
local key = KEY.job .. id
redis.call('HSET', key, unpack(fields))
redis.call('HSET', key, 'id', id, 'owner', owner, 'queue', queue, 'status', 'queued', 'attempts', '0',
  'seq', seq, 'created_at', whole(now))
if own.weight ~= '' then redis.call('HSET', key, 'weight', own.weight) end
if own.retention_hours ~= '' then
  redis.call('HSET', key, 'retention_ms', whole(tonumber(own.retention_hours) * 3600000))
end
use(owner, 'images', tonumber(asked.n), now)
redis.call('ZREM', KEY.expiries, id)
redis.call('ZADD', KEY.jobs .. owner, seq, id)
join_line(id)
if new.expires_in then
  redis.call('ZADD', KEY.deadlines, whole(now + 1000 * new.expires_in), id)
end
if new.idempotency ~= '' then
  redis.call('HSET', idempotency, 'fingerprint', new.fingerprint, 'id', id)
  redis.call('EXPIRE', idempotency, 86400)
end
put_ticket(new.ticket.key, new.ticket.id, new.ticket.queue_key, ticket)
emit(id, 'queued', {status = 'queued'})
return {'accepted', id}
