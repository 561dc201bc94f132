/* Instruction sets that this processor and its operating system can run. */
#ifndef PB_CPU_H
#define PB_CPU_H

/* In order of preference: the last runnable one is the default. */
typedef enum pb_isa { PB_BASELINE, PB_NEON, PB_AVX2, PB_AVX512, PB_ISA_COUNT } pb_isa;

const char *pb_isa_name(pb_isa isa);

/* Whether this build has the instruction set and this machine can run it. */
int pb_isa_runnable(pb_isa isa);

#endif
