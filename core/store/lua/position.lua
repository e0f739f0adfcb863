-- ARGV: id. How many jobs will start before this one, plus one, if all cost the same; false unless it waits.
local job = redis.call('HMGET', 'easel:job:' .. ARGV[1], 'status', 'queue', 'owner', 'priority')
if job[1] ~= 'queued' then return false end
local ahead = 0
for _, class in ipairs(CLASSES) do
  local backlog = 'easel:backlog:' .. job[2] .. ':' .. class .. ':'
  local mine = class == (job[4] or 'normal')
  -- Owners take turns: by the time that this owner's k-th job starts, each of the others has started k as well.
  local turn = mine and redis.call('ZRANK', backlog .. job[3], ARGV[1]) + 1 or math.huge
  for _, owner in ipairs(redis.call('ZRANGE', 'easel:turns:' .. job[2] .. ':' .. class, 0, -1)) do
    ahead = ahead + math.min(redis.call('ZCARD', backlog .. owner), turn)
  end
  if mine then return ahead end
end
