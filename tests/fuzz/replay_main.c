/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs a fuzz target over every file of a folder, so that what fuzzing found stays found without a
 * fuzzer: replay_NAME FOLDER. An empty or missing folder is a failure: it would test nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    size_t len = 0, cap = 1 << 16;
    uint8_t *data = malloc(cap);
    for (size_t got; data != NULL && (got = fread(data + len, 1, cap - len, file)) > 0;) {
        len += got;
        if (len == cap)
            data = realloc(data, cap *= 2);
    }
    fclose(file);
    if (data == NULL)
        return 0;
    /* An exact copy: a read past the end is then found. */
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    for (size_t i = 0; i < len && exact != NULL; i++)
        exact[i] = data[i];
    free(data);
    if (exact != NULL)
        LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 1;
}

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER (of inputs)\n", argv[0]);
        return 2;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        count += run_file(path);
    }
    closedir(folder);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
