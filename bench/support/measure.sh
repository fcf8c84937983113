# Interleaved runs of variants. A variant is a function with a label; it copies $source, and what it makes is compared and removed
# outside of the time.
declare -A label on arrives
round=0
current=
heading=

# variant NAME LABEL ON ARRIVES: ON says which promises were on; empty for ferry, whose receipts say it.
variant() {
    label[$1]=$2
    on[$1]=$3
    arrives[$1]=$4
}

# Each variant once a round, the order rotating and turning back, so that none always follows the same one. The first round warms up,
# is not timed, and measures the memory of both sides.
interleave() {
    local names=("$@") name
    for name; do
        rm -f "$work/$name".{times,sender,receiver,receipts}
    done
    for ((round = 0; round <= runs; round++)); do
        [ ! -t 2 ] || printf '\rbench: %s, run %s of %s ' "$heading" "$round" "$runs" >&2
        for name in $(turned "$round" "${names[@]}"); do
            measure "$name"
        done
        names=("${names[@]:1}" "${names[0]}")
    done
    [ ! -t 2 ] || echo >&2
}

turned() {
    local odd=$(($1 % 2))
    shift
    if [ "$odd" = 1 ]; then printf '%s\n' "$@" | tac; else printf '%s\n' "$@"; fi
}

measure() {
    local begin end
    current=$1
    settle
    ! is_function "before_$1" || "before_$1"
    [[ ${label[$1]} != ferry* ]] || forget_memory
    begin=${EPOCHREALTIME/./}
    "$1"
    end=${EPOCHREALTIME/./}
    [[ ${label[$1]} != ferry* ]] || server_memory >> "$work/$1.receiver"
    ! is_function "after_$1" || "after_$1"
    [ -z "${arrives[$1]}" ] || same_and_gone "${arrives[$1]}"
    [ "$round" = 0 ] || echo $((end - begin)) >> "$work/$1.times"
}

is_function() { declare -F "$1" > /dev/null; }

same_and_gone() {
    if [ -d "$source" ]; then diff -r "$source" "$1"; else cmp "$source" "$1"; fi || fail "${label[$current]} did not copy $source"
    rm -r "$1"
}

# Run a program of the sending or receiving side; the warm-up run notes its peak resident memory.
sending() { noting sender "$@"; }
receiving() { noting receiver "$@"; }
noting() {
    local side=$1
    shift
    if [ "$round" = 0 ]; then /usr/bin/time -q -a -o "$work/$current.$side" -f %M "$@"; else "$@"; fi
}

# The median, in microseconds.
median() { sort -n "$work/$1.times" | awk '{ time[NR] = $1 } END { print (time[int((NR + 1) / 2)] + time[int(NR / 2) + 1]) / 2 }'; }

# How many times as long A takes as B; by how many milliseconds longer.
ratio() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN { printf "%.2f", a / b }'; }
difference() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN { d = sprintf("%.1f", (a - b) / 1000); print d == "-0.0" ? "0.0" : d }'; }
milliseconds() { awk -v time="$(median "$1")" 'BEGIN { printf "%.1f", time / 1000 }'; }
