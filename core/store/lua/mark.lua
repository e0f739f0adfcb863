-- ARGV: a JSON object of `id`, `index`, `favourite` and `folders` (either may be left out: it stays as it is), and how many
-- marked outputs and folders an owner may have, `max_kept` and `max_folders`.
-- Returns {'marked'}, {'gone'} (no such job or output, or its time is over), {'unstored'}, {'kept', how many}, or
-- {'folders', how many}.
local asked = cjson.decode(ARGV[1])
local id, index = asked.id, whole(asked.index)
local key = KEY.job .. id
local job = redis.call('HMGET', key, 'owner', 'seq', 'store', 'favourite:' .. index, 'folders:' .. index)
local owner, seq, now = job[1], job[2], now_ms()
if not owner or not has_output(id, index) then return {'gone'} end
-- The keeper may be removing its files already.
local due = redis.call('ZSCORE', KEY.expiries, id)
if due and tonumber(due) <= now then return {'gone'} end

local is_favourite, folders = job[4] == '1', lines(job[5])
if asked.favourite ~= nil then is_favourite = asked.favourite end
if asked.folders then folders = asked.folders end
if is_favourite or #folders > 0 then
  if job[3] == '0' then return {'unstored'} end
  local kept = redis.call('ZCARD', KEY.kept .. owner)
  if not (job[4] or job[5]) and kept >= asked.max_kept then return {'kept', kept} end
  local known, new = redis.call('SCARD', KEY.folders .. owner), 0
  for _, name in ipairs(folders) do
    if redis.call('SISMEMBER', KEY.folders .. owner, name) == 0 then new = new + 1 end
  end
  if new > 0 and known + new > asked.max_folders then return {'folders', known} end
end

set_favourite(owner, id, index, seq, is_favourite)
set_folders(owner, id, index, seq, folders)
settle_kept(owner, id, index, seq, now)
feed(owner, id, 'marked')
return {'marked'}
