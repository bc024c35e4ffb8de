/* SPDX-License-Identifier: MIT */
/* Who gets the places of max_incomplete_connections when all are taken. */
#pragma once

#include "bus/bus.h"

/** incomplete_is_full() - whether nobody may be accepted: all places are taken, and by several users or by who runs the
 * bus. O(connections), but only when all are taken */
bool incomplete_is_full(const Bus *bus);

/**
 * incomplete_make_room() - sees to it that a connection of @uid, which was accepted, has a place
 *
 * When all are taken and another user has most of them, that user's oldest connection is closed.
 *
 * Return: false if @uid itself has most of them: the connection is to be closed.
 */
bool incomplete_make_room(Bus *bus, uid_t uid);
