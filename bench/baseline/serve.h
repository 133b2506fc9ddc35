/* What every baseline shares: reading its input, timing, and answering the harness. */
#ifndef SERVE_H
#define SERVE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static inline void *read_exactly(size_t bytes)
{
    char *p = malloc(bytes ? bytes : 1);
    if (!p || fread(p, 1, bytes, stdin) != bytes) {
        fprintf(stderr, "baseline: expected %zu bytes of input\n", bytes);
        exit(1);
    }
    return p;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One baseline's work. `run` performs `operations` operations; `reset`, where it is not null, is
   called before each run and not timed. */
struct work {
    void (*run)(void);
    void (*reset)(void);
    double operations;
    /* Does everything once from the start and leaves the results in `*results`. */
    void (*check)(const void **results, size_t *bytes);
};

enum { MAX_SAMPLES = 4096, MIN_SAMPLES = 5 };

/* Nanoseconds of one operation: the median over samples of at least 5 ms, or of one run each if
   something has to be reset in between. */
static double time_work(const struct work *w, double milliseconds)
{
    static double samples[MAX_SAMPLES];
    int count = 0;
    double end = now_ns() + milliseconds * 1e6;
    while (count < MIN_SAMPLES || (count < MAX_SAMPLES && now_ns() < end)) {
        double spent, runs = 0;
        if (w->reset) w->reset();
        double start = now_ns();
        do {
            w->run();
            runs++;
            spent = now_ns() - start;
        } while (!w->reset && spent < 5e6);
        samples[count++] = spent / (runs * w->operations);
    }
    qsort(samples, count, sizeof *samples, by_value);
    return samples[count / 2];
}

/* Answers commands until the harness closes the pipe. */
static int serve(const struct work *w)
{
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "time ", 5) == 0) {
            printf("ns %.6f\n", time_work(w, atof(line + 5)));
        } else if (strcmp(line, "check\n") == 0) {
            const void *results;
            size_t bytes;
            w->check(&results, &bytes);
            printf("bytes %zu\n", bytes);
            fwrite(results, 1, bytes, stdout);
        } else {
            fprintf(stderr, "baseline: unknown command %s", line);
            return 1;
        }
        fflush(stdout);
    }
    return 0;
}

#endif
