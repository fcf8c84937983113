# Where the files live: a directory on tmpfs, or a freshly made image, mounted from memory or from the directory IMAGES.

# open_file_system NAME BYTES: an empty file system of that size is at $root. False where it cannot be had.
open_file_system() {
    file_system=$1
    root=$work/$1
    mkdir "$root"
    [ "$1" != tmpfs ] || return 0
    image_possible "$1" && make_image "$1" "$2"
}

image_possible() {
    if [ "$(id -u)" != 0 ]; then
        left_out "$1: only root can mount an image"
        return 1
    fi
    case $1 in
        ext4) want "$1" mkfs.ext4:e2fsprogs mount:mount ;;
        xfs) want "$1" mkfs.xfs:xfsprogs mount:mount ;;
        btrfs) want "$1" mkfs.btrfs:btrfs-progs mount:mount ;;
        *) fail "no such file system: $1" ;;
    esac
}

# The image's space is taken beforehand and kept by mkfs, so that the first run does not pay for it.
make_image() {
    image=$(mktemp "$images/ferry-bench-$1.XXXXXX")
    made+=("$image")
    fallocate -l "$2" "$image" || fail "$2 bytes for an image are not free in $images"
    case $1 in
        ext4) mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$image" ;;
        xfs) mkfs.xfs -q -K "$image" ;;
        btrfs) mkfs.btrfs -q -K "$image" > "$work/mkfs.log" 2>&1 ;;
    esac
    if ! mount -o loop "$image" "$root" 2> "$work/mount.log"; then
        left_out "$1: $(tail -n 1 "$work/mount.log")"
        rm -f "$image"
        return 1
    fi
    mounted+=("$root")
}

close_file_system() {
    if [ "$file_system" != tmpfs ] && [ ${#mounted[@]} -gt 0 ]; then
        umount "$root"
        rm -f "$image"
        mounted=()
    fi
    rm -rf "$root"
}

# What one run left to be written does not wait for the next.
settle() { [ "$file_system" = tmpfs ] || sync --file-system "$root"; }

# Whether the file systems asked for include NAME.
wanted() { [[ " $file_systems " = *" $1 "* ]]; }
