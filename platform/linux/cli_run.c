/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the commands `run` and `check`. */
#include <stdlib.h>

#include "platform/linux/cli.h"
#include "platform/linux/log.h"
#include "platform/linux/loop.h"

int hm_cli_run(int argc, char **argv)
{
    struct hm_cli_options options;
    struct hm_config *config;
    unsigned warnings;
    int code = HM_EXIT_FAILED;

    if (!hm_cli_parse(argc, argv, "c", &options))
        return HM_EXIT_USAGE;
    config = calloc(1, sizeof(*config));
    if (config == NULL)
        return HM_EXIT_FAILED;
    if (hm_cli_load(options.config != NULL ? options.config : HM_AGENT_FILE_PATH, HM_CONFIG_READ_KEY_FILES,
                    config, &warnings)) {
        hm_log_init(config->platform.log_level);
        code = hm_loop_run(config) == 0 ? HM_EXIT_FINE : HM_EXIT_FAILED;
        hm_config_fini(config);
    } else {
        code = HM_EXIT_USAGE;
    }
    free(config);
    return code;
}

static void print_good(const char *path, const struct hm_config *config, unsigned warnings)
{
    const struct hm_router_config *router = &config->router;

    printf("%s: no fault, %u warning%s: %s agent %s, %u peer%s, %u hypervisor%s\n", path, warnings,
           warnings == 1 ? "" : "s", hm_router_config_is_one_armed(router) ? "one-armed" : "gateway",
           router->name, router->peer_count, router->peer_count == 1 ? "" : "s", router->hypervisor_count,
           router->hypervisor_count == 1 ? "" : "s");
}

int hm_cli_check(int argc, char **argv)
{
    struct hm_cli_options options;
    struct hm_config *config;
    const char *path;
    unsigned warnings;
    int code = HM_EXIT_USAGE;

    if (!hm_cli_parse(argc, argv, "clj", &options))
        return HM_EXIT_USAGE;
    if (options.json && !options.live) {
        fprintf(stderr, "hypermip check: -j goes with --live (see hypermip --help)\n");
        return HM_EXIT_USAGE;
    }
    config = calloc(1, sizeof(*config));
    if (config == NULL)
        return HM_EXIT_FAILED;
    path = options.config != NULL ? options.config : HM_AGENT_FILE_PATH;
    if (hm_cli_load(path, HM_CONFIG_READ_KEY_FILES, config, &warnings)) {
        if (!options.json)
            print_good(path, config, warnings);
        code = options.live ? hm_cli_live(config, options.json) : HM_EXIT_FINE;
        hm_config_fini(config);
    }
    free(config);
    return code;
}
