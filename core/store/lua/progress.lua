-- ARGV: id, attempt, stage, step, steps. Returns the verdict; writes nothing for a lost attempt.
-- Endpoints hear of it once a second at most, the owner's pages twice.
local TELL_EVERY_MS, FEED_EVERY_MS = 1000, 500
local answer = verdict(ARGV[1], ARGV[2])
if answer ~= 'lost' then
  redis.call('HSET', KEY.job .. ARGV[1], 'stage', ARGV[3], 'step', ARGV[4], 'steps', ARGV[5])
  emit(ARGV[1], 'progress', {stage = ARGV[3], step = tonumber(ARGV[4]), steps = tonumber(ARGV[5])})
  local now, seen = now_ms(), redis.call('HMGET', KEY.job .. ARGV[1], 'told_at', 'fed_at', 'owner')
  if now - tonumber(seen[2] or 0) >= FEED_EVERY_MS then
    redis.call('HSET', KEY.job .. ARGV[1], 'fed_at', whole(now))
    feed(seen[3], ARGV[1], 'progress')
  end
  if now - tonumber(seen[1] or 0) >= TELL_EVERY_MS then
    redis.call('HSET', KEY.job .. ARGV[1], 'told_at', whole(now))
    tell_endpoints(ARGV[1], 'progress', 'progress', now)
  end
end
return answer
