-- ARGV: a JSON object of `queue`, `failed`, what to say of each model that no living worker can draw with, `removed`, a
-- list of models that the catalogue had for this queue and has no more, and `known`, a list of all that it has for this
-- queue or that a living worker of it serves.
-- Fails the waiting jobs of these models; one of a model that nobody ever heard of once it has waited for a minute, for
-- the catalogue may be newer elsewhere. Returns their ids.
local asked = cjson.decode(ARGV[1])
local now, ended = now_ms(), {}
local UNHEARD_MS = 60000

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

local removed, known = set_of(asked.removed), set_of(asked.known)

local function fault_of(id)
  local job = redis.call('HMGET', KEY.job .. id, 'model', 'created_at')
  local model = job[1]
  if not model then return nil end
  if asked.failed[model] then return 'model_load_failed', asked.failed[model] end
  if known[model] then return nil end
  if removed[model] or now - tonumber(job[2]) > UNHEARD_MS then
    return 'model_not_found', "the model '" .. model .. "' was taken out of the catalogue, or moved to another queue, while the job waited"
  end
end

for _, id in ipairs(redis.call('ZRANGE', KEY.pending .. asked.queue, 0, -1)) do
  local code, message = fault_of(id)
  if code then
    redis.call('HSET', KEY.job .. id, 'error', cjson.encode({code = code, message = message}))
    finish(id, 'failed', now)
    ended[#ended + 1] = id
  end
end
return ended
