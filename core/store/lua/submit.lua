-- KEYS: none. ARGV: id, owner, queue, idempotency key or '', fingerprint, max queued; then for owners whose key does
-- not say: max queued, pictures a day and seconds of workers a day ('' for no limit); then ticket key, ticket id, ticket
-- queue key, seconds until the deadline or '', number of ticket values, ticket values..., job values...
-- Returns {'accepted'|'replayed', id}, {'mismatch'}, {'model'}, {'owner_full', jobs waiting, owners who wait},
-- {'full', jobs waiting}, or, when a day is used up, {'images'|'worker_seconds', used, limit, seconds until the next
-- day}. Safe to send twice.
local id, owner, queue = ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', 'easel:job:' .. id) == 1 then return {'accepted', id} end

local idempotency = 'easel:idempotency:' .. owner .. ':' .. ARGV[4]
if ARGV[4] ~= '' then
  local known = redis.call('HMGET', idempotency, 'fingerprint', 'id')
  if known[1] then
    if known[1] ~= ARGV[5] then return {'mismatch'} end
    return {'replayed', known[2]}
  end
end

local count = tonumber(ARGV[14])
local ticket, fields, asked = {}, {}, {}
for i = 15, 14 + count do ticket[#ticket + 1] = ARGV[i] end
for i = 15 + count, #ARGV do fields[#fields + 1] = ARGV[i] end
for i = 1, #fields, 2 do asked[fields[i]] = fields[i + 1] end

-- What the owner's own key says, where it is one of core/store/keys.py; what it does not limit is empty there.
local own = {}
local OWN = {'models', 'weight', 'max_queued', 'images_per_day', 'worker_seconds_per_day', 'retention_hours'}
local SERVERS = {max_queued = ARGV[7], images_per_day = ARGV[8], worker_seconds_per_day = ARGV[9]}
for i, value in ipairs(redis.call('HMGET', 'easel:key:' .. owner, unpack(OWN))) do
  own[OWN[i]] = value and value ~= '' and value or SERVERS[OWN[i]] or ''
end

if own.models ~= '' then
  local models, allowed = cjson.decode(own.models), false
  for _, model in ipairs(models) do allowed = allowed or model == asked.model end
  if #models > 0 and not allowed then return {'model'} end
end

local waiting = redis.call('SCARD', 'easel:waiting:' .. owner)
if waiting >= tonumber(own.max_queued) then
  return {'owner_full', waiting, redis.call('ZCARD', 'easel:turns:' .. queue)}
end
local pending = redis.call('ZCARD', 'easel:pending:' .. queue)
if pending >= tonumber(ARGV[6]) then return {'full', pending} end

local now = now_ms()
local day = math.floor(now / 86400000)
local used = redis.call('HMGET', 'easel:usage:' .. owner .. ':' .. whole(day), 'images', 'worker_seconds')
local images, seconds = tonumber(used[1] or 0), tonumber(used[2] or 0)
local left = math.ceil(((day + 1) * 86400000 - now) / 1000)
if own.images_per_day ~= '' and images + tonumber(asked.n) > tonumber(own.images_per_day) then
  return {'images', images, tonumber(own.images_per_day), left}
end
if own.worker_seconds_per_day ~= '' and seconds >= tonumber(own.worker_seconds_per_day) then
  return {'worker_seconds', seconds, tonumber(own.worker_seconds_per_day), left}
end

local seq = redis.call('INCR', 'easel:seq')
local key = 'easel:job:' .. id
redis.call('HSET', key, unpack(fields))
redis.call('HSET', key, 'id', id, 'owner', owner, 'queue', queue, 'status', 'queued', 'attempts', '0',
  'seq', seq, 'created_at', whole(now))
if own.weight ~= '' then redis.call('HSET', key, 'weight', own.weight) end
if own.retention_hours ~= '' then
  redis.call('HSET', key, 'retention_ms', whole(tonumber(own.retention_hours) * 3600000))
end
use(owner, 'images', tonumber(asked.n), now)
redis.call('ZREM', 'easel:expiries', id)
redis.call('ZADD', 'easel:jobs:' .. owner, seq, id)
join_line(id)
if ARGV[13] ~= '' then
  redis.call('ZADD', 'easel:deadlines', whole(now + 1000 * tonumber(ARGV[13])), id)
end
if ARGV[4] ~= '' then
  redis.call('HSET', idempotency, 'fingerprint', ARGV[5], 'id', id)
  redis.call('EXPIRE', idempotency, 86400)
end
put_ticket(ARGV[10], ARGV[11], ARGV[12], ticket)
emit(id, 'queued', {status = 'queued'})
return {'accepted', id}
