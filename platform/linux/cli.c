/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what the commands share, and the small ones: options, loading a file, keygen, keys. */
#include "platform/linux/cli.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "config/help.h"
#include "platform/linux/random.h"

#define KEY_LEN 32

bool hm_cli_parse(int argc, char **argv, const char *allowed, struct hm_cli_options *options)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"man", no_argument, NULL, 'm'},
        {"notify", no_argument, NULL, 'n'},
        {"live", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int option;

    memset(options, 0, sizeof(*options));
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:s:j", LONG, NULL)) != -1) {
        if (option == ':') {
            fprintf(stderr, "hypermip %s: %s needs a value\n", argv[0], argv[optind - 1]);
            return false;
        }
        if (option == '?' || strchr(allowed, option) == NULL) {
            fprintf(stderr, "hypermip %s: unknown option %s (see hypermip --help)\n", argv[0],
                    argv[optind - 1]);
            return false;
        }
        if (option == 'c')
            options->config = optarg;
        else if (option == 's')
            options->socket = optarg;
        options->json = options->json || option == 'j';
        options->man = options->man || option == 'm';
        options->notify = options->notify || option == 'n';
        options->live = options->live || option == 'l';
    }
    if (optind < argc) {
        fprintf(stderr, "hypermip %s: unexpected argument %s (see hypermip --help)\n", argv[0], argv[optind]);
        return false;
    }
    return true;
}

bool hm_cli_load(const char *path, enum hm_config_secrets secrets, struct hm_config *config,
                 unsigned *warnings)
{
    static struct hm_faults faults;
    int err = hm_config_load(path, secrets, config, &faults);

    hm_faults_print(&faults, stderr);
    *warnings = faults.warnings;
    if (err != 0)
        fprintf(stderr, "%s: %u fault%s, %u warning%s\n", path, faults.faults, faults.faults == 1 ? "" : "s",
                faults.warnings, faults.warnings == 1 ? "" : "s");
    hm_faults_fini(&faults);
    return err == 0;
}

int hm_cli_keygen(int argc, char **argv)
{
    struct hm_cli_options options;
    uint8_t key[KEY_LEN];

    if (!hm_cli_parse(argc, argv, "", &options))
        return HM_EXIT_USAGE;
    hm_random_fill(key, sizeof(key));
    for (unsigned i = 0; i < sizeof(key); i++)
        printf("%02x", key[i]);
    putchar('\n');
    return fflush(stdout) == 0 ? HM_EXIT_FINE : HM_EXIT_FAILED;
}

int hm_cli_keys(int argc, char **argv)
{
    struct hm_cli_options options;
    const struct hm_file_spec *file;

    if (!hm_cli_parse(argc, argv, "mn", &options))
        return HM_EXIT_USAGE;
    file = options.notify ? &HM_NOTIFY_FILE : &HM_AGENT_FILE;
    if (options.man)
        hm_help_write_man(file, stdout);
    else
        hm_help_write(file, stdout);
    return fflush(stdout) == 0 ? HM_EXIT_FINE : HM_EXIT_FAILED;
}
