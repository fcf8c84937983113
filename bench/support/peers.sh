# The other ways to copy $source to $root/out. Where there is a receiver of its own, it is started outside of the time, as ferry's server is.
peer=$work/peer

copy() {
    if [ -d "$source" ]; then sending cp -a "$source" "$root/out/"; else sending cp "$source" "$root/out/"; fi
}
copy_again() { copy; }
copy_cloned() { sending cp --reflink=always "$source" "$root/out/"; }
copy_cloned_again() { copy_cloned; }
copy_flushed() {
    copy
    if [ -d "$source" ]; then sync --file-system "$root/out"; else sync "$root/out/${source##*/}"; fi
}
copy_flushed_again() { copy_flushed; }
through_rsync() { sending rsync -a "$source" "$root/out/"; }
through_rsync_flushed() { sending rsync -a --fsync "$source" "$root/out/"; }

wait_for_peer() { wait_until "$started" "the receiver of ${label[$current]}" test -S "$peer"; }

before_through_socat() {
    rm -f "$peer"
    start receiving socat -u -b 262144 "UNIX-LISTEN:$peer" "OPEN:$root/out/file,creat,trunc"
    wait_for_peer
}
through_socat() {
    sending socat -u -b 262144 "OPEN:$source" "UNIX-CONNECT:$peer"
    await "$started"
}

before_through_netcat() {
    rm -f "$peer"
    start receiving nc -d -l -U "$peer" > "$root/out/file"
    wait_for_peer
}
through_netcat() {
    sending nc -N -U "$peer" < "$source"
    await "$started"
}

before_through_tar() {
    rm -f "$peer"
    start receive_tar
    wait_for_peer
}
receive_tar() { receiving socat -u -b 262144 "UNIX-LISTEN:$peer" - | receiving tar -x -C "$root/out"; }
through_tar() {
    sending tar -c -C "${source%/*}" "${source##*/}" | sending socat -u -b 262144 - "UNIX-CONNECT:$peer"
    await "$started"
}

through_scp() { sending scp -q -r -F "$work/ssh/client" "$source" "loopback:$root/out/"; }
through_sftp() { echo "put $source $root/out/" | sending sftp -q -b - -F "$work/ssh/client" loopback > /dev/null; }

# What they are called in the tables.
name_variants() {
    local sent=${source##*/} cp=cp
    [ ! -d "$source" ] || cp="cp -a"
    variant through_ferry "ferry" "" "$root/inbox/$sent"
    variant through_ferry_again "ferry again" "" "$root/inbox/$sent"
    variant through_ferry_keyed "ferry --delivery-key" "" "$root/inbox/$sent"
    variant through_ferry_alone "ferry --jobs 1" "" "$root/inbox/$sent"
    variant through_ferry_checked "ferry --checksum" "" "$root/inbox/$sent"
    variant through_stream "ferry --no-descriptors" "" "$root/inbox/$sent"
    variant copy "$cp" "nothing checked or flushed" "$root/out/$sent"
    variant copy_again "$cp again" "nothing checked or flushed" "$root/out/$sent"
    variant copy_cloned "cp --reflink=always" "nothing checked or flushed" "$root/out/$sent"
    variant copy_cloned_again "cp --reflink=always again" "nothing checked or flushed" "$root/out/$sent"
    variant through_rsync "rsync -a" "nothing flushed; local rsync compares a checksum of its own" "$root/out/$sent"
    variant through_rsync_flushed "rsync -a --fsync" "each file flushed, directories not" "$root/out/$sent"
    variant through_socat "socat -u -b 262144" "nothing checked or flushed" "$root/out/file"
    variant through_netcat "nc -N -U" "nothing checked or flushed" "$root/out/file"
    variant through_tar "tar, socat, tar" "nothing checked or flushed" "$root/out/$sent"
    variant through_scp "scp, loopback sshd" "encrypted; nothing flushed" "$root/out/$sent"
    variant through_sftp "sftp, loopback sshd" "encrypted; nothing flushed" "$root/out/$sent"
    if [ -d "$source" ]; then
        variant copy_flushed "$cp, then sync -f" "all flushed at the end" "$root/out/$sent"
        variant copy_flushed_again "the same again" "all flushed at the end" "$root/out/$sent"
    else
        variant copy_flushed "$cp, then sync FILE" "the file flushed, its directory not" "$root/out/$sent"
        variant copy_flushed_again "the same again" "the file flushed, its directory not" "$root/out/$sent"
    fi
}

# Those of ferry's own variants that this build has.
ferry_variants() {
    echo through_ferry
    ! knows --jobs || echo through_ferry_alone
    ! knows --checksum || echo through_ferry_checked
}
