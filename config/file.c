/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of configuration files. */
#include "config/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "firmware/base/err.h"

#define FILE_MAX_LEN (4u << 20)

int hm_file_read(const char *path, struct hm_file *file, struct hm_faults *faults)
{
    FILE *in = fopen(path, "re");
    struct stat info;

    *file = (struct hm_file){0};
    if (in == NULL || fstat(fileno(in), &info) != 0 || !S_ISREG(info.st_mode)) {
        hm_faults_add(faults, 0, "cannot be read: %s", in == NULL ? strerror(errno) : "no regular file");
        goto close_file;
    }
    file->is_public = (info.st_mode & S_IROTH) != 0;
    if (info.st_size > FILE_MAX_LEN) {
        hm_faults_add(faults, 0, "found %lld bytes, allowed: up to %u", (long long)info.st_size,
                      FILE_MAX_LEN);
        goto close_file;
    }
    file->text = malloc((size_t)info.st_size + 1);
    if (file->text != NULL)
        file->len = fread(file->text, 1, (size_t)info.st_size, in);
    fclose(in);
    return file->text != NULL ? 0 : HM_ERR_MEMORY;

close_file:
    if (in != NULL)
        fclose(in);
    return HM_ERR_REFUSED;
}

void hm_file_fini(struct hm_file *file)
{
    if (file->text != NULL)
        explicit_bzero(file->text, file->len);
    free(file->text);
    *file = (struct hm_file){0};
}
