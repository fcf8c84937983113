# What can be set from outside, and its defaults.
clone=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
runs=${RUNS:-21}
size=${SIZE:-1G}
bytes=$(numfmt --from=iec "$size")
files=${FILES:-10000}
file_systems=${FILE_SYSTEMS:-tmpfs ext4 xfs btrfs}
memory=${BENCH_MEMORY:-/dev/shm}
images=${IMAGES:-$memory}
ferry=${FERRY_BINARY:-$clone/artifacts/command/ferry}

fail() { echo "bench: $*" >&2; exit 1; }
progress() { echo "bench: $*" >&2; }
