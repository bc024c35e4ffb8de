# SPDX-License-Identifier: MIT
"""A service that the bus starts: rawbus-service.py NAME. Answers calls with their path."""

import os
import sys

import rawbus


def main():
    try:
        with rawbus.Connection(os.environ['DBUS_STARTER_ADDRESS'], timeout=300) as connection:
            connection.own(sys.argv[1])
            while True:
                request = connection.wait_call()
                request.close_fds()
                if request.member == 'Crash':
                    os._exit(3)
                connection.send(rawbus.reply_to(request, 's', request.path))
                if request.member == 'Quit':
                    connection.sync()
                    return
    except (rawbus.Disconnected, rawbus.Timeout):
        return


main()
