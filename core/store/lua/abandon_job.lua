-- ARGV: key of the calls that asked for the same, id, ms at which it was left. Returns 1 if nobody has waited for the job
-- since, and forgets it; else 0.
local since = redis.call('ZSCORE', ARGV[1], ARGV[2])
if not since or tonumber(since) ~= tonumber(ARGV[3]) then return 0 end
redis.call('ZREM', ARGV[1], ARGV[2])
return 1
