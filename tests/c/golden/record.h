/* Prints the lines of tests/golden_bits.txt, or compares them with the file. */
#ifndef GOLDEN_RECORD_H
#define GOLDEN_RECORD_H

#include "numbers.h"

/* The estimators have lines of their own in the file, which tests/golden_bits.py computes. */
#define OTHERS      "estimator/"

#define NAME_LENGTH 120

typedef struct record {
    char name[NAME_LENGTH];
    char dtype[8];
    char hex[SHA256_HEX];
    int seen;
} record;

static record *records; /* of the file; NULL: print */
static size_t n_records;

static void read_records(const char *path) {
    FILE *file = fopen(path, "r");
    char line[256];
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    records = allocate(1, sizeof *records);
    while (fgets(line, sizeof line, file) != NULL) {
        record r = {.seen = 0};
        if (line[0] == '#' || line[0] == '\n' || strncmp(line, OTHERS, strlen(OTHERS)) == 0) {
            continue;
        }
        if (sscanf(line, "%119s %7s %64s", r.name, r.dtype, r.hex) != 3) {
            fail("%s: not a line of golden bits: %s", path, line);
            continue;
        }
        records = realloc(records, (n_records + 1) * sizeof *records);
        if (records == NULL) {
            require(PB_NO_MEMORY, path);
        }
        records[n_records++] = r;
    }
    fclose(file);
}

/* One line: the hash is finished here. */
static void emit(const char *name, pb_dtype dtype, sha256 *s) {
    char hex[SHA256_HEX];
    sha256_finish(s, hex);
    if (records == NULL) {
        printf("%s %s %s\n", name, dtype_name(dtype), hex);
        return;
    }
    for (size_t i = 0; i < n_records; i++) {
        record *r = &records[i];
        if (strcmp(r->name, name) == 0 && strcmp(r->dtype, dtype_name(dtype)) == 0) {
            if (strcmp(r->hex, hex) != 0) {
                fail("other bits: %s %s", name, r->dtype);
            }
            r->seen = 1;
            return;
        }
    }
    fail("not recorded yet (make golden-bits does it): %s %s", name, dtype_name(dtype));
}

static void require_all_records(void) {
    for (size_t i = 0; i < n_records; i++) {
        if (!records[i].seen) {
            fail("recorded, but nothing computes it: %s %s", records[i].name, records[i].dtype);
        }
    }
}

#endif
