# SPDX-License-Identifier: MIT
"""A GDBus service for the tests: gdbus-service.py ADDRESS NAME. Prints READY."""

import sys

import gi
gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib

XML = '''<node><interface name="com.example.Iface">
<method name="Echo"><arg type="v" direction="in"/><arg type="v" direction="out"/></method>
<method name="Fail"><arg type="s" direction="in"/></method>
<method name="Emit"><arg type="s" direction="in"/></method>
<method name="Who"><arg type="s" direction="out"/></method>
<method name="Quit"/>
<property name="Level" type="u" access="readwrite"/>
<signal name="Emitted"><arg type="s"/></signal>
</interface></node>'''
PATH, IFACE = '/com/example/Object', 'com.example.Iface'


class Service:
    def __init__(self, address, name):
        self.loop, self.level = GLib.MainLoop(), 7
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                 Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        info = Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0]
        self.connection.register_object(PATH, info, self.on_call, self.on_get, self.on_set)
        Gio.bus_own_name_on_connection(self.connection, name, Gio.BusNameOwnerFlags.NONE,
                                       lambda *_: print('READY', flush=True),
                                       lambda *_: self.loop.quit())

    def on_call(self, connection, sender, _path, _interface, method, arguments, invocation):
        if method == 'Echo':
            invocation.return_value(arguments)
        elif method == 'Fail':
            invocation.return_dbus_error('com.example.Failed', arguments[0])
        elif method == 'Who':
            invocation.return_value(GLib.Variant('(s)', (sender,)))
        else:
            if method == 'Emit':
                connection.emit_signal(None, PATH, IFACE, 'Emitted', arguments)
            invocation.return_value(None)
            if method == 'Quit':
                connection.flush_sync()
                self.loop.quit()

    def on_get(self, *_):
        return GLib.Variant('u', self.level)

    def on_set(self, connection, _sender, path, interface, name, value):
        self.level = value.unpack()
        changed = GLib.Variant('(sa{sv}as)', (interface, {name: value}, []))
        connection.emit_signal(None, path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged',
                               changed)
        return True


Service(sys.argv[1], sys.argv[2]).loop.run()
