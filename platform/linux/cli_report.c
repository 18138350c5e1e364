/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the commands that ask a running agent for a report.
 *
 * Which agent: the socket given by -s, or the one of the file given by -c, or the only one in the run
 * folder. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/linux/cli.h"

#define TIMEOUT_S 10
#define REPLY_MAX_LEN (256u << 20)

static bool is_socket_name(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".sock") == 0;
}

/* The only socket in the run folder. */
static int find_socket(char path[HM_PATH_LEN])
{
    DIR *folder = opendir(HM_RUN_DIR);
    const struct dirent *entry;
    unsigned count = 0;
    char names[512] = "";

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (!is_socket_name(entry->d_name))
            continue;
        count++;
        snprintf(path, HM_PATH_LEN, HM_RUN_DIR "/%.180s", entry->d_name);
        if (strlen(names) + strlen(path) + 2 < sizeof(names)) {
            strcat(names, " ");
            strcat(names, path);
        }
    }
    if (folder != NULL)
        closedir(folder);
    if (count == 1)
        return HM_EXIT_FINE;
    if (count == 0)
        fprintf(
            stderr,
            "no agent runs here: there is no socket in " HM_RUN_DIR
            " (start one by \"hypermip run -c FILE\" or \"systemctl start hypermip\", or name a socket by "
            "-s or a configuration by -c)\n");
    else
        fprintf(stderr, "several agents are here: choose one by -s:%s\n", names);
    return HM_EXIT_FAILED;
}

static int choose_socket(const struct hm_cli_options *options, char path[HM_PATH_LEN])
{
    struct hm_config *config;
    unsigned warnings;
    bool loaded;

    if (options->socket != NULL) {
        snprintf(path, HM_PATH_LEN, "%s", options->socket);
        return HM_EXIT_FINE;
    }
    if (options->config == NULL)
        return find_socket(path);
    config = calloc(1, sizeof(*config));
    loaded = config != NULL && hm_cli_load(options->config, HM_CONFIG_SKIP_KEY_FILES, config, &warnings);
    if (loaded) {
        snprintf(path, HM_PATH_LEN, "%s", config->platform.socket);
        hm_config_fini(config);
    }
    free(config);
    return loaded ? HM_EXIT_FINE : HM_EXIT_USAGE;
}

static int connect_to(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    const char *hint;
    int fd;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        fprintf(stderr, "%s: longer than a socket's path may be\n", path);
        return -1;
    }
    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        perror("socket");
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return fd;
    if (errno == ENOENT || errno == ECONNREFUSED)
        hint =
            "the agent is not running: start it by \"hypermip run -c FILE\" or \"systemctl start hypermip\"";
    else if (errno == EACCES)
        hint = "be root, or the owner of the socket";
    else
        hint = "no agent can be asked there";
    fprintf(stderr, "%s: %s (%s)\n", path, strerror(errno), hint);
    close(fd);
    return -1;
}

/* All that comes until the agent closes, with a zero behind; NULL after telling why not. */
static char *read_all(int fd, const char *path)
{
    size_t len = 0, cap = 65536;
    char *text = malloc(cap);
    ssize_t got = 0;

    while (text != NULL && len < REPLY_MAX_LEN && (got = read(fd, text + len, cap - len - 1)) > 0) {
        len += (size_t)got;
        if (cap - len < 4096) {
            char *larger = realloc(text, cap *= 2);

            if (larger == NULL)
                free(text);
            text = larger;
        }
    }
    if (text == NULL || got != 0 || len == 0) {
        fprintf(stderr, "%s: %s\n", path,
                got < 0 ? "the agent did not answer in time"
                        : "the agent did not answer, it may be busy: try again");
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

char *hm_cli_ask(const char *path, const char *report)
{
    char line[64];
    char *text = NULL;
    int fd = connect_to(path);
    int len = snprintf(line, sizeof(line), "%s\n", report);

    if (fd < 0)
        return NULL;
    if (send(fd, line, (size_t)len, MSG_NOSIGNAL) == len)
        text = read_all(fd, path);
    else
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    close(fd);
    return text;
}

int hm_cli_report(int argc, char **argv)
{
    struct hm_cli_options options;
    char path[HM_PATH_LEN];
    char *text;
    bool good;
    int code;

    if (!hm_cli_parse(argc, argv, "csj", &options))
        return HM_EXIT_USAGE;
    code = choose_socket(&options, path);
    if (code != HM_EXIT_FINE)
        return code;
    text = hm_cli_ask(path, argv[0]);
    if (text == NULL)
        return HM_EXIT_FAILED;
    if (options.json)
        good = puts(text) >= 0;
    else
        good = hm_cli_print_table(text, stdout);
    free(text);
    return good && fflush(stdout) == 0 ? HM_EXIT_FINE : HM_EXIT_FAILED;
}
