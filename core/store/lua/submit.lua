-- KEYS: none. ARGV: id, owner, queue, idempotency key or '', fingerprint, max queued, max queued per owner,
-- ticket key, ticket id, ticket queue key, seconds until the deadline or '', number of ticket values, ticket values...,
-- job values...
-- Returns {'accepted'|'replayed', id}, {'mismatch'}, {'model'}, {'owner_full', n}, {'full', n}, or, when a day is used
-- up, {'images'|'worker_seconds', used, limit, seconds until the next day}. Safe to send twice.
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

local count = tonumber(ARGV[12])
local ticket, fields, asked = {}, {}, {}
for i = 13, 12 + count do ticket[#ticket + 1] = ARGV[i] end
for i = 13 + count, #ARGV do fields[#fields + 1] = ARGV[i] end
for i = 1, #fields, 2 do asked[fields[i]] = fields[i + 1] end

-- What the owner's own key says, where it is one of core/store/keys.py; what it does not limit is empty there.
local own = {}
local OWN = {'models', 'weight', 'max_queued', 'images_per_day', 'worker_seconds_per_day'}
for i, value in ipairs(redis.call('HMGET', 'easel:key:' .. owner, unpack(OWN))) do own[OWN[i]] = value or '' end

if own.models ~= '' then
  local models, allowed = cjson.decode(own.models), false
  for _, model in ipairs(models) do allowed = allowed or model == asked.model end
  if #models > 0 and not allowed then return {'model'} end
end

local waiting = redis.call('SCARD', 'easel:waiting:' .. owner)
if waiting >= tonumber(own.max_queued ~= '' and own.max_queued or ARGV[7]) then return {'owner_full', waiting} end
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
use(owner, 'images', tonumber(asked.n), now)
redis.call('ZADD', 'easel:jobs:' .. owner, seq, id)
join_line(id)
if ARGV[11] ~= '' then
  redis.call('ZADD', 'easel:deadlines', whole(now + 1000 * tonumber(ARGV[11])), id)
end
if ARGV[4] ~= '' then
  redis.call('HSET', idempotency, 'fingerprint', ARGV[5], 'id', id)
  redis.call('EXPIRE', idempotency, 86400)
end
put_ticket(ARGV[8], ARGV[9], ARGV[10], ticket)
emit(id, 'queued', {status = 'queued'})
return {'accepted', id}
