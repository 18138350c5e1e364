/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from root to a user without rights.
 *
 * Open descriptors keep working: a TAP and a socket are checked when they are opened. So after start the
 * program needs no right at all. Groups go first, then the user, then the capabilities: a user other than
 * root has lost them by then, and root gives them up here. */
#include "platform/linux/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "platform/linux/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define HM_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HM_HAS_SANITIZER 1
#endif
#endif
#ifndef HM_HAS_SANITIZER
#define HM_HAS_SANITIZER 0
#endif

static int become(const char *user)
{
    const struct passwd *entry;

    errno = 0;
    entry = getpwnam(user);
    if (entry == NULL) {
        hm_log_printf(HM_LOG_ERROR, "there is no user \"%s\": set user in [agent] to one that exists", user);
        return HM_ERR_PLATFORM;
    }
    if (setgroups(0, NULL) != 0 || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
        hm_log_printf(HM_LOG_ERROR, "cannot become user \"%s\": %s (user = root in [agent] stays root)", user,
                      strerror(errno));
        return HM_ERR_PLATFORM;
    }
    return 0;
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &header, none) != 0) {
        hm_log_printf(HM_LOG_ERROR, "cannot drop capabilities: %s", strerror(errno));
        return HM_ERR_PLATFORM;
    }
    return 0;
}

int hm_privileges_drop(const char *user)
{
    int err = 0;

    if (geteuid() == 0 && strcmp(user, "root") != 0)
        err = become(user);
    if (err == 0)
        err = drop_capabilities();
    if (err != 0)
        return err;
    if (HM_HAS_SANITIZER)
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* the leak checker traces its own process at the end */
    hm_log_printf(HM_LOG_INFO, "runs as uid %u, gid %u, without capabilities", (unsigned)geteuid(),
                  (unsigned)getegid());
    return 0;
}
