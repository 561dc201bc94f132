/* SHA-256 as FIPS 180-4 defines it, for the golden bits: plain, and the same on every machine.
 *
 *     sha256 s;
 *     sha256_start(&s);
 *     sha256_add(&s, bytes, n);        any number of times
 *     sha256_finish(&s, hex);          64 digits and a final zero */
#ifndef GOLDEN_SHA256_H
#define GOLDEN_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHA256_HEX 65

typedef struct sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64];
} sha256;

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t sha256_round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t sha256_rotated(uint32_t x, int n) { return x >> n | x << (32 - n); }

static inline void sha256_start(sha256 *s) {
    /* Likewise of the square roots of the first eight. */
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->state, initial, sizeof initial);
    s->n_bytes = 0;
}

static inline void sha256_block(sha256 *s) {
    uint32_t w[64], v[8]; /* v: the working variables a to h of the standard */
    for (int t = 0; t < 16; t++) {
        const uint8_t *b = s->block + 4 * t;
        w[t] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int t = 16; t < 64; t++) {
        const uint32_t x = w[t - 15], y = w[t - 2];
        w[t] = w[t - 16] + (sha256_rotated(x, 7) ^ sha256_rotated(x, 18) ^ x >> 3) + w[t - 7] +
               (sha256_rotated(y, 17) ^ sha256_rotated(y, 19) ^ y >> 10);
    }
    memcpy(v, s->state, sizeof v);
    for (int t = 0; t < 64; t++) {
        const uint32_t a = v[0], e = v[4];
        const uint32_t sum_e = sha256_rotated(e, 6) ^ sha256_rotated(e, 11) ^ sha256_rotated(e, 25);
        const uint32_t sum_a = sha256_rotated(a, 2) ^ sha256_rotated(a, 13) ^ sha256_rotated(a, 22);
        const uint32_t t1 =
            v[7] + sum_e + ((e & v[5]) ^ (~e & v[6])) + sha256_round_constants[t] + w[t];
        const uint32_t t2 = sum_a + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        s->state[i] += v[i];
    }
}

static inline void sha256_add(sha256 *s, const void *bytes, size_t n) {
    const uint8_t *from = bytes;
    while (n > 0) {
        const size_t at = (size_t)(s->n_bytes % 64), room = 64 - at, count = n < room ? n : room;
        memcpy(s->block + at, from, count);
        s->n_bytes += count;
        from += count;
        n -= count;
        if (count == room) {
            sha256_block(s);
        }
    }
}

static inline void sha256_finish(sha256 *s, char hex[SHA256_HEX]) {
    static const uint8_t padding[64] = {0x80};
    const uint64_t n_bits = 8 * s->n_bytes;
    uint8_t length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    }
    /* As many bytes as leave just the length to come in the last block. */
    sha256_add(s, padding, (size_t)(1 + (119 - s->n_bytes % 64) % 64));
    sha256_add(s, length, sizeof length);
    for (int i = 0; i < 64; i++) {
        hex[i] = "0123456789abcdef"[s->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    }
    hex[64] = '\0';
}

#endif
