/* SPDX-License-Identifier: MIT */
/* Output of started services in the journal, under their names. */
#pragma once

/**
 * journal_open_stream() - a descriptor for standard output and error of a service
 * @identifier: what its lines are filed under
 *
 * Return: caller owns it; -1 when the bus does not log to the system's log, or there is no journal.
 */
int journal_open_stream(const char *identifier);
