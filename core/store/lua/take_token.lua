-- ARGV: owner, tokens a minute. A bucket of that many, which fills evenly; one that is full needs no row.
-- Returns {1 or 0 for taken, whole tokens left, ms until it is full, ms until there is a token}.
local key, limit = KEY.bucket .. ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local seen = redis.call('HMGET', key, 'tokens', 'at')
local tokens = limit
if seen[1] then
  tokens = math.min(limit, tonumber(seen[1]) + math.max(0, now - tonumber(seen[2])) * limit / 60000)
end
local taken = tokens >= 1
if taken then tokens = tokens - 1 end
redis.call('HSET', key, 'tokens', tokens, 'at', whole(now))
redis.call('PEXPIRE', key, 60000)
local function ms_until(wanted)
  return math.max(0, math.ceil((wanted - tokens) * 60000 / limit))
end
return {taken and 1 or 0, math.floor(tokens), ms_until(limit), ms_until(1)}
