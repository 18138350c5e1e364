/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz program's function once on each file of a folder: so the committed corpus, with the inputs that
 * once broke something, is a test of every build. */
#include <dirent.h>

#include "tests/fuzz/fuzz.h"

static void replay(const char *path)
{
    static uint8_t bytes[1 << 16];
    FILE *file = fopen(path, "rb");

    FUZZ_CHECK(file != NULL);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    uint8_t *exact = malloc(len + 1); /* so that a read past the end is seen */
    FUZZ_CHECK(exact != NULL);
    memcpy(exact + 1, bytes, len);
    (void)LLVMFuzzerTestOneInput(exact + 1, len);
    free(exact);
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned files = 0;
    char path[4096];

    FUZZ_CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        printf("%s\n", entry->d_name);
        fflush(stdout);
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        replay(path);
        files++;
    }
    closedir(folder);
    return files > 0 ? 0 : 1;
}
