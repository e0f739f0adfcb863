-- ARGV: id, index, the outputs as they were read, the outputs without that one. Its file is the caller's to delete.
-- Returns 1, or 0 if the outputs are others by now.
local id, index = ARGV[1], ARGV[2]
local key = KEY.job .. id
local job = redis.call('HMGET', key, 'images', 'outputs', 'owner', 'seq')
if (job[1] or job[2]) ~= ARGV[3] then return 0 end
unmark(job[3], id, index, job[4], now_ms())
withdraw_output(id, index)
redis.call('HSET', key, 'outputs', ARGV[4])
redis.call('HDEL', key, 'images')
redis.call('DEL', KEY.preview .. id)
redis.call('INCR', KEY.forgotten)
feed(job[3], id, 'marked')
return 1
