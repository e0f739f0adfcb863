-- ARGV: id. Forgets a finished job; its pictures are the caller's to delete. Returns 'deleted', 'unfinished' or false.
local key = KEY.job .. ARGV[1]
local job = redis.call('HMGET', key, 'status', 'owner', 'finished_at')
if not job[1] then
  redis.call('ZREM', KEY.expiries, ARGV[1])
  return false
end
-- By its end and not by words: a later version may have more of them.
if not job[3] then return 'unfinished' end
forget_marks(ARGV[1])
redis.call('ZREM', KEY.jobs .. job[2], ARGV[1])
redis.call('ZREM', KEY.expiries, ARGV[1])
redis.call('INCR', KEY.forgotten)
redis.call('DEL', key, KEY.events .. ARGV[1], KEY.preview .. ARGV[1])
feed(job[2], ARGV[1], 'deleted')
return 'deleted'
