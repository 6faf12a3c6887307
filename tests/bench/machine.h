/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the programs of this folder ask of the machine: processors and clocks. */
#ifndef P2P_BENCH_MACHINE_H
#define P2P_BENCH_MACHINE_H

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

/* From here on this process runs on that processor alone, where the machine has it. */
static inline void pin_to_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

/* Of processor time: RUSAGE_SELF, or RUSAGE_CHILDREN that were waited for. */
static inline double cpu_seconds(int who) {
    struct rusage use;
    getrusage(who, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

/* Since some moment in the past. */
static inline double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
