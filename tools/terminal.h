/* SPDX-License-Identifier: MIT */
/*
 * Standard output as a screen that is drawn again and again, where it is one.
 */
#pragma once

#include <stdbool.h>

/** terminal_is_screen() - whether standard output is a terminal that can be drawn on */
bool terminal_is_screen(void);

/** terminal_get_width() - columns; 0 where it is no screen */
unsigned terminal_get_width(void);

/** terminal_draw() - shows @text from the top, as many lines as fit, and nothing else */
void terminal_draw(const char *text);
