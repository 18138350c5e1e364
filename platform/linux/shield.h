/* SPDX-License-Identifier: BSD-3-Clause */
/* The shield on a machine's port of a bridge: the machine and the agent may talk, nobody else. */
#ifndef HM_LINUX_SHIELD_H
#define HM_LINUX_SHIELD_H

#include "firmware/base/addr.h"

/* Is this a device that can have a shield: a port of a Linux bridge? Tells on stderr when it is not. */
bool hm_shield_is_possible(const char *device);

/* Sets the rules, or sets them anew. False after telling why not. */
bool hm_shield_set(const char *device, const struct hm_mac *agent_mac);
/* Takes them away; true also when there are none, and when the device is gone. */
bool hm_shield_clear(const char *device);

#endif
