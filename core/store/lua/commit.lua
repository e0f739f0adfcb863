-- ARGV: id, attempt, status, then the fields of the result. Returns the status written, or 'lost'.
-- An acknowledged cancel wins over a result that comes after it, so 'canceled' is never taken back.
local id, status = ARGV[1], ARGV[3]
local answer = verdict(id, ARGV[2])
if answer == 'lost' then
  -- The reply to an earlier, identical commit may have been lost: the same attempt then reads what it wrote.
  local seen = redis.call('HMGET', KEY.job .. id, 'status', 'fence')
  if seen[2] == ARGV[2] and (seen[1] == status or seen[1] == 'canceled') then return seen[1] end
  return 'lost'
end
if answer == 'cancel' then
  status = 'canceled'
else
  local fields = {}
  for i = 4, #ARGV do fields[#fields + 1] = ARGV[i] end
  if #fields > 0 then redis.call('HSET', KEY.job .. id, unpack(fields)) end
end
finish(id, status, now_ms())
return status
