/* SPDX-License-Identifier: MIT */
/* Any bytes as a .service file. What is accepted has a name and a command that can be split, or not, with a reason. */
#include "base/fdset.h"
#include "bus/service-command.h"
#include "bus/service-file.h"
#include "wire/syntax.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_command(const ServiceFile *file, const char *helper) {
        g_auto(ServiceError) error = { 0 };
        g_auto(GStrv) command = service_command_new(file, helper, &error);

        g_assert_true((command == NULL) == (error.name != NULL));
        if (command)
                g_assert_nonnull(command[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_fd fd = memfd_create("service", MFD_CLOEXEC);
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autoptr(GError) error = NULL;
        g_autoptr(ServiceFile) file = NULL;

        if (fd < 0 || write(fd, data, size) != (ssize_t)size)
                return 0;
        file = service_file_load(path, 0, &error);
        g_assert_true((file == NULL) == (error != NULL));
        if (!file)
                return 0;
        g_assert_true(syntax_is_well_known_name(file->name, strlen(file->name)));
        g_assert_true(service_file_equal(file, file));
        check_command(file, NULL);
        check_command(file, "/bin/true");
        return 0;
}
