-- ARGV: id, attempt, stage, step, steps. Returns the verdict; writes nothing for a lost attempt.
local answer = verdict(ARGV[1], ARGV[2])
if answer ~= 'lost' then
  redis.call('HSET', 'easel:job:' .. ARGV[1], 'stage', ARGV[3], 'step', ARGV[4], 'steps', ARGV[5])
  emit(ARGV[1], 'progress', {stage = ARGV[3], step = tonumber(ARGV[4]), steps = tonumber(ARGV[5])})
end
return answer
