/* SPDX-License-Identifier: MIT */
/*
 * The real xdg-dbus-proxy, for buses without containers.
 */
#pragma once

#include "tools/proxy-arguments.h"

/**
 * proxy_fallback_exec() - becomes the real proxy, for @pairs alone
 * @arguments: for the descriptor of readiness, and the program that the user chose
 * @pairs:     of ProxyPair; borrowed
 *
 * The program is the chosen one, else $DBUS_CONTAINER_PROXY_PROGRAM, else the first xdg-dbus-proxy in
 * $PATH or where Debian has it that is not this very program under that name, one that was diverted
 * before the others.
 *
 * Return: only when it fails, with @error.
 */
void proxy_fallback_exec(const ProxyArguments *arguments, const GPtrArray *pairs, GError **error);
