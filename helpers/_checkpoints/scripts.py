"""What happens in Redis: one hash a thread, and scripts that change it in one step.

The fields of a thread's hash, where NS is `:` and the checkpoint's namespace, which for an agent's own is empty:

* `messages@0`, `messages@1` …: the values of the channel `messages`, each once, as `type:bytes` of LangGraph's
  serializer. No number of a channel is given twice, whatever becomes of its value.
* `checkpoint:ID:NS`: a checkpoint. Its first line is `TOKEN PARENT REACH` and then `CHANNEL=NUMBERS` for each
  channel, such as ``messages=0-57,60``. TOKEN is the ID of the write that stored it, PARENT the checkpoint before it or
  `-`, REACH how many of those before it its delta channels are rebuilt from; one that stays for that alone, and can't
  be gone back to, has `-` there. The rest is what LangGraph gave, without those values.
* `writes:ID:NS`: the numbers of what tasks wrote after that checkpoint; `@0`, `@1` …: what they wrote.
* `ids:NS`: the IDs of the checkpoints, newest first; `namespaces`: every NS.
* `life`, `swept`, `next:messages`: a name for this hash, new whenever the hash is; how often values that no checkpoint
  names any more were removed; the next number of a channel. What a client knows of a number holds while `life` does,
  and that the value is still there while `swept` does too.
"""

from functools import cache
from hashlib import sha1
from typing import NamedTuple

from helpers._histories.writing import FENCE, UNLESS_FENCED, Task


@cache
def name_of(script: str) -> str:
    """The name that a server knows a script by."""
    return sha1(script.encode()).hexdigest()  # noqa: S324  # Redis names scripts so


class Script(NamedTuple):
    """A script that reads."""

    text: str


_THREAD = """\
local thread = KEYS[1]
-- What is asked for again and again is read once.
local held = redis.call('HMGET', thread, 'life', 'swept', 'namespaces')
held = {life = held[1], swept = held[2], namespaces = held[3]}
local function get(field)
  if held[field] == nil then held[field] = redis.call('HGET', thread, field) end
  return held[field]
end
local function set(field, value)
  held[field] = value
  redis.call('HSET', thread, field, value)
end
local function del(...)
  for _, field in ipairs({...}) do held[field] = false end
  redis.call('HDEL', thread, ...)
end
local function record_of(ns, id) return get('checkpoint:' .. id .. ns) end
local function parent_of(record) return string.match(record, '^%S+ (%S+)') end
local function reach_of(record) return tonumber(string.match(record, '^%S+ %S+ (%d+)')) end
local function shown(ns, id)
  local record = record_of(ns, id)
  return record and string.match(record, '^%S+ %S+ (%S+)') ~= '-' and record
end
-- Somebody else's hash of that name stays as it is.
if not get('life') and redis.call('EXISTS', thread) == 1 then return redis.error_reply('WRONGTYPE no thread') end
local function split(text)
  local words = {}
  for word in string.gmatch(text or '', '%S+') do words[#words + 1] = word end
  return words
end
"""

# ARGV: NS; the checkpoint's ID, or blank for the newest.
READ = Script(
    _THREAD
    + """\
local id = ARGV[2]
if id == '' then
  local ids = get('ids' .. ARGV[1])
  for _, ns in ipairs(not ids and split(get('namespaces')) or {}) do
    if ns == ARGV[1] then return redis.error_reply('DAMAGED ids' .. ns) end
  end
  for one in string.gmatch(ids or '', '%S+') do
    if shown(ARGV[1], one) then id = one break end
    if not record_of(ARGV[1], one) and not get('writes:' .. one .. ARGV[1]) then
      return redis.error_reply('DAMAGED checkpoint:' .. one .. ARGV[1])
    end
  end
end
return {get('life'), get('swept'), id, shown(ARGV[1], id) or false, get('writes:' .. id .. ARGV[1])}
"""
)
# Each NS with its IDs.
INDEX = Script(
    _THREAD
    + """\
local found, namespaces = {}, get('namespaces')
if get('life') and not namespaces then return redis.error_reply('DAMAGED namespaces') end
for _, ns in ipairs(split(namespaces)) do
  found[#found + 1] = {ns, get('ids' .. ns)}
  if not found[#found][2] then return redis.error_reply('DAMAGED ids' .. ns) end
end
if namespaces and #found == 0 then return redis.error_reply('DAMAGED namespaces') end
return found
"""
)
# ARGV: NS; the ID to begin with; how many to go back at most.
WALK = Script(
    _THREAD
    + """\
local found, id = {}, ARGV[2]
while #found < tonumber(ARGV[3]) do
  local record = record_of(ARGV[1], id)
  if not record then break end
  found[#found + 1] = {id, record, get('writes:' .. id .. ARGV[1])}
  id = parent_of(record)
end
return {get('life'), get('swept'), found}
"""
)

# ARGV: the write's ID, the seconds that its fence lives. `fence()` keeps late attempts of this write from doing
# anything.
_FIRST = "local function fence() end\n"
_AGAIN = f"local function fence() {FENCE.strip()} end\n"

# ARGV[3]: the thread's seconds to live. What may be refused is tried where it changes nothing. SET comes first: a
# server whose memory is full refuses it, and nothing that comes after a script's first command that may write.
_BEGIN = """\
if get('life') and not get('namespaces') then return redis.error_reply('DAMAGED namespaces') end
local ttl = tonumber(ARGV[3])
local function live() if ttl > 0 then redis.call('EXPIRE', thread, ttl) end end
redis.call('SET', KEYS[2], '1', 'XX')
redis.call('HDEL', thread, '')
live()
local function enter(ns, id)
  local ids, listed = get('ids' .. ns), split(get('namespaces'))
  if not ids then
    listed[#listed + 1] = ns
    set('namespaces', table.concat(listed, ' '))
    set('ids' .. ns, id)
    return
  end
  local newest = string.match(ids, '^%S+') or ''
  if id > newest then
    set('ids' .. ns, id .. ' ' .. ids)
  elseif not string.find(' ' .. ids .. ' ', ' ' .. id .. ' ', 1, true) then
    local all = split(ids)
    all[#all + 1] = id
    table.sort(all, function(one, other) return one > other end)
    set('ids' .. ns, table.concat(all, ' '))
  end
end
"""

# What to remove, and then the values that nothing names any more.
_REMOVE = """\
local gone, swept = {}, {}
local function ranges(record)
  local found = {}
  for channel, numbers in string.gmatch(string.match(record, '^%S+ %S+ %S+([^\\n]*)') or '', '(%S+)=(%S*)') do
    for first, last in string.gmatch(numbers, '(%d+)%-?(%d*)') do
      found[#found + 1] = {tonumber(first), tonumber(last == '' and first or last), channel}
    end
  end
  return found
end
local function drop(ns, id)
  local record, writes = record_of(ns, id), get('writes:' .. id .. ns)
  if record then gone[#gone + 1] = record end
  for number in string.gmatch(writes or '', '%d+') do del('@' .. number) end
  del('checkpoint:' .. id .. ns, 'writes:' .. id .. ns)
end
local function list(ns, ids)
  if #ids > 0 then return set('ids' .. ns, table.concat(ids, ' ')) end
  del('ids' .. ns)
  local others = {}
  for _, other in ipairs(split(get('namespaces'))) do if other ~= ns then others[#others + 1] = other end end
  set('namespaces', table.concat(others, ' '))
end
-- At most so many at once as a script may unpack.
local function records_of(ns, ids, first, last)
  local fields = {}
  for place = first, math.min(last, #ids) do fields[#fields + 1] = 'checkpoint:' .. ids[place] .. ns end
  return #fields > 0 and redis.call('HMGET', thread, unpack(fields)) or {}
end
local function trim(ns, keep, new)
  local ids, left, rest, stored, oldest = split(get('ids' .. ns)), {}, {}, {}, nil
  if #ids <= keep then return end
  for first = 1, keep, 1000 do
    for _, record in ipairs(records_of(ns, ids, first, math.min(first + 999, keep))) do stored[#stored + 1] = record end
  end
  for place, id in ipairs(ids) do
    if place <= keep or id == new then
      oldest = id
      local record = stored[place] or record_of(ns, id) or '- - 0'
      for reach = reach_of(record) or -1, 0, -1 do
        if (left[id] or -1) >= reach then break end
        left[id], id = reach, parent_of(record)
        record = reach > 0 and record_of(ns, id) or '- - 0'
      end
    end
  end
  for place, id in ipairs(ids) do
    local record = left[id] and place > keep and id ~= new and shown(ns, id)
    if record then set('checkpoint:' .. id .. ns, (string.gsub(record, '^(%S+ %S+) %d+', '%1 -'))) end
    if left[id] then rest[#rest + 1] = id else drop(ns, id) end
  end
  list(ns, rest)
  if ns ~= ':' then return end
  -- A subgraph's call goes with the checkpoint that it was made at.
  for _, call in ipairs(split(get('namespaces'))) do
    local its = string.find(call, ':', 2, true) and split(get('ids' .. call))
    if its and its[1] and its[1] < oldest then
      for _, id in ipairs(its) do drop(call, id) end
      list(call, {})
    end
  end
end
local function in_order(found)
  table.sort(found, function(one, other)
    if one[3] ~= other[3] then return one[3] < other[3] end
    return one[1] < other[1]
  end)
  return found
end
local function without(left, taken)
  local rest, place = {}, 1
  for _, one in ipairs(left) do
    local first, at = one[1]
    while taken[place] and (taken[place][3] < one[3] or (taken[place][3] == one[3] and taken[place][2] < first)) do
      place = place + 1
    end
    at = place
    while taken[at] and taken[at][3] == one[3] and taken[at][1] <= one[2] do
      if taken[at][1] > first then rest[#rest + 1] = {first, taken[at][1] - 1, one[3]} end
      first = math.max(first, taken[at][2] + 1)
      at = at + 1
    end
    if first <= one[2] then rest[#rest + 1] = {first, one[2], one[3]} end
  end
  return rest
end
local function sweep(newest)
  local named, left = {}, {}
  for _, record in ipairs(gone) do
    for _, range in ipairs(ranges(record)) do named[#named + 1] = range end
  end
  for _, range in ipairs(in_order(named)) do
    local before = left[#left]
    if before and before[3] == range[3] and range[1] <= before[2] + 1 then
      before[2] = math.max(before[2], range[2])
    else
      left[#left + 1] = range
    end
  end
  local function spare(record)
    local head = record and string.match(record, '^[^\\n]*') or ''
    for _, one in ipairs(left) do
      if string.find(head, ' ' .. one[3] .. '=', 1, true) then
        left = without(left, in_order(ranges(record)))
        break
      end
    end
    return #left == 0
  end
  if #left == 0 or (newest and spare(newest)) then return end
  for _, ns in ipairs(split(get('namespaces'))) do
    local ids = split(get('ids' .. ns))
    for first = 1, #ids, 100 do
      for _, record in ipairs(records_of(ns, ids, first, first + 99)) do if spare(record) then return end end
    end
  end
  for _, range in ipairs(left) do
    for number = range[1], range[2] do del(range[3] .. string.format('@%d', number)) end
    swept[#swept + 1] = range[3] .. string.format('=%d-%d', range[1], range[2])
  end
  set('swept', string.format('%d', (get('swept') or 0) + 1))
end
"""

# ARGV: the write's ID, the fence's seconds, the thread's seconds to live; how many checkpoints to keep or 0; a name for
# the hash if it is new; the life and the sweeps that what is borrowed was known at, or blanks; NS, ID, parent; 1 if
# that must be there and shown; the reach; the rest of the record; then, for each channel, its name, its numbers, +0
# being the first of its new values, how many of those there are, and they. Returns what came of it and, where the
# client has to learn, life, sweeps, the ranges that were removed, and for each channel the first new number. Of what an
# earlier attempt has stored, life, sweeps and the record's first line.
_UNLESS_PUT = (
    """\
local ns, id, parent = ARGV[8], ARGV[9], ARGV[10]
local before = record_of(ns, id)
if before and string.sub(before, 1, #ARGV[1] + 1) == ARGV[1] .. ' ' then
  fence()
  return {'again', get('life'), get('swept') or '0', string.match(before, '^[^\\n]*\\n')}
end
"""
    + UNLESS_FENCED
)
_PUT = """\
if ARGV[6] ~= '' and (get('life') ~= ARGV[6] or (get('swept') or '0') ~= ARGV[7]) then return {'stale'} end
if ARGV[11] == '1' and not shown(ns, parent) then return {'orphan'} end
if ARGV[12] ~= '0' and not record_of(ns, parent) then return {'orphan'} end
if not tonumber(get('swept') or '0') then return redis.error_reply('DAMAGED swept') end
local head, firsts, place = {ARGV[1], parent, ARGV[12]}, {}, 14
while place <= #ARGV do
  local channel, count = ARGV[place], tonumber(ARGV[place + 2])
  local first = tonumber(get('next:' .. channel) or '0')
  if not first or get(channel .. string.format('@%d', first)) then
    return redis.error_reply('DAMAGED next:' .. channel)
  end
  firsts[#firsts + 1], place = first, place + 3 + count
end
if before then gone[1] = before end
if not get('life') then set('life', ARGV[5]) end
place = 14
for _, first in ipairs(firsts) do
  local channel, count = ARGV[place], tonumber(ARGV[place + 2])
  local numbers = string.gsub(ARGV[place + 1], '%+(%d+)', function(nth) return string.format('%d', first + nth) end)
  for nth = 0, count - 1 do set(channel .. string.format('@%d', first + nth), ARGV[place + 3 + nth]) end
  if count > 0 then set('next:' .. channel, string.format('%d', first + count)) end
  head[#head + 1], place = channel .. '=' .. numbers, place + 3 + count
end
local record = table.concat(head, ' ') .. '\\n' .. ARGV[13]
set('checkpoint:' .. id .. ns, record)
enter(ns, id)
if ARGV[4] ~= '0' then trim(ns, tonumber(ARGV[4]), id) end
sweep(record)
live()
fence()
return {'written', get('life'), get('swept') or '0', table.concat(swept, ' '), unpack(firsts)}
"""

# ARGV: the write's ID, the fence's seconds, the seconds to live; a name for the hash if it is new; NS, ID; the writes.
_PUT_WRITES = """\
local ns, id = ARGV[5], ARGV[6]
local name = 'writes:' .. id .. ns
local number, before = get('next:') or '0', get(name)
if not tonumber(number) or get('@' .. number) then return redis.error_reply('DAMAGED next:') end
if not get('life') then set('life', ARGV[4]) end
set('next:', string.format('%d', number + 1))
set('@' .. number, ARGV[7])
set(name, before and before .. ',' .. number or number)
enter(ns, id)
live()
fence()
"""

# ARGV: the write's ID, the fence's seconds, 0; how many checkpoints of each namespace stay; then NS and ID of single
# ones to remove.
_PRUNE = """\
if redis.call('EXISTS', thread) == 1 then
  if ARGV[4] ~= '0' then
    for _, ns in ipairs(split(get('namespaces'))) do if get('ids' .. ns) then trim(ns, tonumber(ARGV[4])) end end
  end
  for place = 5, #ARGV, 2 do
    local rest = {}
    drop(ARGV[place], ARGV[place + 1])
    for _, id in ipairs(split(get('ids' .. ARGV[place]))) do if id ~= ARGV[place + 1] then rest[#rest + 1] = id end end
    list(ARGV[place], rest)
  end
  if get('namespaces') == '' then redis.call('DEL', thread) else sweep() end
end
fence()
"""

# Asking for a field fails where the key holds something else than a hash, which must stay.
# DEL comes before SET, so that it is possible where memory is full.
_DELETE = "get('life')\nredis.call('DEL', KEYS[2])\nfence()\nredis.call('DEL', thread)\n"

# ARGV: the write's ID, the fence's seconds, the seconds to live; a name for the copy; its fields and values.
_COPY = """\
if get('life') and get('life') ~= ARGV[4] then return {'exists'} end
for place = 5, #ARGV, 2 do set(ARGV[place], ARGV[place + 1]) end
set('life', ARGV[4])
live()
fence()
"""


def _task(*parts: str) -> Task:
    body = _THREAD + "".join(parts)
    return Task(UNLESS_FENCED + _FIRST + body, UNLESS_FENCED + _AGAIN + body)


_PUT_ONCE = _THREAD + _UNLESS_PUT + _BEGIN + _REMOVE + _PUT
PUT = Task(_FIRST + _PUT_ONCE, _AGAIN + _PUT_ONCE)
PUT_WRITES = _task(_BEGIN, _PUT_WRITES)
# What removes is possible where memory is full: DEL comes before SET.
PRUNE = _task("redis.call('DEL', KEYS[2])\n", _BEGIN, _REMOVE, _PRUNE)
# Each attempt leaves the fence: a further one that finds it deletes nothing, whoever has written meanwhile.
_DELETE_ONCE = UNLESS_FENCED + _AGAIN + _THREAD + _DELETE
DELETE = Task(_DELETE_ONCE, _DELETE_ONCE, fences=True)
COPY = _task(_BEGIN, _COPY)
