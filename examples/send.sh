#!/bin/sh
# Sends a file to a Ferry server through the plain protocol, with nothing but nc.
# Usage: send.sh SOCKET FILE [NAME]
set -u
if [ $# -lt 2 ]; then
    echo "usage: $0 SOCKET FILE [NAME]" >&2
    exit 2
fi
socket=$1 file=$2 name=${3:-$(basename "$2")}

# nc itself says nothing of an unreadable file: it would deliver an empty one.
if [ ! -f "$file" ] || [ ! -r "$file" ]; then
    echo "$0: cannot read $file" >&2
    exit 2
fi
line=$({ printf '%s\n' "$name" && cat -- "$file"; } | nc -N -U "$socket" | tail -n 1)
echo "$line"
case $line in
    "Stored $(wc -c < "$file" | tr -d ' ') bytes "*) exit 0 ;;
    *) exit 1 ;;
esac
