/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the shield's rules: one nftables table of the bridge family for each device.
 *
 * Before the bridge looks at a frame from the machine, its destination is made the agent's MAC: so its
 * broadcasts, and what it sends to the MACs of its home, reach the agent and nobody else, and the agent takes
 * every frame whose source is a visitor. Towards the machine only frames from the agent's MAC pass. The
 * bridge goes on learning the machine's MAC at its port, which a landing needs. That the agent's MAC is known
 * to the bridge is taken for granted: the agent asks for its router every 30 s.
 *
 * The program nft is called, not a library: it is there where there are rules, and its answers are known. */
#include "platform/linux/shield.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT_LEN 2048
#define TABLE_LEN 64
#define NO_PROGRAM 127

static bool complain(const char *device, const char *text)
{
    fprintf(stderr, "notify-migrate: %s: %s\n", device, text);
    return false;
}

/* A device's name as a part of a table's: other characters as hexadecimal digits. */
static void table_name(const char *device, char name[TABLE_LEN])
{
    size_t len = (size_t)snprintf(name, TABLE_LEN, "hypermip_shield_");

    for (; *device != '\0' && len + 4 < TABLE_LEN; device++) {
        if (isalnum((unsigned char)*device))
            name[len++] = *device;
        else
            len += (size_t)snprintf(name + len, TABLE_LEN - len, "_%02x", (unsigned)(unsigned char)*device);
    }
    name[len] = '\0';
}

/* As the kernel has it; quotes and backslashes have a meaning in nft's language. */
static bool is_device_name(const char *device)
{
    size_t len = strlen(device);

    if (len == 0 || len >= IF_NAMESIZE || strcmp(device, ".") == 0 || strcmp(device, "..") == 0)
        return false;
    for (; *device != '\0'; device++) {
        if (!isgraph((unsigned char)*device) || strchr("/\"\\*:", *device) != NULL)
            return false;
    }
    return true;
}

bool hm_shield_is_possible(const char *device)
{
    char path[64 + IF_NAMESIZE];

    if (!is_device_name(device))
        return complain(device, "no name of a network device");
    if (if_nametoindex(device) == 0)
        return complain(device, "no such network device");
    snprintf(path, sizeof(path), "/sys/class/net/%s/brport", device);
    if (access(path, F_OK) != 0)
        return complain(device, "not a port of a Linux bridge: put it into the bridge first");
    return true;
}

/* The child: never returns. */
static void run_nft(int input)
{
    static char *const PATHS[] = {"nft", "/usr/sbin/nft", "/sbin/nft"};

    dup2(input, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++)
        execlp(PATHS[i], "nft", "-f", "-", (char *)NULL);
    _exit(NO_PROGRAM);
}

static bool is_success(const char *device, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM)
        return complain(device, "the program nft is not here: install nftables");
    return complain(device, geteuid() == 0 ? "nft refused the rules (its reason is above)"
                                           : "nft refused the rules: be root");
}

static bool feed_nft(const char *device, const char *script)
{
    int ends[2], status;
    size_t len = strlen(script);
    pid_t child;

    signal(SIGPIPE, SIG_IGN); /* nft may end before it has read all */
    if (pipe(ends) != 0)
        return complain(device, strerror(errno));
    child = fork();
    if (child == 0) {
        close(ends[1]);
        run_nft(ends[0]);
    }
    close(ends[0]);
    if (child > 0 && write(ends[1], script, len) != (ssize_t)len)
        len = 0; /* its exit status will tell */
    close(ends[1]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return complain(device, strerror(errno));
    return is_success(device, status);
}

bool hm_shield_set(const char *device, const struct hm_mac *agent_mac)
{
    char table[TABLE_LEN], mac[HM_MAC_TEXT_LEN], script[SCRIPT_LEN];

    if (!hm_shield_is_possible(device))
        return false;
    table_name(device, table);
    hm_mac_text(agent_mac, mac);
    /* One transaction: an older shield of the device is replaced, and never is there none. */
    snprintf(script, sizeof(script),
             "table bridge %s\n"
             "delete table bridge %s\n"
             "table bridge %s {\n"
             "  chain from_machine {\n"
             "    type filter hook prerouting priority -300; policy accept;\n"
             "    iifname \"%s\" ether daddr set %s\n"
             "  }\n"
             "  chain to_host {\n"
             "    type filter hook input priority 0; policy accept;\n"
             "    iifname \"%s\" drop\n"
             "  }\n"
             "  chain to_machine {\n"
             "    type filter hook forward priority 0; policy accept;\n"
             "    oifname \"%s\" ether saddr != %s drop\n"
             "  }\n"
             "  chain from_host {\n"
             "    type filter hook output priority 0; policy accept;\n"
             "    oifname \"%s\" ether saddr != %s drop\n"
             "  }\n"
             "}\n",
             table, table, table, device, mac, device, device, mac, device, mac);
    return feed_nft(device, script);
}

bool hm_shield_clear(const char *device)
{
    char table[TABLE_LEN], script[SCRIPT_LEN];

    if (!is_device_name(device))
        return complain(device, "no name of a network device");
    table_name(device, table);
    snprintf(script, sizeof(script), "table bridge %s\ndelete table bridge %s\n", table, table);
    return feed_nft(device, script);
}
