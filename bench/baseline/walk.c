/* The plain page walk that ours is measured against: one flat array of physical memory, a 4- or
   5-level walk with its constants known to the compiler, no caches.
   Per entry: present, reserved bits, rights gathered. After the leaf: rights and protection key
   judged, then A set in every entry used and D in the leaf for a write.
   Built with -DLEVELS=4|5 -DMAXPHYADDR=36..52. */
#include "serve.h"

#define BITS(high, low) ((high) < (low) ? 0 : ((~0ull >> (63 - (high) + (low))) << (low)))
#define LINEAR_BITS (LEVELS == 5 ? 57 : 48)
#define ADDRESS BITS(MAXPHYADDR - 1, 12)
#define RESERVED BITS(51, MAXPHYADDR)

enum { P = 1, RW = 2, US = 4, A = 32, D = 64, PS = 128 };
enum { WRITE = 1, FETCH = 2, USER = 4 };
enum { ERROR_P = 1, ERROR_WR = 2, ERROR_US = 4, ERROR_RSVD = 8, ERROR_ID = 16, ERROR_PK = 32 };
#define NO_EXECUTE 1u
#define PAGE_FAULT (14u << 16)
#define GP_ZERO (13u << 16)
/* A faulting address's result; no physical address has bit 63. */
#define FAULT (1ull << 63)

/* The test of gathered rights, as the registers and the kind of access make it. */
struct judge {
    uint32_t mask, want, denied_user_keys, denied_supervisor_keys, access;
};

static uint8_t *memory;
static uint64_t memory_bytes, root;
static struct judge judge;
static uint64_t *addresses, *results;
static uint64_t address_count, window, at, check_count;
static uint8_t *pristine;

static inline uint64_t page_fault(uint32_t access, uint32_t cause)
{
    return FAULT | PAGE_FAULT | cause | (access & WRITE ? ERROR_WR : 0) |
           (access & USER ? ERROR_US : 0) | (access & FETCH ? ERROR_ID : 0);
}

static inline __attribute__((always_inline)) uint64_t
walk(uint8_t *mem, uint64_t top, struct judge j, uint64_t linear)
{
    if ((uint64_t)((int64_t)(linear << (64 - LINEAR_BITS)) >> (64 - LINEAR_BITS)) != linear)
        return FAULT | GP_ZERO;
    uint32_t *used[LEVELS];
    uint64_t table = top, all = ~0ull, any = 0;
#pragma GCC unroll 5
    for (int level = LEVELS; level > 0; level--) {
        int shift = 12 + 9 * (level - 1);
        uint8_t *place = mem + table + ((linear >> shift) & 511) * 8;
        uint64_t entry;
        memcpy(&entry, place, 8);
        used[LEVELS - level] = (uint32_t *)place;
        int large = level > 1 && level < 4 && (entry & PS);
        uint64_t reserved = RESERVED | (level > 3 ? PS : 0) | (large ? BITS(shift - 1, 13) : 0);
        if ((entry & (P | reserved)) != P)
            return page_fault(j.access, entry & P ? ERROR_P | ERROR_RSVD : 0);
        all &= entry;
        any |= entry;
        if (level > 1 && !large) {
            table = entry & ADDRESS;
            continue;
        }
        uint32_t rights = (all & (RW | US)) | (any >> 63 ? NO_EXECUTE : 0);
        uint32_t keys = rights & US ? j.denied_user_keys : j.denied_supervisor_keys;
        uint32_t denied = keys >> (entry >> 59 & 15) & 1;
        if ((rights & j.mask) != j.want || denied)
            return page_fault(j.access, ERROR_P | (denied ? ERROR_PK : 0));
        uint32_t leaf_wants = j.access & WRITE ? A | D : A;
        if (!(all & A) || (entry & leaf_wants) != leaf_wants) {
            for (int i = 0; i < LEVELS - level; i++)
                if (!(*used[i] & A)) *used[i] |= A;
            *used[LEVELS - level] |= leaf_wants;
        }
        uint64_t page = BITS(shift - 1, 0);
        return (entry & ADDRESS & ~page) | (linear & page);
    }
    __builtin_unreachable(); /* at level 1 every entry maps a page */
}

static void run(void)
{
    uint8_t *mem = memory;
    uint64_t top = root, n = window;
    struct judge j = judge;
    const uint64_t *in = addresses + at;
    uint64_t *out = results;
    for (uint64_t i = 0; i < n; i++) out[i] = walk(mem, top, j, in[i]);
    at = at + 2 * n <= address_count ? at + n : 0;
}

static void reset(void) { memcpy(memory, pristine, memory_bytes); }

/* The results of the first `check_count` addresses and, if they change it, the memory after them. */
static void check(const void **data, size_t *bytes)
{
    static uint8_t *answer;
    size_t results_bytes = check_count * 8;
    *bytes = results_bytes + (pristine ? memory_bytes : 0);
    if (!answer) answer = malloc(*bytes);
    if (pristine) reset();
    at = 0;
    for (uint64_t done = 0; done < check_count; done += window) {
        run();
        memcpy(answer + done * 8, results, window * 8);
    }
    at = 0;
    if (pristine) memcpy(answer + results_bytes, memory, memory_bytes);
    *data = answer;
}

int main(void)
{
    unsigned resets;
    if (scanf("%lu %lu %u %u %u %u %u %lu %lu %lu %u", &memory_bytes, &root, &judge.access,
              &judge.mask, &judge.want, &judge.denied_user_keys, &judge.denied_supervisor_keys,
              &address_count, &window, &check_count, &resets) != 11 || getchar() != '\n')
        return 1;
    memory = read_exactly(memory_bytes);
    addresses = read_exactly(address_count * 8);
    results = calloc(window, 8);
    if (resets) {
        pristine = malloc(memory_bytes);
        memcpy(pristine, memory, memory_bytes);
    }
    struct work w = {run, resets ? reset : NULL, window, check};
    return serve(&w);
}
