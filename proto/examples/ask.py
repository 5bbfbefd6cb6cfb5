#!/usr/bin/env python3
"""ask.py [SOCKET] QUESTION: prints the answer while it is written."""
import json, os, socket, sys
env = os.environ.get
state = env("AGENTD_STATE_DIR") or (env("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")) + "/agentd"
path = sys.argv[1] if len(sys.argv) > 2 else env("AGENTD_SOCKET") or json.load(open(state + "/agentd.lock"))["socket"]
wire = socket.socket(socket.AF_UNIX)
wire.connect(path)
params = {"prompt": sys.argv[-1], "cwd": os.getcwd()}
wire.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ask", "params": params}).encode() + b"\n")
shown = False
for reply in map(json.loads, wire.makefile("rb")):
    if "error" in reply:
        sys.exit(reply["error"]["message"])
    if "result" in reply:
        sys.exit(print("" if shown else reply["result"]["answer"]))
    event = reply["params"]["event"]
    shown = "text" in event or shown and "text_end" not in event
    print("\n" if "text_end" in event else event.get("text", {}).get("delta", ""), end="", flush=True)
sys.exit("the daemon closed the connection")
