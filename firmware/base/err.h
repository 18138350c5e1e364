/* SPDX-License-Identifier: BSD-3-Clause */
/* The firmware's error numbers: 0 is success, all else is negative. */
#ifndef HM_BASE_ERR_H
#define HM_BASE_ERR_H

enum hm_err {
    HM_OK = 0,
    HM_ERR_MALFORMED = -1, /* bytes that are not what they should be */
    HM_ERR_FULL = -2,      /* a table or a buffer of configured size is full */
    HM_ERR_UNKNOWN = -3,   /* no such object */
    HM_ERR_EXISTS = -4,    /* the object is there already */
    HM_ERR_AUTH = -5,      /* authenticator wrong, or no key for it */
    HM_ERR_REPLAY = -6,    /* time stamp or identification not acceptable */
    HM_ERR_REFUSED = -7,   /* understood, and not allowed */
    HM_ERR_MEMORY = -8,    /* no memory at start */
    HM_ERR_PLATFORM = -9,  /* the platform could not do it */
    HM_ERR_NO_ROUTE = -10, /* no way to the destination */
};

/* A short text for an error, never NULL. */
const char *hm_err_text(enum hm_err err);

#endif
