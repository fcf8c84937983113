# Sourced by every benchmark: settings, a work directory of its own, and an end that leaves nothing behind.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
support=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

# In a mount name space of its own no mount outlives the benchmark, whatever ends it.
if [ "$(id -u)" = 0 ] && [ -z "${BENCH_NAMESPACE:-}" ] && unshare --mount true 2> /dev/null; then
    BENCH_NAMESPACE=yes exec unshare --mount "$0" "$@"
fi

. "$support/settings.sh"
work=$(mktemp -d "$memory/ferry-bench.XXXXXX")
owned=()
mounted=()
made=()

finish() {
    local process mount
    trap '' INT TERM HUP
    for process in "${owned[@]}"; do
        kill -- "-$process" 2> /dev/null || true
    done
    for process in "${owned[@]}"; do
        wait "$process" 2> /dev/null || true
    done
    for mount in "${mounted[@]}"; do
        umount "$mount" || umount --lazy "$mount" || true
    done
    rm -rf "$work" "${made[@]}"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Starts a command in the background, with its id in the variable started. It is a process group, so that its end is the end of all of it.
start() {
    set -m
    "$@" &
    started=$!
    set +m
    owned+=("$started")
}

# Waits for one that was started, and fails as it did.
await() {
    disown_process "$1"
    wait "$1"
}

stop() {
    kill -- "-$1" 2> /dev/null || true
    disown_process "$1"
    wait "$1" || true
}

disown_process() {
    local process kept=()
    for process in "${owned[@]}"; do
        [ "$process" = "$1" ] || kept+=("$process")
    done
    owned=("${kept[@]}")
}

# wait_until PROCESS WHAT TEST...: looks until the test holds, for a minute at most, and only while the process lives that is to bring it about.
wait_until() {
    local process=$1 what=$2 end=$((SECONDS + 60))
    shift 2
    until "$@"; do
        kill -0 "$process" 2> /dev/null || fail "waited for $what, and process $process has ended"
        [ "$SECONDS" -lt "$end" ] || fail "waited a minute for $what"
        sleep 0.01
    done
}

. "$support/report.sh"
. "$support/tools.sh"
. "$support/server.sh"
. "$support/file-systems.sh"
. "$support/measure.sh"
. "$support/sources.sh"
. "$support/peers.sh"
need cmp:diffutils diff:diffutils /usr/bin/time:time fallocate:util-linux
require_ferry
[ -n "${BENCH_SUMMARY:-}" ] || head_line "bench/${0##*/}${*:+ $*}"
