-- ARGV: lease ms, then id and attempt in turn. Returns one verdict a pair: 'held', 'cancel' or 'lost'.
local expiry = whole(now_ms() + tonumber(ARGV[1]))
local verdicts = {}
for i = 2, #ARGV, 2 do
  local answer = verdict(ARGV[i], ARGV[i + 1])
  if answer ~= 'lost' then redis.call('ZADD', KEY.leases, expiry, ARGV[i]) end
  verdicts[#verdicts + 1] = answer
end
return verdicts
