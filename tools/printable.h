/* SPDX-License-Identifier: MIT */
/*
 * Somebody's words on a terminal.
 */
#pragma once

/**
 * printable_text() - @text, valid UTF-8, with all escaped that a terminal would act on; newly
 * allocated
 */
char *printable_text(const char *text);

/**
 * printable_message() - the same for any bytes, but without a second backslash for each: a message
 * in which paths stay what they are; newly allocated
 */
char *printable_message(const char *bytes);

/**
 * printable_pad() - appends spaces until @text, as a terminal shows it, is @width columns wide;
 * cuts it, with an ellipsis, when it is wider
 *
 * Return: newly allocated.
 */
char *printable_pad(const char *text, unsigned width);
