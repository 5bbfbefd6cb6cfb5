-- ask.lua [SOCKET] QUESTION: prints the answer while it is written. Needs luasocket (Debian: lua-socket).
local env, names, shown = os.getenv, { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }, false
local function quote(s) return '"' .. s:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"' end
local function char(c, hex) return c == "u" and utf8.char("0x" .. hex) or (names[c] or c) .. hex end
local function plain(s) return (s:gsub("\\(.)(%x?%x?%x?%x?)", char)) end
local dir = env("AGENTD_STATE_DIR") or (env("XDG_STATE_HOME") or (env("HOME") or "") .. "/.local/state") .. "/agentd"
local path = arg[2] and arg[1] or env("AGENTD_SOCKET") or io.open(dir .. "/agentd.lock"):read():match('"socket":"(.-)"')
local wire = require("socket.unix")()
assert(wire:connect(path))
local params = '{"prompt":' .. quote(arg[#arg]) .. ',"cwd":' .. quote(env("PWD") or "/") .. "}"
wire:send('{"jsonrpc":"2.0","id":1,"method":"ask","params":' .. params .. "}\n")
for line in function() return (wire:receive()) end do
  local failure = line:match('^{"jsonrpc":"2.0","id":%w+,"error":{"code":%-?%d+,"message":"(.-)","data":{')
  if failure then io.stderr:write(plain(failure), "\n") os.exit(1) end
  local answer = line:match('^{"jsonrpc":"2.0","id":1,"result":{"answer":"(.-)","source":"')
  if answer then print(shown and "" or plain(answer)) os.exit(0) end
  local delta, ended = line:match('"event":{"text":{"delta":"(.*)"}}}}$'), line:find('"event":{"text_end":', 1, true)
  if delta or ended then shown = delta io.write(ended and "\n" or plain(delta)):flush() end
end
error("the daemon closed the connection")
