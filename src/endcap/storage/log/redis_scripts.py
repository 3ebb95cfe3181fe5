"""What the server does in one step, in its own language. Nothing else runs there meanwhile, and a crash leaves either
all that a script wrote or nothing of it.

Span: ids that were taken within one eighth of the time for which they are remembered lie in one set; next to it lies
the newest offset of each partition that came in that time. When all those are trimmed, the set is left to expire.
"""

MAKE = """
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'format', ARGV[1], 'identity', ARGV[2], 'partitions', ARGV[3], 'remember', ARGV[4])
elseif ARGV[5] == '1' then
    redis.call('HSET', KEYS[1], 'remember', ARGV[4])
end
return redis.call('HMGET', KEYS[1], 'format', 'identity', 'partitions')
"""

# KEYS: facts, ends, spans, what the names of the sets of ids begin with, what the names of the streams begin with.
# ARGV: identity, partitions, the floor of each, then for each row partition, name of the id, shop, value.
APPEND = """
local PART = 1000  -- the stack holds 8000
local facts = redis.call('HMGET', KEYS[1], 'identity', 'remember')
if facts[1] ~= ARGV[1] then return redis.error_reply('ERR another log') end
local partitions = tonumber(ARGV[2])
local first = 3 + partitions
local rows = (#ARGV - first + 1) / 4
local fields = {}
for p = 0, partitions - 1 do fields[p + 1] = p end
local ends = redis.call('HMGET', KEYS[2], unpack(fields))
local moved = {}
for p = 1, partitions do
    ends[p] = tonumber(ends[p] or '0')
    local floor = tonumber(ARGV[2 + p])
    if ends[p] < floor then
        ends[p] = floor
        moved[p] = true
    end
end
local numbers, names, fresh, known = {}, {}, {}, {}
if rows > 0 then
    for row = 1, rows do names[row] = ARGV[first + 4 * row - 3] end
    local width = math.max(1, math.floor(tonumber(facts[2]) / 8))
    local now = tonumber(redis.call('TIME')[1])
    local span = KEYS[4] .. width .. '-' .. math.floor(now / width)
    local spans = redis.call('SMEMBERS', KEYS[3])
    local noted = false
    for _, each in ipairs(spans) do
        if each == span then noted = true end
        for from = 1, rows, PART do
            local hits = redis.call('SMISMEMBER', each, unpack(names, from, math.min(from + PART - 1, rows)))
            for place, hit in ipairs(hits) do
                if hit == 1 then known[names[from + place - 1]] = true end
            end
        end
    end
    for row = 1, rows do
        local name = names[row]
        if known[name] then
            numbers[row] = 0
        else
            known[name] = true
            fresh[#fresh + 1] = name
            local at = first + 4 * row - 4
            local p = tonumber(ARGV[at]) + 1
            ends[p] = ends[p] + 1
            moved[p] = true
            numbers[row] = ends[p]
            redis.call('XADD', KEYS[5] .. (p - 1), string.format('%.0f-0', ends[p]), ARGV[at + 2], ARGV[at + 3])
        end
    end
    if #fresh > 0 then
        for from = 1, #fresh, PART do
            redis.call('SADD', span, unpack(fresh, from, math.min(from + PART - 1, #fresh)))
        end
        if not noted then redis.call('SADD', KEYS[3], span) end
        local newest = {}
        for p, _ in pairs(moved) do
            newest[#newest + 1] = p - 1
            newest[#newest + 1] = string.format('%.0f', ends[p])
        end
        redis.call('HSET', span .. ':ends', unpack(newest))
    end
end
for p, _ in pairs(moved) do redis.call('HSET', KEYS[2], p - 1, string.format('%.0f', ends[p])) end
return {ends, numbers}
"""

# KEYS: facts, trimmed, spans, what the names of the sets of ids begin with, the stream.
# ARGV: identity, partitions, the partition, the offset.
TRIM = """
local facts = redis.call('HMGET', KEYS[1], 'identity', 'remember')
if facts[1] ~= ARGV[1] then return redis.error_reply('ERR another log') end
local upto = tonumber(ARGV[4])
redis.call('XTRIM', KEYS[5], 'MINID', string.format('%.0f-0', upto + 1))
if tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or '0') < upto then
    redis.call('HSET', KEYS[2], ARGV[3], string.format('%.0f', upto))
end
local trimmed = {}
local found = redis.call('HGETALL', KEYS[2])
for i = 1, #found, 2 do trimmed[found[i]] = tonumber(found[i + 1]) end
local remember = tonumber(facts[2])
local width = math.max(1, math.floor(remember / 8))
local now = tonumber(redis.call('TIME')[1])
local current = KEYS[4] .. width .. '-' .. math.floor(now / width)
for _, span in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    local left = redis.call('TTL', span)
    if left == -2 then
        redis.call('SREM', KEYS[3], span)
        redis.call('DEL', span .. ':ends')
    elseif left == -1 and span ~= current then
        local newest, gone = redis.call('HGETALL', span .. ':ends'), true
        for i = 1, #newest, 2 do
            if (trimmed[newest[i]] or 0) < tonumber(newest[i + 1]) then gone = false end
        end
        if gone then redis.call('EXPIRE', span, math.max(1, remember)) end
    end
end
return 1
"""
