-- ARGV: owner, folder, its new name or ''. What is in it goes into the folder of the new name, or is no more in it.
-- Returns how many outputs were in it.
-- A page reads its list anew rather than hear of so many jobs one by one.
local MANY = 100
local owner, old, new, now = ARGV[1], ARGV[2], ARGV[3], now_ms()
local pictures = redis.call('ZRANGE', KEY.folder .. owner .. ':' .. old, 0, -1)
if new == old then return #pictures end
for _, picture in ipairs(pictures) do
  local id, index = string.match(picture, '^(.*)/(%d+)$')
  local job = redis.call('HMGET', KEY.job .. id, 'seq', 'folders:' .. index)
  local names, has_new = {}, new == ''
  for _, name in ipairs(lines(job[2])) do
    if name == new then has_new = true end
    if name ~= old then names[#names + 1] = name end
  end
  if not has_new then names[#names + 1] = new end
  set_folders(owner, id, index, job[1], names)
  settle_kept(owner, id, index, job[1], now)
  if #pictures <= MANY then feed(owner, id, 'marked') end
end
if #pictures > MANY then feed(owner, '', 'reset') end
return #pictures
