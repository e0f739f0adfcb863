-- ARGV: a JSON object of `owner`, `index` (the sorted set to walk, from its end), `both` (a second one whose members alone
-- count) if there is one, `before` (a job's number) if not from the end, `limit` jobs to find among `scan` members, `words`
-- {text, folders (those whose names have it)} that must all occur, and `task`, `model`, `status` where these matter.
-- Returns {number to go on before or false, ids...}, newest first.
local asked = cjson.decode(ARGV[1])
-- How far up a line of parents the words of a picture without a prompt of its own are looked for.
local GENERATIONS, LOOKED_AT = 8, 20
-- Letters and digits from a to f are words and numbers, too: a short one is in many ids by chance.
local IN_IDS = 6

local function text_of(words, parents)
  local texts, waiting, looked = {words or ''}, {}, 0
  local function wait_for(named, depth)
    for parent in string.gmatch(named or '', '%S+') do waiting[#waiting + 1] = {parent, depth} end
  end
  wait_for(parents, 1)
  for _, each in ipairs(waiting) do
    if each[2] <= GENERATIONS and looked < LOOKED_AT then
      looked = looked + 1
      local parent = redis.call('HMGET', KEY.job .. each[1], 'owner', 'words', 'parents')
      if parent[1] == asked.owner then
        texts[#texts + 1] = parent[2] or ''
        wait_for(parent[3], each[2] + 1)
      end
    end
  end
  return table.concat(texts, '\n')
end

local function is_filed(seq, folders)
  for _, name in ipairs(folders) do
    if redis.call('ZCOUNT', KEY.folder .. asked.owner .. ':' .. name, seq, seq) > 0 then return true end
  end
  return false
end

local function fits(id, seq)
  local job = redis.call('HMGET', KEY.job .. id, 'task', 'model', 'status', 'words', 'parents')
  if asked.task and job[1] ~= asked.task then return false end
  if asked.model and job[2] ~= asked.model then return false end
  if asked.status and job[3] ~= asked.status then return false end
  if not job[3] or #asked.words == 0 then return job[3] end
  local text = text_of(job[4], job[5])
  for _, word in ipairs(asked.words) do
    local said = string.find(text, word.text, 1, true) or (#word.text >= IN_IDS and string.find(id, word.text, 1, true))
    if not said and not is_filed(seq, word.folders) then return false end
  end
  return true
end

local top = asked.before and '(' .. whole(asked.before) or '+inf'
local rows = redis.call('ZREVRANGEBYSCORE', asked.index, top, '-inf', 'WITHSCORES', 'LIMIT', 0, asked.scan)
local last, is_more = #rows, #rows == 2 * asked.scan
-- The outputs of a job have the same number: those of the last one may be cut off, and are left to the next look.
if is_more then
  local edge = rows[#rows]
  while last > 0 and rows[last] == edge do last = last - 2 end
end

local found, seen = {is_more and tonumber(rows[last])}, nil
for place = 1, last, 2 do
  local id, seq = string.match(rows[place], '^[^/]+'), rows[place + 1]
  if id ~= seen and not (asked.both and not redis.call('ZSCORE', asked.both, rows[place])) and fits(id, seq) then
    found[#found + 1], seen = id, id
    if #found > asked.limit then
      found[1] = (is_more or place + 2 <= last) and tonumber(seq)
      break
    end
  end
end
return found
