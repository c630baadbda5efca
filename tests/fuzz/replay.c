/*
 * Runs each file of the folders given through the fuzz target once: what the fuzzer has found
 * stays found, with any compiler.
 */
#include "base.h"

#include <dirent.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir));) {
            char path[4096], *bytes;
            size_t size;
            struct pyro_error err;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] == '.')
                continue;
            if (pyro_base_read_file(path, 64 << 20, &bytes, &size, &err)) {
                fprintf(stderr, "%s\n", err.text);
                return 1;
            }
            LLVMFuzzerTestOneInput((const uint8_t *)bytes, size);
            free(bytes);
            count++;
        }
        closedir(dir);
    }
    printf("%zu files\n", count);
    return count == 0;
}
