/* Replays the fuzzer's corpus with any compiler and without libFuzzer: ../fuzz/fuzz_core.c checks
 * each input and aborts on a failure. */
#include <dirent.h>

#include "../fuzz/fuzz_core.c"

#define CORPUS "tests/fuzz/corpus_core"

enum { LONGEST = 4096 };

static void replay(const char *name) {
    char path[512];
    uint8_t data[LONGEST];
    (void)snprintf(path, sizeof path, "%s/%s", CORPUS, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL, "%s", path);
    if (file != NULL) {
        const size_t size = fread(data, 1, sizeof data, file);
        (void)fclose(file);
        CHECK_SAME(LLVMFuzzerTestOneInput(data, size), 0, "%s", path);
    }
}

int main(void) {
    DIR *folder = opendir(CORPUS);
    CHECK(folder != NULL, "%s: run from the root of the tree", CORPUS);
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            replay(entry->d_name);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    CHECK(checks_made > 30, "%ld checks", checks_made);
    return check_summary();
}
