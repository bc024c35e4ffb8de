#!/bin/bash
# SPDX-License-Identifier: MIT
# Clients and services in languages and libraries that have an implementation of D-Bus of their
# own, or wrap libdbus in theirs, on the session bus that this runs in.
set -u
. "$(dirname "$0")/checks.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# --- Perl, on libdbus
cat >"$dir/service.pl" <<'E'
package Thing;
use base qw(Net::DBus::Object);
use Net::DBus::Exporter qw(com.example.Thing);
sub new { my $c = shift; return bless $c->SUPER::new(shift, "/thing"), $c }
dbus_method("Twice", ["string"], ["string"]);
sub Twice { return $_[1] x 2 }
package main;
use Net::DBus;
use Net::DBus::Reactor;
my $service = Net::DBus->session->export_service("com.example.Perl");
my $thing = Thing->new($service);
Net::DBus::Reactor->main->run;
E
perl "$dir/service.pl" &
wait_for_name com.example.Perl
check "Net::DBus calls its own kind" "abab" perl -MNet::DBus -e \
  'print Net::DBus->session->get_service("com.example.Perl")->get_object("/thing", "com.example.Thing")->Twice("ab")'
check "Net::DBus is called" '"xx"' busctl --user call com.example.Perl /thing com.example.Thing \
  Twice s x
check "Net::DBus lists names" "com.example.Perl" perl -MNet::DBus -e \
  'print join "\n", @{Net::DBus->session->get_bus_object->ListNames}'

# --- Ruby, an implementation of its own
cat >"$dir/service.rb" <<'E'
require "dbus"
class Thing < DBus::Object
  dbus_interface "com.example.Thing" do
    dbus_method :Twice, "in text:s, out result:s" do |text|
      [text * 2]
    end
  end
end
bus = DBus.session_bus
bus.request_service("com.example.Ruby").export(Thing.new("/thing"))
loop = DBus::Main.new
loop << bus
loop.run
E
ruby "$dir/service.rb" &
wait_for_name com.example.Ruby
check "ruby-dbus calls its own kind" "abab" ruby -rdbus -e \
  'puts DBus.session_bus["com.example.Ruby"]["/thing"]["com.example.Thing"].Twice("ab")'
check "ruby-dbus is called" '"xx"' busctl --user call com.example.Ruby /thing com.example.Thing \
  Twice s x
check "ruby-dbus calls Perl" "yy" ruby -rdbus -e \
  'puts DBus.session_bus["com.example.Perl"]["/thing"]["com.example.Thing"].Twice("y")'

# --- Qt
check "qdbus lists names" "com.example.Perl" qdbus
check "qdbus calls" "zz" qdbus com.example.Perl /thing com.example.Thing.Twice z
check "qdbus calls the bus" "true" qdbus org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
  com.example.Ruby

# --- Python: two implementations of its own, two on GDBus
cat >"$dir/use_jeepney.py" <<'E'
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection(bus='SESSION')
thing = DBusAddress('/thing', bus_name='com.example.Perl', interface='com.example.Thing')
print(bus.send_and_get_reply(new_method_call(thing, 'Twice', 's', ('jeep',)), timeout=10).body[0])
E
check "jeepney calls" "jeepjeep" /usr/bin/python3 "$dir/use_jeepney.py"
cat >"$dir/next.py" <<'E'
import asyncio
from dbus_next.aio import MessageBus
from dbus_next.service import ServiceInterface, method, signal
class Thing(ServiceInterface):
    @method()
    def Twice(self, text: 's') -> 's':
        self.Said(text)
        return text * 2
    @signal()
    def Said(self, text) -> 's':
        return text
async def main():
    service, client = await MessageBus().connect(), await MessageBus().connect()
    service.export('/thing', Thing('com.example.Thing'))
    await service.request_name('com.example.Next')
    node = await client.introspect('com.example.Next', '/thing')
    proxy = client.get_proxy_object('com.example.Next', '/thing', node)
    thing = proxy.get_interface('com.example.Thing')
    heard = asyncio.get_running_loop().create_future()
    thing.on_said(heard.set_result)
    print(await thing.call_twice('next'), await asyncio.wait_for(heard, 10))
asyncio.run(main())
E
check "dbus-next serves, calls and hears" "nextnext next" /usr/bin/python3 "$dir/next.py"
cat >"$dir/use_dasbus.py" <<'E'
from dasbus.connection import SessionMessageBus
print(SessionMessageBus().get_proxy('com.example.Perl', '/thing').Twice('das'))
E
check "dasbus calls" "dasdas" /usr/bin/python3 "$dir/use_dasbus.py"
cat >"$dir/use_pydbus.py" <<'E'
from pydbus import SessionBus
print(SessionBus().get('com.example.Perl', '/thing').Twice('py'))
E
check "pydbus calls" "pypy" /usr/bin/python3 "$dir/use_pydbus.py"

# --- the old binding for GLib, on libdbus
cat >"$dir/glib.py" <<'E'
import ctypes
glib = ctypes.CDLL('libdbus-glib-1.so.2')
for name in 'dbus_g_bus_get', 'dbus_g_proxy_new_for_name':
    getattr(glib, name).restype = ctypes.c_void_p
bus = glib.dbus_g_bus_get(0, None)
args = [ctypes.c_char_p(b) for b in (b'com.example.Perl', b'/thing', b'com.example.Thing')]
proxy = glib.dbus_g_proxy_new_for_name(ctypes.c_void_p(bus), *args)
string, end, result = ctypes.c_size_t(16 << 2), ctypes.c_size_t(0), ctypes.c_char_p()
done = glib.dbus_g_proxy_call(ctypes.c_void_p(proxy), b'Twice', None,
                              string, ctypes.c_char_p(b'glib'), end,
                              string, ctypes.byref(result), end)
print(done, result.value)
E
check "dbus-glib calls" "1 b'glibglib'" /usr/bin/python3 "$dir/glib.py"
kill %1 %2
echo "1..$n"
