# SPDX-License-Identifier: MIT
"""A dbus-python service for the tests: dbus-python-service.py ADDRESS NAME. Prints READY."""

import os
import sys

import dbus
import dbus.bus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

IFACE = 'com.example.Python'


class Object(dbus.service.Object):
    @dbus.service.method(IFACE, in_signature='v', out_signature='v')
    def Echo(self, value):
        return value

    @dbus.service.method(IFACE, in_signature='s')
    def Fail(self, text):
        raise dbus.DBusException(text, name='com.example.Failed')

    @dbus.service.method(IFACE, in_signature='s')
    def Emit(self, text):
        self.Emitted(text)

    @dbus.service.method(IFACE, in_signature='h', out_signature='s')
    def Read(self, descriptor):
        with os.fdopen(descriptor.take()) as stream:
            return stream.read()

    @dbus.service.method(IFACE, in_signature='ay', out_signature='ay', byte_arrays=True)
    def Bytes(self, data):
        return dbus.ByteArray(data)

    @dbus.service.signal(IFACE, signature='s')
    def Emitted(self, text):
        pass


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(sys.argv[1])
name = dbus.service.BusName(sys.argv[2], bus)
Object(bus, '/com/example/Object')
print('READY', flush=True)
GLib.MainLoop().run()
