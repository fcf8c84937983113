# The programs that benchmarks call. Each is named with the package of Debian and Ubuntu that has it: PROGRAM:PACKAGE.

# Without these a benchmark makes no sense.
need() {
    local tool
    obtain "$@"
    for tool; do
        command -v "${tool%%:*}" > /dev/null || fail "${tool%%:*} is not installed (package ${tool##*:})"
    done
}

# Without these it goes on, and its table says what is left out: want WHAT PROGRAM:PACKAGE... is true where all are there.
want() {
    local what=$1 tool
    shift
    obtain "$@"
    for tool; do
        if ! command -v "${tool%%:*}" > /dev/null; then
            left_out "$what: ${tool%%:*} is not installed (package ${tool##*:})"
            return 1
        fi
    done
}

obtain() {
    local tool packages=()
    for tool; do
        command -v "${tool%%:*}" > /dev/null || packages+=("${tool##*:}")
    done
    if [ ${#packages[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        install "${packages[@]}"
    fi
}

# A package that brings a service must not start it here: sshd is wanted as a program only.
install() {
    local policy=/usr/sbin/policy-rc.d
    progress "installing $*"
    [ -e $policy ] && policy= || printf '#!/bin/sh\nexit 101\n' > $policy
    [ -z "$policy" ] || chmod +x "$policy"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } > "$work/install.log" 2>&1 < /dev/null ||
        progress "that failed: $(tail -n 1 "$work/install.log")"
    [ -z "$policy" ] || rm -f "$policy"
}

require_ferry() {
    if [ -z "${FERRY_BINARY:-}" ] && [ -z "${BENCH_SUMMARY:-}" ]; then
        "$clone/ferry" --version > /dev/null
    fi
    [ -x "$ferry" ] || fail "there is no native binary at $ferry; ./ferry says why"
}

# Whether this build of ferry send knows an option.
knows() { "$ferry" send --help | grep -q -e "$1 "; }
