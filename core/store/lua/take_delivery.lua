-- ARGV: lease ms. Takes the most overdue webhook for `lease ms`; it comes back by itself if the sender dies.
-- Returns {message, field, value, ...} or false. What is for an endpoint goes to its URL of now, with its secrets.
local now = now_ms()

local function addressed(answer, row)
  if not row.endpoint then return answer end
  local seen = redis.call('HMGET', KEY.endpoint .. row.endpoint, 'url', 'secret', 'old_secret', 'old_until')
  for _, field in ipairs({'url', seen[1], 'secret', seen[2]}) do table.insert(answer, field) end
  if seen[3] and tonumber(seen[4]) > now then
    table.insert(answer, 'old_secret')
    table.insert(answer, seen[3])
  end
  return answer
end

-- Nothing goes to an endpoint that was removed, and only a test to one that is disabled.
local function is_refused(row)
  if not row.endpoint then return false end
  local enabled = redis.call('HGET', KEY.endpoint .. row.endpoint, 'enabled')
  return not enabled or (enabled ~= '1' and row.type ~= 'webhook.test')
end

while true do
  local due = redis.call('ZRANGEBYSCORE', KEY.outbox, '-inf', whole(now), 'LIMIT', 0, 1)
  if #due == 0 then return false end
  local key = KEY.delivery .. due[1]
  local seen = redis.call('HMGET', key, 'state', 'endpoint', 'type')
  local row = {endpoint = seen[2], type = seen[3]}
  if seen[1] == 'pending' and is_refused(row) then
    redis.call('HSET', key, 'last_error', 'the endpoint is disabled or was removed')
    close_delivery(due[1], 'dead')
    count('deliveries|dead')
  elseif seen[1] == 'pending' then
    redis.call('ZADD', KEY.outbox, whole(now + tonumber(ARGV[1])), due[1])
    redis.call('HINCRBY', key, 'attempts', 1)
    local answer = redis.call('HGETALL', key)
    table.insert(answer, 1, due[1])
    return addressed(answer, row)
  else
    redis.call('ZREM', KEY.outbox, due[1])
  end
end
