/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of dbus-container. Each gets its own arguments, argv[0] being its name, says
 * itself on standard error what went wrong, and returns the exit status of the program.
 */
#pragma once

/** command_run() - runs a program as a contained client */
int command_run(char **argv);

/** command_list() - prints the container servers of a bus as a table */
int command_list(char **argv);

/** command_show() - prints all about servers or connections */
int command_show(char **argv);

/** command_rules() - prints the rules of a server or of an app's description, or adds to them */
int command_rules(char **argv);

/** command_explain() - says who allows or denies something to a container, and why */
int command_explain(char **argv);

/** command_monitor() - prints the messages of containers */
int command_monitor(char **argv);

/** command_graph() - writes who may reach whom as a graph */
int command_graph(char **argv);

/** command_top() - shows containers by traffic */
int command_top(char **argv);

/** command_learn() - runs a program and prints the rules that it needs */
int command_learn(char **argv);

/** command_denials() - prints what containers were denied */
int command_denials(char **argv);

/** command_stop() - ends servers */
int command_stop(char **argv);
