#!/usr/bin/env python3
"""Sends a file to a Ferry server through the plain protocol. Usage: send.py SOCKET FILE [NAME]"""
import os
import socket
import sys

if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
path, name = sys.argv[2], os.fsencode(sys.argv[3] if len(sys.argv) == 4 else os.path.basename(sys.argv[2]))
with open(path, "rb") as file, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
    connection.connect(sys.argv[1])
    try:
        connection.sendall(name + b"\n")
        size = connection.sendfile(file)
        connection.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        size = -1  # refused: the answer says why
    answer = connection.makefile("rb").read()
last = answer.rstrip(b"\n").rsplit(b"\n", 1)[-1].decode(errors="replace")
print(last)
sys.exit(0 if last.startswith(f"Stored {size} bytes ") else 1)
