/* Tests the SHA-256 of the golden bits against published examples (FIPS 180-4 and NIST's example
 * values), with input in pieces of every size. */
#include "check.h"
#include "golden/sha256.h"

static const struct {
    const char *message;
    size_t times; /* the message this often in a row */
    const char *hex;
} examples[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
     "lmnopqrsmnopqrstnopqrstu",
     1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void test_published_examples(void) {
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        sha256 s;
        char hex[SHA256_HEX];
        sha256_start(&s);
        for (size_t t = 0; t < examples[i].times; t++) {
            sha256_add(&s, examples[i].message, strlen(examples[i].message));
        }
        sha256_finish(&s, hex);
        CHECK(strcmp(hex, examples[i].hex) == 0, "example %zu: %s", i, hex);
    }
}

/* Lengths around the ends of one block and two, where the padding takes a block of its own. */
static void test_pieces(void) {
    uint8_t bytes[150];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)draw_bits();
    }
    for (size_t n = 0; n <= sizeof bytes; n++) {
        char whole[SHA256_HEX];
        sha256 s;
        sha256_start(&s);
        sha256_add(&s, bytes, n);
        sha256_finish(&s, whole);
        for (size_t piece = 1; piece <= n; piece++) {
            char hex[SHA256_HEX];
            sha256_start(&s);
            for (size_t at = 0; at < n; at += piece) {
                sha256_add(&s, bytes + at, n - at < piece ? n - at : piece);
            }
            sha256_finish(&s, hex);
            CHECK(strcmp(hex, whole) == 0, "%zu bytes in pieces of %zu", n, piece);
        }
    }
}

int main(void) {
    test_published_examples();
    test_pieces();
    return check_summary();
}
