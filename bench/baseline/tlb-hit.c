/* Loads through a direct-mapped table of translations that hit: what generated code does for each
   memory access. The tag of the access's last byte is compared with the entry of its first, so an
   access that crosses pages misses. Linear page number i is page i of the data. */
#include "serve.h"

struct entry {
    uint64_t tag, addend;
};

enum { GENERATION = 1 };

static struct entry *table;
static uint8_t *data;
static uint64_t *addresses, first_linear, pages, address_count, index_mask;
static struct {
    uint64_t sum, misses;
} result;

static void run(void)
{
    const struct entry *t = table;
    const uint8_t *base = data;
    const uint64_t *in = addresses;
    uint64_t n = address_count, mask = index_mask, generation = GENERATION;
    uint64_t sum = 0, misses = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t linear = in[i];
        const struct entry *e = &t[linear >> 12 & mask];
        if (e->tag == (((linear + 7) & ~4095ull) | generation)) {
            uint64_t value;
            memcpy(&value, base + (linear + e->addend), 8);
            sum += value;
        } else {
            misses++;
        }
    }
    result.sum = sum;
    result.misses = misses;
}

static void check(const void **bytes, size_t *count)
{
    run();
    *bytes = &result;
    *count = sizeof result;
}

int main(void)
{
    unsigned index_bits;
    if (scanf("%lu %lu %lu %u", &first_linear, &pages, &address_count, &index_bits) != 4 ||
        getchar() != '\n')
        return 1;
    index_mask = (1ull << index_bits) - 1;
    table = calloc(index_mask + 1, sizeof *table);
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t linear = first_linear + i * 4096;
        table[linear >> 12 & index_mask] = (struct entry){linear | GENERATION, i * 4096 - linear};
    }
    data = read_exactly(pages * 4096);
    addresses = read_exactly(address_count * 8);
    struct work w = {run, NULL, address_count, check};
    return serve(&w);
}
