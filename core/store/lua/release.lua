-- ARGV: id, attempt, ticket key, ticket id, ticket queue key, ticket values...
-- Hands a job back unharmed: its place in the queue and its attempts are as before. Returns 1, or 0 if lost.
local id = ARGV[1]
local key = KEY.job .. id
local answer = verdict(id, ARGV[2])
if answer == 'lost' then return 0 end
if answer == 'cancel' then
  finish(id, 'canceled', now_ms())
  return 1
end
redis.call('HINCRBY', key, 'attempts', -1)
back_in_line(id)
local ticket = {}
for i = 6, #ARGV do ticket[#ticket + 1] = ARGV[i] end
put_ticket(ARGV[3], ARGV[4], ARGV[5], ticket)
return 1
