/* SPDX-License-Identifier: BSD-3-Clause */
/* Admission: may this VM come here, to visit or to return? */
#ifndef HM_AGENT_ADMISSION_H
#define HM_AGENT_ADMISSION_H

#include "firmware/agent/agent.h"

/* Why the VM of a PREPARE from from_addr cannot come: the first address with an obstacle, in words; false
 * when there is none. Changes nothing, but see hm_foreign_refusal. */
bool hm_admission_is_refused(const struct hm_agent *agent, uint32_t from_addr,
                             const struct hm_control_message *message, char *text, size_t len);

#endif
