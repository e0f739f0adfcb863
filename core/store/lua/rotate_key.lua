-- ARGV: owner, digest of the new secret, until when the old one stays good (ms). Returns 1, or 0 if there is no
-- such key or it has been revoked.
local key = KEY.key .. ARGV[1]
local digest = redis.call('HGET', key, 'digest')
if not digest or redis.call('HEXISTS', key, 'revoked_at') == 1 then return 0 end
if digest ~= ARGV[2] then
  redis.call('HSET', key, 'old_digest', digest, 'old_until', ARGV[3], 'digest', ARGV[2])
end
return 1
