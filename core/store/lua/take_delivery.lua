-- ARGV: lease ms. Takes the most overdue webhook for `lease ms`; it comes back by itself if the sender dies.
-- Returns {message, field, value, ...} or false.
local now = now_ms()
while true do
  local due = redis.call('ZRANGEBYSCORE', 'easel:outbox', '-inf', whole(now), 'LIMIT', 0, 1)
  if #due == 0 then return false end
  local key = 'easel:delivery:' .. due[1]
  if redis.call('HGET', key, 'state') == 'pending' then
    redis.call('ZADD', 'easel:outbox', whole(now + tonumber(ARGV[1])), due[1])
    redis.call('HINCRBY', key, 'attempts', 1)
    local answer = redis.call('HGETALL', key)
    table.insert(answer, 1, due[1])
    return answer
  end
  redis.call('ZREM', 'easel:outbox', due[1])
end
