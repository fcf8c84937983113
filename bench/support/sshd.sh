# An sshd of the benchmark's own, on a private port of the loopback, with keys and settings that are thrown away.
# False where there is none to be had; `ssh -F $work/ssh/client loopback` reaches it.
start_sshd() {
    want "scp, sftp" ssh:openssh-client scp:openssh-client sftp:openssh-client sshd:openssh-server || return 1
    mkdir -m 700 "$work/ssh"
    ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host"
    ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/user"
    private_directory
    local attempt
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        write_settings
        start "$(command -v sshd)" -D -e -f "$work/ssh/server" 2> "$work/ssh/log"
        ! sshd_answers || return 0
        stop "$started"
    done
    left_out "scp, sftp: sshd does not let us in: $(tail -n 1 "$work/ssh/log")"
    return 1
}

# sshd insists on it, and only its service makes it.
private_directory() {
    if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then
        mkdir -m 755 /run/sshd
        made+=(/run/sshd)
    fi
}

write_settings() {
    cat > "$work/ssh/server" << END
ListenAddress 127.0.0.1
Port $port
HostKey $work/ssh/host
AuthorizedKeysFile $work/ssh/user.pub
PidFile none
StrictModes no
UsePAM $([ "$(id -u)" = 0 ] && echo yes || echo no)
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
Subsystem sftp internal-sftp
END
    cat > "$work/ssh/client" << END
Host loopback
HostName 127.0.0.1
Port $port
User $(id -un)
IdentityFile $work/ssh/user
IdentitiesOnly yes
UserKnownHostsFile $work/ssh/known
GlobalKnownHostsFile none
BatchMode yes
ControlMaster no
ControlPath none
LogLevel ERROR
END
    echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$work/ssh/host.pub")" > "$work/ssh/known"
}

sshd_answers() {
    local attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        ! ssh -F "$work/ssh/client" loopback true 2>> "$work/ssh/log" < /dev/null || return 0
        kill -0 "$started" 2> /dev/null || return 1
        sleep 0.2
    done
    return 1
}
