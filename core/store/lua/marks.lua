-- Shared by the scripts that change marks: favourites, folders, and what is kept for them. The marks of output `index` are
-- fields of the job's own hash, `favourite:index` and `folders:index` (a name a line), so that they go with it; the
-- indexes have `id/index` by the job's number, which is the job's alone.

local function lines(text)
  local found = {}
  for name in string.gmatch(text or '', '[^\n]+') do found[#found + 1] = name end
  return found
end

local function set_favourite(owner, id, index, seq, is_one)
  local key, picture = KEY.job .. id, id .. '/' .. index
  if is_one then
    redis.call('HSET', key, 'favourite:' .. index, '1')
    redis.call('ZADD', KEY.favourites .. owner, seq, picture)
  else
    redis.call('HDEL', key, 'favourite:' .. index)
    redis.call('ZREM', KEY.favourites .. owner, picture)
  end
end

-- A folder is there as long as something is in it.
local function set_folders(owner, id, index, seq, names)
  local key, picture, field = KEY.job .. id, id .. '/' .. index, 'folders:' .. index
  for _, name in ipairs(lines(redis.call('HGET', key, field))) do
    local folder = KEY.folder .. owner .. ':' .. name
    redis.call('ZREM', folder, picture)
    if redis.call('EXISTS', folder) == 0 then redis.call('SREM', KEY.folders .. owner, name) end
  end
  for _, name in ipairs(names) do
    redis.call('ZADD', KEY.folder .. owner .. ':' .. name, seq, picture)
    redis.call('SADD', KEY.folders .. owner, name)
  end
  if #names > 0 then
    redis.call('HSET', key, field, table.concat(names, '\n'))
  else
    redis.call('HDEL', key, field)
  end
end

-- A job with a marked output never expires; with its last mark gone, its retention begins anew.
local function settle_kept(owner, id, index, seq, now)
  local key, kept, picture = KEY.job .. id, KEY.kept .. owner, id .. '/' .. index
  local was_kept = redis.call('ZCOUNT', kept, seq, seq) > 0
  local marks = redis.call('HMGET', key, 'favourite:' .. index, 'folders:' .. index)
  if marks[1] or marks[2] then
    redis.call('ZADD', kept, seq, picture)
    redis.call('ZREM', KEY.expiries, id)
    redis.call('HDEL', key, 'expires_at')
  else
    redis.call('ZREM', kept, picture)
    if was_kept and redis.call('ZCOUNT', kept, seq, seq) == 0 then begin_retention(id, now) end
  end
end

local function unmark(owner, id, index, seq, now)
  set_favourite(owner, id, index, seq, false)
  set_folders(owner, id, index, seq, {})
  settle_kept(owner, id, index, seq, now)
end

-- All that lies outside the job's hash and is about its outputs.
local function forget_marks(id)
  local job = redis.call('HMGET', KEY.job .. id, 'owner', 'seq')
  for _, field in ipairs(redis.call('HKEYS', KEY.job .. id)) do
    local index = string.match(field, '^favourite:(%d+)$') or string.match(field, '^folders:(%d+)$')
    if index then unmark(job[1], id, index, job[2], now_ms()) end
    local shared = string.match(field, '^share:(%d+)$')
    if shared then withdraw_output(id, shared) end
  end
end

-- Whether the job has an output of that number; `images` is what outputs were called once.
local function has_output(id, index)
  local job = redis.call('HMGET', KEY.job .. id, 'images', 'outputs')
  for _, output in ipairs(cjson.decode(job[1] or job[2] or '[]')) do
    if output.index == tonumber(index) then return true end
  end
  return false
end
