# Ferry's server, and how the command is called against it.
servers=0
# What the server runs under, if anything.
tracer=()

# start_server ROOT LEVEL: its id is in the variable server, its address in socket.
start_server() {
    servers=$((servers + 1))
    socket=$work/socket$servers
    server_log=$work/server$servers.log
    level=$2
    mkdir -p "$1"
    start "${tracer[@]}" "$ferry" serve "$1" --at "$socket" --durability "$2" 2> "$server_log"
    server=$started
    wait_until "$server" "the server to start; $server_log" grep -q 'Server started' "$server_log"
}

stop_server() { stop "$server"; }

require_server() {
    local status=0
    kill -0 "$server" 2> /dev/null && return
    wait "$server" || status=$?
    fail "the server ended with $status: $(tail -n 3 "$server_log")"
}

# Sends $source at the level of the running server. The warm-up run keeps the receipts, which say how the content came and who checked it.
send() {
    if [ "$round" = 0 ]; then
        sending "$ferry" send "$source" --at "$socket" --durability "$level" --json "$@" > "$work/$current.receipts" 2> "$work/send.log" ||
            fail "$(cat "$work/send.log")"
    else
        "$ferry" send "$source" --at "$socket" --durability "$level" --quiet "$@"
    fi
}

through_ferry() { send; }
through_ferry_again() { send; }
# Each round is a delivery of its own.
through_ferry_keyed() { send --delivery-key "$round"; }
through_ferry_alone() { send --jobs 1; }
through_ferry_checked() { send --checksum; }
through_stream() { send --no-descriptors; }

# Peak resident memory of the server in KiB, since it started or since forget_memory.
server_memory() { awk '/^VmHWM/ { print $2 }' "/proc/$server/status"; }
forget_memory() {
    require_server
    echo 5 > "/proc/$server/clear_refs"
}

# What the receipts of the warm-up run say: how, checked by whom, level.
receipts_say() {
    sed -n 's/^.*"kind":"file".*"checked":"\([a-z]*\)","level":"\([a-z]*\)","how":"\([a-z]*\)".*$/\3, hash: \1, \2/p' "$work/$1.receipts" |
        sort | uniq -c | sort -rn | awk '{ count = $1; $1 = ""; printf "%s%s%s", (NR > 1 ? ";" : ""), substr($0, NR > 1 ? 1 : 2), (NR > 1 ? " (" count ")" : "") }'
}
