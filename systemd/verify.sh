#!/usr/bin/env bash
# Checks the units with systemd-analyze: names, values and references of every directive. The programs they start need
# not be installed: copies of the units are checked that start /bin/true in their place. Any word of complaint fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

for unit in agentd.service agentd.socket agentd@.service agentd-backup.service agentd-backup.timer; do
    sed -E -e 's#^(ExecStart=)\S+/agentd$#\1/bin/true#' \
        -e 's#^(ExecStart=)\S+/agentctl( memory backup)$#\1/bin/true\2#' "$here/$unit" > "$copy/$unit"
done
# The replacement must have met every service, or a changed line would be checked by nobody.
if [ "$(grep -lE '^ExecStart=/bin/true( memory backup)?$' "$copy"/*.service | wc -l)" != 3 ]; then
    echo "verify.sh: an ExecStart line was not recognised" >&2
    exit 1
fi
cp "$copy/agentd@.service" "$copy/agentd@someone.service"

check() {
    local said
    if ! said=$(systemd-analyze "$@" 2>&1) || [ -n "$said" ]; then
        printf '%s\n' "$said" >&2
        echo "verify.sh: systemd-analyze $* complains" >&2
        exit 1
    fi
}

# A user manager wants a runtime directory; here any will do.
export XDG_RUNTIME_DIR=$copy
check --user verify --man=no "$copy/agentd.service" "$copy/agentd.socket"
check --user verify --man=no "$copy/agentd-backup.service" "$copy/agentd-backup.timer"
check --system verify --man=no "$copy/agentd@someone.service"
echo "systemd/verify.sh: agentd.service, agentd.socket, agentd@.service and agentd-backup.{service,timer} are in order ($(systemd-analyze --version | head -n 1))"
