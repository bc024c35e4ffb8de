/* SPDX-License-Identifier: MIT */
/*
 * Rules in text form on their way from the command line to the bus, and back.
 */
#pragma once

#include <gio/gio.h>

/**
 * rule_arguments_parse() - turns --allow arguments and --allow-file files into the bus's form
 * @rules: text of one rule each, NULL-terminated, or NULL
 * @files: names of files with one rule a line, NULL-terminated, or NULL
 *
 * Return: floating a(usos), possibly empty; NULL with @error naming the argument, or file and line.
 */
GVariant *rule_arguments_parse(const char *const *rules, const char *const *files, GError **error);

/**
 * rule_arguments_print() - rules as the bus gives them, one in text form per line
 * @rules:  a(usos)
 * @indent: put before each line
 */
void rule_arguments_print(GVariant *rules, const char *indent);
