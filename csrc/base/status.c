/* Describes each status for error messages. */
#include "pybackprop.h"

const char *pb_status_message(pb_status status) {
    switch (status) {
    case PB_OK: return "success";
    case PB_NO_MEMORY: return "out of memory";
    case PB_TOO_LARGE: return "the requested sizes do not fit in this machine's address space";
    case PB_BAD_ARGUMENT: return "an argument has a value that its function does not accept";
    case PB_UNKNOWN_NAME: return "no activation, loss, optimizer or schedule has that name";
    case PB_BAD_PLACE: return "that activation is not allowed in that layer";
    case PB_UNKNOWN_ISA:
        return "PYBACKPROP_ISA names no instruction set: use baseline, avx2, avx512 or neon";
    case PB_ISA_NOT_RUNNABLE:
        return "PYBACKPROP_ISA names an instruction set that this build or processor cannot run";
    case PB_INTERRUPTED: return "interrupted";
    }
    return "unknown status";
}
