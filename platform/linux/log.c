/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the program's log lines. */
#include "platform/linux/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_LEN 1024

static enum hm_log_level least = HM_LOG_INFO;
static bool has_journal;

static const char *level_name(enum hm_log_level level)
{
    switch (level) {
    case HM_LOG_ERROR:
        return "error";
    case HM_LOG_WARNING:
        return "warning";
    case HM_LOG_INFO:
        return "info";
    case HM_LOG_DEBUG:
        return "debug";
    case HM_LOG_COUNT:
        break;
    }
    return "?";
}

/* systemd.journal-fields(7): the variable holds device and inode of the journal's stream, and stderr may
 * have been redirected since. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat info;

    if (stream == NULL || fstat(STDERR_FILENO, &info) != 0)
        return false;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)info.st_dev, (unsigned long long)info.st_ino);
    return strcmp(stream, own) == 0;
}

void hm_log_init(enum hm_log_level level)
{
    least = level;
    has_journal = is_journal();
}

void hm_log_line(enum hm_log_level level, const char *line)
{
    static const int PRIORITIES[HM_LOG_COUNT] = {3, 4, 6, 7}; /* syslog(3) */
    struct timespec now;
    struct tm utc;
    char text[LINE_LEN];
    int len;

    if (level > least)
        return;
    if (has_journal) {
        len = snprintf(text, sizeof(text), "<%d>%s\n", PRIORITIES[level], line);
    } else {
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        len = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s\n", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                       now.tv_nsec / 1000000, level_name(level), line);
    }
    if (len >= (int)sizeof(text)) { /* cut */
        len = sizeof(text) - 1;
        text[len - 1] = '\n';
    }
    /* one write, so that lines of several processes do not mix; nobody could be told of its failure */
    if (write(STDERR_FILENO, text, (size_t)len) < 0)
        return;
}

void hm_log_printf(enum hm_log_level level, const char *format, ...)
{
    char line[LINE_LEN];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    hm_log_line(level, line);
}
