/* SPDX-License-Identifier: BSD-3-Clause */
/* The registrant: the proxy mobility agent's side of registration (RFC 5563, RFC 5944 section 3.6). It asks
 * the home agent in the visitor's name, repeats, resynchronises its clock, and tells the foreign agent the
 * outcome. */
#ifndef HM_AGENT_REGISTRANT_H
#define HM_AGENT_REGISTRANT_H

#include "firmware/agent/security.h"
#include "firmware/agent/visitor.h"
#include "firmware/stack/stack.h"
#include "firmware/wire/registration.h"

/* The home agent did not answer. Beyond the codes of RFC 5944, which are one byte. */
#define HM_REGISTRATION_SILENT 256

struct hm_registrant {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_visitors *visitors;
    uint64_t identification; /* newest used: each is greater than the last */
    void *send_arg;
    void (*send)(void *arg, const struct hm_datagram *datagram);
    void *arg;
    /* The request of `purpose` has ended: code 0 or 1 is success, lifetime_s what was granted. The visitor
     * may be removed by the callee. */
    void (*done)(void *arg, struct hm_visitor *visitor, enum hm_registration_purpose purpose, unsigned code,
                 uint16_t lifetime_s);
};

void hm_registrant_init(struct hm_registrant *registrant, struct hm_env *env, struct hm_security *security,
                        struct hm_visitors *visitors);

/* Sends a request; one that is still open for the visitor is forgotten without an outcome. */
void hm_registrant_start(struct hm_registrant *registrant, struct hm_visitor *visitor,
                         enum hm_registration_purpose purpose, uint16_t lifetime_s);

/* A message of type REPLY came in on UDP 434. */
void hm_registrant_receive(struct hm_registrant *registrant, const struct hm_datagram *datagram);

#endif
