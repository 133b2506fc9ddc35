/* Building and clearing a direct map of 4 KiB leaves: one PMD table over page tables from a free
   list, as the mini kernel does it. A build zeroes each new table, fills only entries that are
   empty, and links the table when it is complete. A clearing counts the present entries, zeroes
   them, looks whether the whole table is empty, unlinks it and puts it back on the free list.
   Built with -DCLEARS=0|1: which of the two is timed. */
#include "serve.h"

enum { ENTRIES = 512, PRESENT = 1 };
#define ADDRESS 0x000ffffffffff000ull
#define LEAF 0x8000000000000163ull
#define TABLE 0x67ull

static uint8_t *memory;
static uint64_t physical, table_count, *free_tables, free_count, pages_mapped;
static uint64_t result[2];

static uint64_t *table_at(uint64_t address) { return (uint64_t *)(memory + address); }

static void build(void)
{
    uint64_t *pmd = table_at(0);
    for (uint64_t i = 0; i < table_count; i++) {
        uint64_t address = free_tables[--free_count], *table = table_at(address);
        memset(table, 0, ENTRIES * sizeof *table);
        for (uint64_t j = 0; j < ENTRIES; j++) {
            if (table[j])
                continue;
            table[j] = (physical + (i * ENTRIES + j) * 4096) | LEAF;
            pages_mapped++;
        }
        pmd[i] = address | TABLE;
    }
}

static void clear(void)
{
    uint64_t *pmd = table_at(0);
    for (uint64_t i = 0; i < table_count; i++) {
        uint64_t address = pmd[i] & ADDRESS, *table = table_at(address), left = 0;
        if (!(pmd[i] & PRESENT))
            continue;
        for (uint64_t j = 0; j < ENTRIES; j++) {
            pages_mapped -= table[j] & PRESENT;
            table[j] = 0;
        }
        for (uint64_t j = 0; j < ENTRIES && !left; j++)
            left = table[j];
        if (left)
            continue;
        pmd[i] = 0;
        free_tables[free_count++] = address;
    }
}

/* The pages mapped after a build, and the sum of all leaves. */
static void check(const void **bytes, size_t *count)
{
    if (!pages_mapped)
        build();
    result[0] = pages_mapped;
    result[1] = 0;
    for (uint64_t i = 0; i < table_count; i++) {
        uint64_t *table = table_at(table_at(0)[i] & ADDRESS);
        for (uint64_t j = 0; j < ENTRIES; j++)
            result[1] += table[j];
    }
    *bytes = result;
    *count = sizeof result;
    clear();
}

static void before_build(void)
{
    if (pages_mapped)
        clear();
}

static void before_clear(void)
{
    if (!pages_mapped)
        build();
}

int main(void)
{
    if (scanf("%lu %lu", &physical, &table_count) != 2 || getchar() != '\n')
        return 1;
    memory = calloc(table_count + 1, 4096);
    free_tables = malloc(table_count * sizeof *free_tables);
    for (uint64_t i = 0; i < table_count; i++)
        free_tables[free_count++] = (i + 1) * 4096;
    struct work w = {CLEARS ? clear : build, CLEARS ? before_clear : before_build,
                     table_count * ENTRIES, check};
    return serve(&w);
}
