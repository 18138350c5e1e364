/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of `hypermip`. Each gets its own arguments (argv[0] is its name) and gives an exit code. */
#ifndef HM_LINUX_CLI_H
#define HM_LINUX_CLI_H

#include "config/config.h"

enum hm_exit {
    HM_EXIT_FINE = 0,
    HM_EXIT_FAILED = 1, /* could not: no device, no agent */
    HM_EXIT_USAGE = 2,  /* wrong arguments, or a faulty file */
};

struct hm_cli_options {
    const char *config; /* -c */
    const char *socket; /* -s */
    bool json;          /* -j */
    bool man;           /* --man */
    bool notify;        /* --notify */
    bool live;          /* --live */
};

/* Parses the options that `allowed` names ("cs" allows -c and -s; 'm' --man, 'n' --notify, 'l' --live). False
 * after telling what is wrong. No command takes other arguments. */
bool hm_cli_parse(int argc, char **argv, const char *allowed, struct hm_cli_options *options);

/* Loads the file and prints faults and warnings to stderr. True when it is good; then config is to be
 * ended by hm_config_fini. */
bool hm_cli_load(const char *path, enum hm_config_secrets secrets, struct hm_config *config,
                 unsigned *warnings);

/* What the agent at the socket answers, to be freed; NULL after telling why there is nothing. */
char *hm_cli_ask(const char *socket, const char *report);

/* check --live: what the network around the agent does not allow, in lines or as a JSON document. 0: all is
 * well, 1: warnings, 2: faults. */
int hm_cli_live(const struct hm_config *config, bool json);

int hm_cli_run(int argc, char **argv);
int hm_cli_check(int argc, char **argv);
/* status, bindings and the other reports: argv[0] is the report. */
int hm_cli_report(int argc, char **argv);
int hm_cli_keygen(int argc, char **argv);
int hm_cli_keys(int argc, char **argv);

/* Prints a report's JSON document as a table: a line for each row, or, of status and counters,
 * a line for each field. False when the text is no report; then its error, if it has one, is on stderr. */
bool hm_cli_print_table(const char *json, FILE *out);

#endif
