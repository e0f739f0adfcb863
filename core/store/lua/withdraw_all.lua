-- ARGV: owner. Ends all that they share. Returns how many.
local shares = redis.call('ZRANGE', KEY.shares .. ARGV[1], 0, -1)
for _, share in ipairs(shares) do withdraw(share) end
return #shares
