/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzz programs share: libFuzzer's entry point and a check that stays in every build. */
#ifndef HM_FUZZ_FUZZ_H
#define HM_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run: the input that does this is a finding. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    abort();
}

#endif
