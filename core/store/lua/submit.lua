-- KEYS: none. ARGV: id, owner, queue, idempotency key or '', fingerprint, max queued, max queued per owner,
-- ticket key, ticket id, ticket queue key, seconds until the deadline or '', number of ticket values, ticket values...,
-- job values...
-- Returns {'accepted'|'replayed', id}, {'mismatch'}, {'owner_full', n} or {'full', n}. Safe to send twice.
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

local waiting = redis.call('SCARD', 'easel:waiting:' .. owner)
if waiting >= tonumber(ARGV[7]) then return {'owner_full', waiting} end
local pending = redis.call('ZCARD', 'easel:pending:' .. queue)
if pending >= tonumber(ARGV[6]) then return {'full', pending} end

local count = tonumber(ARGV[12])
local ticket, fields = {}, {}
for i = 13, 12 + count do ticket[#ticket + 1] = ARGV[i] end
for i = 13 + count, #ARGV do fields[#fields + 1] = ARGV[i] end

local now = now_ms()
local seq = redis.call('INCR', 'easel:seq')
local key = 'easel:job:' .. id
redis.call('HSET', key, unpack(fields))
redis.call('HSET', key, 'id', id, 'owner', owner, 'queue', queue, 'status', 'queued', 'attempts', '0',
  'seq', seq, 'created_at', whole(now))
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
