# Tables in Markdown: one with details for each group of variants, and one summary with a row for each case.
summary=${BENCH_SUMMARY:-${work:-}/summary}

left_out() { echo "left out: $1" >> "$summary.missing"; }

# details TITLE VARIANT...: the first is ferry, whose time is given as a part of each other's.
details() {
    local title=$1 first=$2 name
    shift
    printf '\n### %s\n\n' "$title"
    echo "| how | median ms | fastest to slowest | ferry's time, of this | sender's memory MiB | receiver's | what was on |"
    echo "|---|---|---|---|---|---|---|"
    for name; do
        echo "| ${label[$name]} | $(milliseconds "$name") | $(range "$name") | $(ratio "$first" "$name") |" \
            "$(mebibytes "$name.sender") | $(mebibytes "$name.receiver") | $(promises "$name") |"
    done
}

range() { sort -n "$work/$1.times" | awk 'NR == 1 { least = $1 } { most = $1 } END { printf "%.1f to %.1f", least / 1000, most / 1000 }'; }

# Peak memory: the warm-up run's programs together, and for ferry's server the most of all runs.
mebibytes() {
    [ -s "$work/$1" ] || return 0
    if [[ ${label[${1%.*}]} = ferry* ]]; then sort -n "$work/$1" | tail -n 1; else cat "$work/$1"; fi |
        awk '{ sum += $1 } END { printf "%.0f", sum / 1024 }'
}

promises() { if [ -s "$work/$1.receipts" ]; then receipts_say "$1"; else echo "${on[$1]}"; fi; }

# noise A B: two variants that do the same.
noise() { echo "$(ratio "$1" "$2") ($(spread "$1" "$2"))"; }
spread() {
    paste "$work/$1.times" "$work/$2.times" |
        awk '{ r = $1 / $2 } NR == 1 || r < least { least = r } r > most { most = r } END { printf "%.2f to %.2f", least, most }'
}

# judge CASE VALUE UNIT TARGET BEYOND NOISE: a row of the summary. TARGET and BEYOND are like `<= 1.10`, or empty.
judge() {
    local spread=1
    [ -n "$3" ] || spread=${6%% *}
    echo "| $1 | $2${3:+ $3} | ${4:+$4${3:+ $3}} | $(met "$2" "$4" "$spread") | ${5:+$5${3:+ $3}} | $(met "$2" "$5" "$spread") | $6 |" >> "$summary"
}

# A ratio that misses by less than the same differs from itself counts as equal, and says so.
met() {
    [ -z "$2" ] || awk -v spread="${3:-1}" "BEGIN {
        if (spread < 1) { spread = 1 / spread }
        print ($1 $2) ? \"yes\" : ($1 / spread $2 || $1 * spread $2) ? \"NO, but inside the noise\" : \"NO\"
    }"
}

# The date, the machine and what was called.
head_line() {
    local binary=${FERRY_BINARY:-./ferry}
    echo "$(date -u +%Y-%m-%d), Linux $(uname -r), $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB, load" \
        "$(cut -d ' ' -f 1 /proc/loadavg); \`$1\`; RUNS=$runs SIZE=$size FILES=$files; ${binary##*/} $("$ferry" --version)"
}

print_summary() {
    if [ -s "$summary" ]; then
        printf '\n### Summary\n\n'
        echo "| case | result | target | met | aim beyond | met | the same against itself |"
        echo "|---|---|---|---|---|---|---|"
        cat "$summary"
    fi
    [ ! -s "$summary.missing" ] || { echo; sort -u "$summary.missing"; }
}

# Last line of every benchmark. Under bench/run the one summary comes at the end of all.
summarise() {
    if [ -z "${BENCH_SUMMARY:-}" ]; then
        print_summary
    fi
}
