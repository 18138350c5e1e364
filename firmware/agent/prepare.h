/* SPDX-License-Identifier: BSD-3-Clause */
/* PREPARE, as the destination answers it: a VM is announced. */
#ifndef HM_AGENT_PREPARE_H
#define HM_AGENT_PREPARE_H

#include "firmware/agent/agent.h"

/* The request of a source came in. It is answered when all addresses are staged, or one cannot be; or not
 * answered, and will be repeated, while another move of the VM is not over. */
void hm_prepare_asked(struct hm_agent *agent, struct hm_control_request *request);

#endif
