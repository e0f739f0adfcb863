-- ARGV: id. How many jobs will start before this one, plus one, if all cost the same; false unless it waits.
local job = redis.call('HMGET', KEY.job .. ARGV[1], 'status', 'queue', 'owner')
if job[1] ~= 'queued' then return false end
local backlog = KEY.backlog .. job[2] .. ':'
local turn = redis.call('ZRANK', backlog .. job[3], ARGV[1]) + 1
local place = 0
-- Owners take turns: by the time that this owner's k-th job starts, each of the others has started k as well.
for _, owner in ipairs(redis.call('ZRANGE', KEY.turns .. job[2], 0, -1)) do
  place = place + math.min(redis.call('ZCARD', backlog .. owner), turn)
end
return place
