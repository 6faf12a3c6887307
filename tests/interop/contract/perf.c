/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "perf.h"

#include <stdio.h>
#include <stdlib.h>

#include <p2p/host.h>
#include <p2p/perf.h>

enum { SAMPLES_MAX = 1000, PHASES = 3 };

/* What one of the three parts does in each of its rounds. */
typedef struct phase {
    const char *name, *unit;
    int decimals;
    uint64_t up, down;
    size_t rounds;
} phase;

static struct {
    p2p_conn *conn;
    phase phases[PHASES];
    size_t at; /* the phase that runs */
    double samples[SAMPLES_MAX];
    size_t count;
    void (*done)(const char *why);
} run;

static void next_round(void);

/* --- statistics --- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between two samples the percentile is on the line that joins them. */
static double percentile(const double *sorted, size_t count, double p) {
    double at = p / 100 * (double)(count - 1);
    size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (at - (double)below);
}

static void print_list(
    const char *name, const double *values, size_t count, int decimals, double low, double high) {
    const char *between = "";
    printf("  %s: [", name);
    for (size_t i = 0; i < count; i++)
        if (values[i] < low || values[i] > high) {
            printf("%s%.*f", between, decimals, values[i]);
            between = ", ";
        }
    printf("]\n");
}

/* Minimum and maximum are those of the samples that are no outliers. */
static void print_phase(const phase *p) {
    double *v = run.samples;
    qsort(v, run.count, sizeof *v, by_size);
    double q1 = percentile(v, run.count, 25), q3 = percentile(v, run.count, 75);
    double low = q1 - 1.5 * (q3 - q1), high = q3 + 1.5 * (q3 - q1);
    size_t first = 0, last = run.count - 1;
    while (first < last && v[first] < low)
        first++;
    while (last > first && v[last] > high)
        last--;
    printf("%s:\n  iterations: %zu\n", p->name, run.count);
    printf("  min: %.*f\n", p->decimals, v[first]);
    printf("  q1: %.*f\n", p->decimals, q1);
    printf("  median: %.*f\n", p->decimals, percentile(v, run.count, 50));
    printf("  q3: %.*f\n", p->decimals, q3);
    printf("  max: %.*f\n", p->decimals, v[last]);
    print_list("outliers", v, run.count, p->decimals, low, high);
    print_list("samples", v, run.count, p->decimals, 1, 0); /* all of them */
    printf("  unit: %s\n", p->unit);
}

/* --- rounds --- */

static double sample(const phase *p, p2p_time took) {
    uint64_t bytes = p->up > p->down ? p->up : p->down;
    if (p->up == p->down)
        return (double)took / (double)P2P_MILLISECOND;
    return (double)bytes * 8 / (double)(took > 0 ? took : 1); /* bits a nanosecond: Gbps */
}

static void on_progress(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    if (!progress->done)
        return;
    if (progress->err != P2P_OK) {
        run.done(p2p_err_text(progress->err));
        return;
    }
    p2p_time took = p2p_host_now(p2p_conn_host(run.conn)) - progress->started;
    run.samples[run.count++] = sample(&run.phases[run.at], took);
    next_round();
}

static void next_round(void) {
    p2p_perf *perf;
    while (run.at < PHASES && run.count == run.phases[run.at].rounds) {
        if (run.count > 0)
            print_phase(&run.phases[run.at]);
        run.count = 0;
        run.at++;
    }
    if (run.at == PHASES) {
        fflush(stdout);
        run.done(NULL);
        return;
    }
    const phase *p = &run.phases[run.at];
    p2p_err err = p2p_perf_start(&perf, run.conn, p->up, p->down, 0, on_progress, NULL);
    if (err != P2P_OK)
        run.done(p2p_err_text(err));
}

void perf_start(p2p_conn *conn, const perf_settings *amounts, void (*done)(const char *why)) {
    run.conn = conn;
    run.done = done;
    run.phases[0] =
        (phase){"upload", "Gbps", 2, amounts->upload_bytes, 0, amounts->upload_iterations};
    run.phases[1] =
        (phase){"download", "Gbps", 2, 0, amounts->download_bytes, amounts->download_iterations};
    run.phases[2] = (phase){"latency", "ms", 3, 1, 1, amounts->latency_iterations};
    next_round();
}
