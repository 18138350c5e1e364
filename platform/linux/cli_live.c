/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns `check --live`: the order of its checks, and its lines.
 *
 * Each line is a verdict, what was looked at, what was found and what to do. What cannot be seen from here is
 * said so, as `unknown`. */
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/linux/cli.h"
#include "platform/linux/live.h"

#define EXIT_WARNINGS 1
#define EXIT_FAULTS 2

void hm_live_say(struct hm_live *live, enum hm_live_verdict verdict, const char *subject, const char *format,
                 ...)
{
    static const char *const NAMES[HM_LIVE_VERDICT_COUNT] = {"ok", "unknown", "warning", "fault"};
    va_list args;

    live->counts[verdict]++;
    printf("%-8s %s: ", NAMES[verdict], subject);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* Does somebody listen at its socket? */
static bool is_running(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there;

    if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
        return false;
    strcpy(addr.sun_path, path);
    is_there = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return is_there;
}

int hm_cli_live(const struct hm_config *config)
{
    struct hm_live live = {.config = config, .is_running = is_running(config->platform.socket)};

    if (live.is_running)
        hm_live_say(&live, HM_LIVE_OK, config->router.name, "runs");
    else
        hm_live_say(&live, HM_LIVE_WARNING, config->router.name,
                    "the agent does not run (or its socket is another user's): hypermip run -c FILE");
    for (unsigned i = 0; i < config->platform.tap_count; i++) {
        hm_live_check_device(&live, i);
        hm_live_check_wire(&live, i);
    }
    hm_live_check_peers(&live);
    printf("%u fault%s, %u warning%s, %u not checked\n", live.counts[HM_LIVE_FAULT],
           live.counts[HM_LIVE_FAULT] == 1 ? "" : "s", live.counts[HM_LIVE_WARNING],
           live.counts[HM_LIVE_WARNING] == 1 ? "" : "s", live.counts[HM_LIVE_UNKNOWN]);
    if (fflush(stdout) != 0 || live.counts[HM_LIVE_FAULT] > 0)
        return EXIT_FAULTS;
    return live.counts[HM_LIVE_WARNING] > 0 ? EXIT_WARNINGS : HM_EXIT_FINE;
}
