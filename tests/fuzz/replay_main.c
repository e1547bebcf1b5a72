/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a fuzz target its corpus in builds without a fuzzing engine: `fuzz_<name> FOLDER|FILE…`.
 * Each file is fed whole and cut off at up to CUTS_MAX places, since half an input is where readers
 * break. TAP: one test a file; a folder without files fails.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define CUTS_MAX (size_t)64
#define FILE_BYTES_MAX 1048576
#define FILES_MAX 10000

static unsigned tests, failures;

static void report(bool good, const char *path, const char *why)
{
    tests++;
    failures += !good;
    printf("%sok %u - %s%s%s\n", good ? "" : "not ", tests, path, *why ? ": " : "", why);
    (void)fflush(stdout);
}

/* Memory of exactly that length, so that the sanitizers see a read behind its end. */
static void feed(struct span bytes)
{
    char *copy = fuzz_copy(bytes, 0);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)copy, bytes.len);
    mem_free(copy);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = mem_alloc(FILE_BYTES_MAX);
    if (!file || !bytes) {
        report(false, path, "cannot be opened");
    } else {
        size_t len = fread(bytes, 1, FILE_BYTES_MAX, file);
        for (size_t cut = 0; cut < CUTS_MAX && cut < len; cut++)
            feed(span_of(bytes, len * cut / MIN(len, CUTS_MAX)));
        feed(span_of(bytes, len));
        report(true, path, "");
    }
    mem_free(bytes);
    if (file)
        (void)fclose(file);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);
    if (count <= 0 || count > FILES_MAX) {
        report(false, folder, "no seeds");
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        replay_file(path);
        free(entries[i]); /* scandir's, not ours */
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode))
            replay_folder(argv[i]);
        else
            replay_file(argv[i]);
    }
    if (tests == 0)
        report(false, "replay", "nothing given");
    printf("1..%u\n", tests);
    return failures > 0;
}
