-- ARGV: a JSON object of `id` (of the share, if it is a new one), `owner`, `job`, `index`, `listed`, and `most` that an owner
-- may have. An output is shared once: again, it only becomes listed or unlisted.
-- Returns {'shared', id}, {'gone'} (no such output, or the key was revoked), or {'full', how many}.
local asked = cjson.decode(ARGV[1])
local index = whole(asked.index)
local key = KEY.job .. asked.job
local job = redis.call('HMGET', key, 'owner', 'share:' .. index)
if job[1] ~= asked.owner or not has_output(asked.job, index) then return {'gone'} end
if redis.call('HEXISTS', KEY.key .. asked.owner, 'revoked_at') == 1 then return {'gone'} end

local id = job[2]
if not id then
  local known = redis.call('ZCARD', KEY.shares .. asked.owner)
  if known >= asked.most then return {'full', known} end
  id = asked.id
  local number = redis.call('INCR', KEY.seq)
  redis.call('HSET', KEY.share .. id, 'owner', asked.owner, 'job', asked.job, 'index', index, 'number', number,
    'created_at', whole(now_ms()))
  redis.call('ZADD', KEY.shares .. asked.owner, number, id)
  redis.call('HSET', key, 'share:' .. index, id)
end
redis.call('HSET', KEY.share .. id, 'listed', asked.listed and '1' or '0')
if asked.listed then
  redis.call('ZADD', KEY.gallery, redis.call('HGET', KEY.share .. id, 'number'), id)
else
  redis.call('ZREM', KEY.gallery, id)
end
return {'shared', id}
