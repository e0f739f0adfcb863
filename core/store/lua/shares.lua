-- Shared by the scripts that make and end shares. A share is a hash of its own, and the field `share:index` of the job that
-- its picture is of, so that it goes with it.
local WITHDRAWN_SECONDS = 30 * 86400

local function withdraw(share)
  local seen = redis.call('HMGET', KEY.share .. share, 'owner', 'job', 'index')
  if not seen[1] then return 0 end
  redis.call('HDEL', KEY.job .. seen[2], 'share:' .. seen[3])
  redis.call('ZREM', KEY.shares .. seen[1], share)
  redis.call('ZREM', KEY.gallery, share)
  redis.call('DEL', KEY.share .. share)
  redis.call('SET', KEY.withdrawn .. share, '1', 'EX', WITHDRAWN_SECONDS)
  return 1
end

local function withdraw_output(id, index)
  local share = redis.call('HGET', KEY.job .. id, 'share:' .. index)
  if share then withdraw(share) end
end
