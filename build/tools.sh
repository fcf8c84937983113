# Sourced by ./test and .ci/run: the programs that the tests and the native build call. They set $clone.

# What the tests call, and the packages of Debian and Ubuntu that have it.
tools="strace:strace socat:socat nc:netcat-openbsd xxhsum:xxhash python3:python3-minimal diff:diffutils
    mount:mount bindfs:bindfs script:bsdutils setpriv:util-linux prlimit:util-linux unshare:util-linux
    mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs losetup:mount gcc:gcc,libc6-dev"

missing_tools() {
    for tool in $tools; do
        command -v "${tool%%:*}" > /dev/null || echo "${tool#*:}"
    done | tr ',' '\n' | sort -u | tr '\n' ' '
}

install_tools() {
    # mkfs and others are there for every user, though not in every user's PATH.
    export PATH="$PATH:/usr/sbin:/sbin"
    mkdir -p "$clone/artifacts"
    missing=$(missing_tools)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "tools: installing $missing"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086 # one word for each package
        { apt-get update -q < /dev/null && apt-get install -q -y --no-install-recommends $missing < /dev/null; } > "$clone/artifacts/install.log" 2>&1 ||
            echo "tools: that failed, see $clone/artifacts/install.log; tests that need them are skipped" >&2
    else
        echo "tools: not installed: $missing; tests that need them are skipped"
    fi
}
