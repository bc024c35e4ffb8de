/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target once for each input of its corpus and prints TAP.
 *
 * Linked instead of libFuzzer where the target is a regression test. Inputs are the files named on
 * the command line, or all files of the folders named there. An input that makes the target crash
 * ends the program, which the missing lines of the plan and the exit status show; the name of the
 * input is printed before it is tried.
 */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gint compare_names(gconstpointer a, gconstpointer b) {
        return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

static void add_folder(GPtrArray *inputs, const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        const char *name;

        while ((name = g_dir_read_name(folder)))
                g_ptr_array_add(inputs, g_build_filename(path, name, NULL));
}

static gboolean replay(const char *path) {
        g_autofree char *data = NULL;
        g_autofree uint8_t *exact = NULL;
        g_autoptr(GError) error = NULL;
        gsize size;

        if (!g_file_get_contents(path, &data, &size, &error)) {
                g_print("# %s\n", error->message);
                return FALSE;
        }
        /* Without the NUL that GLib appends: a sanitizer is to see the first byte too far. */
        exact = g_memdup2(data, size);
        LLVMFuzzerTestOneInput(exact, size);
        return TRUE;
}

int main(int argc, char **argv) {
        g_autoptr(GPtrArray) inputs = g_ptr_array_new_with_free_func(g_free);
        gboolean success = TRUE;

        for (int i = 1; i < argc; i++) {
                if (g_file_test(argv[i], G_FILE_TEST_IS_DIR))
                        add_folder(inputs, argv[i]);
                else
                        g_ptr_array_add(inputs, g_strdup(argv[i]));
        }
        g_ptr_array_sort(inputs, compare_names);

        g_print("1..%u\n", inputs->len + 1);
        g_print("%s 1 - corpus is not empty\n", inputs->len > 0 ? "ok" : "not ok");
        success = inputs->len > 0;
        for (guint i = 0; i < inputs->len; i++) {
                const char *path = inputs->pdata[i];
                g_autofree char *name = g_path_get_basename(path);
                gboolean replayed;

                g_print("# %s\n", name);
                replayed = replay(path);
                success = success && replayed;
                g_print("%s %u - %s\n", replayed ? "ok" : "not ok", i + 2, name);
        }
        return success ? EXIT_SUCCESS : EXIT_FAILURE;
}
