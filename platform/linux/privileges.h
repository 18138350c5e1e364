/* SPDX-License-Identifier: BSD-3-Clause */
/* Giving up what the program no longer needs once all is open. */
#ifndef HM_LINUX_PRIVILEGES_H
#define HM_LINUX_PRIVILEGES_H

/* Becomes `user` ("root": stays), drops all capabilities and the right to get new ones, and logs it.
 * 0, or HM_ERR_PLATFORM after logging what failed. */
int hm_privileges_drop(const char *user);

#endif
