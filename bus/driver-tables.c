/* SPDX-License-Identifier: MIT */
/* Knows all interfaces of bus/, so that the dispatcher needs to know none. */
#include "bus/driver-tables.h"

#include "bus/driver-bus.h"
#include "bus/driver-introspect.h"
#include "bus/driver-monitoring.h"
#include "bus/driver-stats.h"
#include "bus/driver-verbose.h"
#include "bus/driver.h"

void driver_tables_add(Bus *bus) {
        driver_add_table(bus, &driver_bus_interface, bus);
        driver_add_table(bus, &driver_properties_interface, bus);
        driver_add_table(bus, &driver_introspectable_interface, bus);
        driver_add_table(bus, &driver_monitoring_interface, bus);
        driver_add_table(bus, &driver_verbose_interface, bus);
        driver_add_table(bus, &driver_stats_interface, bus);
        driver_add_table(bus, &driver_peer_interface, bus);
}
