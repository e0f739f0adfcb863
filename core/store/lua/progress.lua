-- ARGV: id, attempt, stage, step, steps. Returns the verdict; writes nothing for a lost attempt.
-- Endpoints hear of it once a second at most.
local TELL_EVERY_MS = 1000
local answer = verdict(ARGV[1], ARGV[2])
if answer ~= 'lost' then
  redis.call('HSET', KEY.job .. ARGV[1], 'stage', ARGV[3], 'step', ARGV[4], 'steps', ARGV[5])
  emit(ARGV[1], 'progress', {stage = ARGV[3], step = tonumber(ARGV[4]), steps = tonumber(ARGV[5])})
  local now, told = now_ms(), redis.call('HGET', KEY.job .. ARGV[1], 'told_at')
  if now - tonumber(told or 0) >= TELL_EVERY_MS then
    redis.call('HSET', KEY.job .. ARGV[1], 'told_at', whole(now))
    tell_endpoints(ARGV[1], 'progress', 'progress', now)
  end
end
return answer
